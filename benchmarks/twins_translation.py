"""Pix2pix and CycleGAN in PyTorch: see twins_torch.py."""

import random

import torch
from torch import nn
from torch.nn import functional as F
from twins_torch import DEVICE, Adam, Cut, Same, Twin, cross_entropy, whole


def norm(kind: str, channels: int) -> list[nn.Module]:
    """The normalization of this name, of tfgans/models/networks.py."""
    if kind == "none":
        return []
    return [nn.BatchNorm2d(channels, 1e-5, 0.01) if kind == "batch" else nn.InstanceNorm2d(channels, 1e-5)]


def convolution(before: int, filters: int, kind: str, kernel: int = 4, stride: int = 2) -> list[nn.Module]:
    return [Same(before, filters, kernel, stride, bias=kind == "none"), *norm(kind, filters)]


class PatchGAN(nn.Module):
    """With patches of more than one pixel."""

    def __init__(self, channels: int, width: int, patch: int, kind: str = "batch") -> None:
        super().__init__()
        halvings = {16: 1, 34: 2, 70: 3, 142: 4, 286: 5}[patch]
        layers: list[nn.Module] = []
        before = channels
        for i in range(halvings):
            filters = width * min(1 << i, 8)
            layers += [*convolution(before, filters, kind if i else "none"), nn.LeakyReLU(0.2)]
            before = filters
        filters = width * min(1 << halvings, 8)
        layers += [nn.Conv2d(before, filters, 4, padding=1, bias=kind == "none"), *norm(kind, filters)]
        self.layers = nn.Sequential(*layers, nn.LeakyReLU(0.2))
        self.last = nn.Conv2d(filters, 1, 4, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layers(x)
        with whole():
            return self.last(x.float())


class UNet(nn.Module):
    """With skip connections. Called with the masks of its dropout."""

    def __init__(self, given: int, made: int, width: int, levels: int) -> None:
        super().__init__()
        filters = [width * min(1 << i, 8) for i in range(levels)]
        inputs = [given, *filters]
        kinds = ["batch" if 0 < i < levels - 1 else "none" for i in range(levels)]
        self.down = nn.ModuleList(
            nn.Sequential(*convolution(*each)) for each in zip(inputs[:-1], filters, kinds, strict=True)
        )
        up, before = [], filters[-1]
        for each in reversed(filters[:-1]):
            layer = nn.ConvTranspose2d(before, each, 4, 2, 1, bias=False)
            up.append(nn.Sequential(layer, *norm("batch", each)))
            before = 2 * each
        self.up = nn.ModuleList(up)
        self.last = nn.ConvTranspose2d(before, made, 4, 2, 1)

    def forward(self, x: torch.Tensor, *masks: torch.Tensor) -> torch.Tensor:
        maps = []
        for i, layer in enumerate(self.down):
            x = layer(F.leaky_relu(x, 0.2) if i else x)
            maps.append(x)
        for i, layer in enumerate(self.up):
            x = layer(F.relu(x))
            if i < len(masks):
                x = x * masks[i]
            x = torch.cat([x, maps[-2 - i]], 1)
        return torch.tanh(self.last(F.relu(x)).float())


class Pix2pix(Twin):
    """Of tfgans/models/pix2pix.py, from images, conditional, with skip connections."""

    stage = "step"

    def build(self) -> None:
        settings = self.settings
        height, wide, channels = settings["image_shape"]
        levels, given = min(height, wide).bit_length() - 1, settings["source_channels"]
        generator = self.loaded(UNet(given, channels, settings["width"], levels), "generator")
        discriminator = PatchGAN(given + channels, settings["discriminator_width"], settings["patch"])
        self.discriminator = discriminator = self.loaded(discriminator, "discriminator")
        self.g_optimizer = Adam(generator, self.about["optimizers"]["g_optimizer"])
        self.d_optimizer = Adam(discriminator, self.about["optimizers"]["d_optimizer"])
        self.source, self.target = self.images("source"), self.images("target")
        filters = [settings["width"] * min(1 << i, 8) for i in reversed(range(levels - 1))]
        self.masked = [  # the shapes of the maps with dropout
            (len(self.source), filters[i], height >> (levels - 1 - i), wide >> (levels - 1 - i))
            for i in range(min(3, levels - 1))
        ]

        def generator_loss(
            source: torch.Tensor, target: torch.Tensor, *masks: torch.Tensor
        ) -> tuple[torch.Tensor, ...]:
            with self.mixed():
                made = generator(source, *masks)
                on_made = discriminator(torch.cat([source, made], 1))
            return cross_entropy(on_made, True), F.l1_loss(made, target), made

        def discriminator_loss(
            source: torch.Tensor, target: torch.Tensor, made: torch.Tensor
        ) -> tuple[torch.Tensor, ...]:
            with self.mixed():
                on_target = discriminator(torch.cat([source, target], 1))
                on_made = discriminator(torch.cat([source, made], 1))
            loss = (cross_entropy(on_target, True) + cross_entropy(on_made, False)) / 2
            return loss, on_target.sigmoid().mean(), on_made.sigmoid().mean()

        self.generator_loss, self.discriminator_loss = map(self.maybe_compiled, (generator_loss, discriminator_loss))

    def masks(self) -> list[torch.Tensor]:
        """Of dropout: 0, or what keeps the mean."""
        left = 1.0 - self.settings["dropout"]
        if left == 1.0:
            return []
        if self.given:
            return [self.given.pop(0).permute(0, 3, 1, 2) for _ in self.masked]
        return [torch.empty(shape, device=DEVICE).bernoulli_(left) / left for shape in self.masked]

    def __call__(self) -> None:
        self.discriminator.requires_grad_(False)  # no gradient that nothing uses
        loss, l1, made = self.generator_loss(self.source, self.target, *self.masks())
        self.g_optimizer.minimize(loss, self.settings["l1_weight"] * l1)
        self.keep(g_loss=loss, l1_loss=self.settings["l1_weight"] * l1, l1=l1)
        self.discriminator.requires_grad_(True)
        loss, d_real, d_fake = self.discriminator_loss(self.source, self.target, made.detach())
        self.d_optimizer.minimize(loss)
        self.keep(d_loss=loss, d_real=d_real, d_fake=d_fake)


def reflected(before: int, filters: int, kind: str, kernel: int) -> list[nn.Module]:
    pad = kernel // 2
    return [nn.ReflectionPad2d(pad), nn.Conv2d(before, filters, kernel, bias=kind == "none"), *norm(kind, filters)]


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        one, other = (reflected(channels, channels, "instance", 3) for _ in range(2))
        self.layers = nn.Sequential(*one, nn.ReLU(), *other)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


class ResidualGenerator(nn.Module):
    def __init__(self, channels: int, width: int, blocks: int) -> None:
        super().__init__()
        layers = [*reflected(channels, width, "instance", 7), nn.ReLU()]
        for i in range(2):
            layers += [*convolution(width << i, width << (i + 1), "instance", 3), nn.ReLU()]
        layers += [ResidualBlock(width << 2) for _ in range(blocks)]
        for i in reversed(range(2)):  # TensorFlow cuts the last row and column
            layers += [nn.ConvTranspose2d(width << (i + 1), width << i, 3, 2, bias=False), Cut()]
            layers += [*norm("instance", width << i), nn.ReLU()]
        self.layers = nn.Sequential(*layers, *reflected(width, channels, "none", 7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.layers(x).float())


class Pool:
    """Of translated images, for the discriminators."""

    def __init__(self, size: int) -> None:
        self.size, self.images = size, []

    def exchange(self, images: torch.Tensor) -> torch.Tensor:
        if not self.size:
            return images
        shown = []
        for image in images:
            if len(self.images) < self.size:
                self.images.append(image.clone())
            elif random.random() > 0.5:
                place = random.randrange(self.size)
                image, self.images[place] = self.images[place], image.clone()
            shown.append(image)
        return torch.stack(shown)


class CycleGAN(Twin):
    """Of tfgans/models/cyclegan.py. Not its losses are compiled but its networks, which they call several times."""

    stage = "step"

    def build(self) -> None:
        settings = self.settings
        channels = settings["image_shape"][2]
        ab, ba = (
            self.loaded(ResidualGenerator(channels, settings["width"], settings["blocks"]), f"generator_{way}")
            for way in ("ab", "ba")
        )
        judges = [
            self.loaded(
                PatchGAN(channels, settings["discriminator_width"], settings["patch"], "instance"),
                f"discriminator_{domain}",
            )
            for domain in ("a", "b")
        ]
        self.judges = nn.ModuleList(judges)
        self.g_optimizer = Adam(nn.ModuleList((ab, ba)), self.about["optimizers"]["g_optimizer"])
        self.d_optimizer = Adam(self.judges, self.about["optimizers"]["d_optimizer"])
        self.a, self.b = self.images("a"), self.images("b")
        self.pools = [Pool(settings["pool"]) for _ in range(2)]
        ab, ba, *judges = map(self.maybe_compiled, (ab, ba, *judges))

        def generator_loss(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, ...]:
            with self.mixed():
                made_b, made_a = ab(a), ba(b)
                on_a, on_b = judges[0](made_a), judges[1](made_b)
                back_a, back_b = ba(made_b), ab(made_a)
                identity = torch.zeros(())
                if settings["identity_weight"]:
                    identity = F.l1_loss(ba(a), a) + F.l1_loss(ab(b), b)
            cycle = F.l1_loss(back_a, a) + F.l1_loss(back_b, b)
            loss = (on_a - 1.0).square().mean() + (on_b - 1.0).square().mean()
            return loss, settings["cycle_weight"] * cycle, settings["identity_weight"] * identity, made_a, made_b

        def discriminator_loss(*images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            with self.mixed():
                on_reals = [judge(real) for judge, real in zip(judges, images[:2], strict=True)]
                on_fakes = [judge(fake) for judge, fake in zip(judges, images[2:], strict=True)]
            losses = [(each - 1.0).square().mean() for each in on_reals] + [each.square().mean() for each in on_fakes]
            means = (sum(each.mean() for each in on) / 2 for on in (on_reals, on_fakes))
            return sum(losses) / 2, *means

        self.generator_loss, self.discriminator_loss = generator_loss, discriminator_loss

    def __call__(self) -> None:
        self.judges.requires_grad_(False)  # no gradient that nothing uses
        loss, cycle, identity, *made = self.generator_loss(self.a, self.b)
        minimized = [loss, cycle, *[identity] * bool(self.settings["identity_weight"])]
        self.g_optimizer.minimize(*minimized)
        self.keep(g_loss=loss, cycle_loss=cycle, cycle_l1=cycle / (2 * self.settings["cycle_weight"]))
        self.keep(identity_loss=identity)
        self.judges.requires_grad_(True)
        fakes = [pool.exchange(images.detach()) for pool, images in zip(self.pools, made, strict=True)]
        loss, d_real, d_fake = self.discriminator_loss(self.a, self.b, *fakes)
        self.d_optimizer.minimize(loss)
        self.keep(d_loss=loss, d_real=d_real, d_fake=d_fake)
