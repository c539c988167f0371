"""SRResNet and SRGAN in PyTorch: see twins_torch.py."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from twins_torch import DEVICE, Adam, Enlarge, Same, Twin, batch_norm, cross_entropy, whole

# of tfgans/features/squeezenet.py, which reports, but does not export, what its distance is made of
FIRES = {"fire2": 16, "fire3": 16, "fire4": 32, "fire5": 32, "fire6": 48, "fire7": 48, "fire8": 64, "fire9": 64}
POOLED_BEFORE = ("fire2", "fire4", "fire6")


class Residual(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


def srresnet(channels: int, width: int, blocks: int) -> nn.Module:
    def convolution() -> nn.Module:
        return nn.Conv2d(width, width, 3, padding=1, bias=False)

    block = [
        Residual(convolution(), batch_norm(width), nn.PReLU(width), convolution(), batch_norm(width))
        for _ in range(blocks)
    ]
    enlarge = [layer for _ in range(2) for layer in (Enlarge(width, 4 * width, 3, padding=1), nn.PReLU(width))]
    return nn.Sequential(
        nn.Conv2d(channels, width, 9, padding=4),
        nn.PReLU(width),
        Residual(*block, convolution(), batch_norm(width)),
        *enlarge,
        nn.Conv2d(width, channels, 9, padding=4),
    )


def distance_of(settings: dict[str, Any]) -> Any:
    return {"l1": F.l1_loss, "mse": F.mse_loss}[settings["pixel"]]


class SRResNet(Twin):
    """The first stage of tfgans/models/srgan.py."""

    stage = "pretrain"

    def build(self) -> None:
        settings = self.settings
        network = srresnet(settings["image_shape"][2], settings["width"], settings["blocks"])
        network = self.loaded(network, "generator")
        self.optimizer = Adam(network, self.about["optimizers"]["pretrain_optimizer"])
        self.source, self.target = self.images("source"), self.images("target")
        distance = distance_of(settings)

        def pixel_loss(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            with self.mixed():
                made = network(source)
            return distance(made.float(), target)

        self.pixel_loss = self.maybe_compiled(pixel_loss)

    def __call__(self) -> None:
        loss = self.pixel_loss(self.source, self.target)
        self.optimizer.minimize(loss)
        self.keep(pixel_loss=loss)


class Discriminator(nn.Module):
    def __init__(self, image_shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        height, wide, before = image_shape
        layers: list[nn.Module] = []
        for i in range(8):
            filters, stride = width << (i // 2), 1 + i % 2
            layers += [Same(before, filters, 3, stride, bias=i == 0), *[batch_norm(filters)] * (i > 0)]
            layers += [nn.LeakyReLU(0.2)]
            height, wide, before = -(-height // stride), -(-wide // stride), filters
        self.layers = nn.Sequential(*layers)
        self.dense = nn.Sequential(nn.Linear(height * wide * before, 16 * width), nn.LeakyReLU(0.2))
        self.last = nn.Linear(16 * width, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.dense(self.layers(images).permute(0, 2, 3, 1).flatten(1))
        with whole():
            return self.last(x.float())


class SqueezeNetDistance(nn.Module):
    """The content loss: SqueezeNet 1.1 as far as its last distance layer; `floors` are those of its layers."""

    def __init__(self, floors: dict[str, float]) -> None:
        super().__init__()
        self.floors = floors
        self.register_buffer("offset", 127.5 - torch.tensor((103.939, 116.779, 123.68)).reshape(3, 1, 1))
        self.conv1 = nn.Conv2d(3, 64, 3, 2)
        before = 64
        for name, squeeze in FIRES.items():
            setattr(self, f"{name}_squeeze1x1", nn.Conv2d(before, squeeze, 1))
            setattr(self, f"{name}_expand1x1", nn.Conv2d(squeeze, 4 * squeeze, 1))
            setattr(self, f"{name}_expand3x3", nn.Conv2d(squeeze, 4 * squeeze, 3, padding=1))
            before = 8 * squeeze

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        terms = []
        for one, other in zip(self.features(a), self.features(b), strict=True):
            terms.append((one - other).square().sum(1).mean())
        return torch.stack(terms).mean()

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Of the layers of the distance, at a length of 1 as far as the floor lets them."""
        found = []
        x = F.relu(self.conv1(127.5 * images.flip(1) + self.offset))
        for name in ("conv1", *FIRES):
            if name in POOLED_BEFORE:
                x = F.max_pool2d(x, 3, 2)
            if name in FIRES:
                x = F.relu(getattr(self, f"{name}_squeeze1x1")(x))
                x = F.relu(torch.cat([getattr(self, f"{name}_expand1x1")(x), getattr(self, f"{name}_expand3x3")(x)], 1))
            if name in self.floors:
                found.append(x * torch.rsqrt(x.square().sum(1, keepdim=True) + self.floors[name]))
        return found


class SRGAN(Twin):
    """The second stage of tfgans/models/srgan.py, with the content loss of SqueezeNet or none."""

    stage = "compete"

    def build(self) -> None:
        settings = self.settings
        height, wide, channels = settings["image_shape"]
        self.side = (height - settings["shift"], wide - settings["shift"])
        generator = self.loaded(srresnet(channels, settings["width"], settings["blocks"]), "generator")
        discriminator = Discriminator((*self.side, channels), settings["discriminator_width"])
        self.discriminator = discriminator = self.loaded(discriminator, "discriminator")
        content = self.content()
        self.g_optimizer = Adam(generator, self.about["optimizers"]["g_optimizer"])
        self.d_optimizer = Adam(discriminator, self.about["optimizers"]["d_optimizer"])
        self.source, self.target = self.images("source"), self.images("target")
        distance = distance_of(settings)

        def generator_losses(
            source: torch.Tensor, target: torch.Tensor, *places: torch.Tensor
        ) -> tuple[torch.Tensor, ...]:
            with self.mixed():
                made = generator(source)
            made = made.float()
            pixel = distance(made, target)
            target, seen = self.crops(places, target, made)
            with self.mixed():
                on_made = discriminator(seen)
            far = pixel if content is None else content(target, seen)
            adversarial = settings["adversarial_weight"] * cross_entropy(on_made, True)
            weight = settings["pixel_weight"] or 1.0
            return settings["content_weight"] * far, adversarial, weight * pixel, made

        def discriminator_loss(
            target: torch.Tensor, made: torch.Tensor, *places: torch.Tensor
        ) -> tuple[torch.Tensor, ...]:
            target, made = self.crops(places, target, made)
            with self.mixed():
                on_target, on_made = discriminator(target), discriminator(made)
            loss = cross_entropy(on_target, True) + cross_entropy(on_made, False)
            return loss, on_target.sigmoid().mean(), on_made.sigmoid().mean()

        self.generator_losses, self.discriminator_loss = map(
            self.maybe_compiled, (generator_losses, discriminator_loss)
        )

    def content(self) -> nn.Module | None:
        if not self.settings["content"].startswith("squeezenet"):
            return None
        network = SqueezeNetDistance(self.about["floors"])
        for key, value in self.values.items():
            if key.startswith("content "):
                _, layer, kind = key.split()
                array = torch.from_numpy(value)
                own = getattr(getattr(network, layer), {"kernel": "weight"}.get(kind, kind))
                own.data.copy_(array.permute(3, 2, 0, 1) if array.ndim == 4 else array)
        return network.requires_grad_(False).to(DEVICE, memory_format=self.order)

    def places(self) -> tuple[torch.Tensor, ...]:
        """What `SRGAN.crops` draws: for each image twice the first row, and twice the first column."""
        shift, n = self.settings["shift"], len(self.source)
        if not shift:
            return ()
        return tuple(self.drawn(lambda: torch.randint(2 * shift, (n, 1), device=DEVICE)) for _ in range(2))

    def crops(self, places: tuple[torch.Tensor, ...], *images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = images
        for axis, (half, side) in enumerate(zip(places, self.side, strict=False), start=2):
            pixels = (half.long() + 1) // 2 + torch.arange(side, device=DEVICE)
            shape = (-1, 1, side, 1) if axis == 2 else (-1, 1, 1, side)
            index = pixels.reshape(shape)
            found = tuple(
                image.gather(axis, index.expand(*image.shape[:axis], side, *image.shape[axis + 1 :])) for image in found
            )
        return found

    def __call__(self) -> None:
        self.discriminator.requires_grad_(False)  # no gradient that nothing uses
        content, adversarial, pixel, made = self.generator_losses(self.source, self.target, *self.places())
        minimized = (content, adversarial, *[pixel] * bool(self.settings["pixel_weight"]))
        self.g_optimizer.minimize(*minimized)
        self.discriminator.requires_grad_(True)
        loss, d_real, d_fake = self.discriminator_loss(self.target, made.detach(), *self.places())
        self.d_optimizer.minimize(loss)
        self.keep(content_loss=content, adversarial_loss=adversarial, pixel_loss=pixel)
        self.keep(d_loss=loss, d_real=d_real, d_fake=d_fake)
