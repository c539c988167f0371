"""DCGAN and SRResNet in PyTorch: the networks, batches and losses of tfgans, for xla_steps.py to time beside them.

What is the same: every layer and its parameters, a batch, the losses, Adam as Keras computes it, which layers compute
in bfloat16. What is not: latents come from PyTorch's generator (given ones can take their place), the moving variance
of a batch normalization, which no training step reads, is that of a sample, and learning rates do not fall. Images
and weights are kept in `channels_last`, in which PyTorch's convolutions are fastest.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
if CUDA:
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")  # as XLA: TensorFloat-32


def mixed(precision: str) -> torch.autocast:
    """The layers inside compute in bfloat16, if that is the precision."""
    return torch.autocast(DEVICE, torch.bfloat16, enabled=precision == "mixed_bfloat16")


def whole() -> torch.autocast:
    """The layers inside compute in float32, as those with that dtype in Keras."""
    return torch.autocast(DEVICE, enabled=False)


def batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class Same(nn.Conv2d):
    """A strided convolution of 4x4 with TensorFlow's "same" padding, which is not symmetric where a side is odd."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        odd = (x.shape[2] % 2, x.shape[3] % 2)
        return super().forward(F.pad(x, (1, 1 + odd[1], 1, 1 + odd[0])))


class Enlarge(nn.Conv2d):
    """A convolution to 4 channels for each, which then become 2x2 pixels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.pixel_shuffle(super().forward(x), 2)


def load(network: nn.Module, arrays: Iterator[np.ndarray]) -> nn.Module:
    """The network with the weights of one of Keras, in its order; their number and shapes must be the same."""
    for layer in network.modules():
        for name in ("weight", "bias"):
            own = getattr(layer, name, None)
            if not isinstance(own, nn.Parameter):
                continue
            given = next(arrays)
            if given.ndim == 4:  # (h, w, in, out) of a convolution, (h, w, out, in) of a transposed one
                given = given.transpose(3, 2, 0, 1)
            elif given.ndim == 2:
                given = given.T
            elif given.ndim == 3:  # the slopes of PReLU, (1, 1, c)
                given = given.ravel()
            if isinstance(layer, Enlarge):  # TensorFlow's channel (2 dy + dx) c + k is PyTorch's 4 k + 2 dy + dx
                given = given.reshape(4, -1, *given.shape[1:]).swapaxes(0, 1).reshape(given.shape)
            assert own.shape == given.shape, f"{layer}: {tuple(own.shape)} and {given.shape}"
            with torch.no_grad():
                own.copy_(torch.from_numpy(np.ascontiguousarray(given)))
    assert next(arrays, None) is None, "the network has other weights"
    return network.to(DEVICE, memory_format=torch.channels_last)


class Adam:
    """PyTorch's fused Adam with Keras's epsilon, which is not divided by the correction of the second moment."""

    def __init__(self, network: nn.Module, settings: dict[str, Any]) -> None:
        self.beta_2, self.updates = settings.get("beta_2", 0.999), 0
        betas = (settings.get("beta_1", 0.9), self.beta_2)
        self.own = torch.optim.Adam(network.parameters(), settings["learning_rate"], betas, fused=True)

    def minimize(self, loss: torch.Tensor) -> None:
        self.updates += 1
        self.own.param_groups[0]["eps"] = 1e-7 / (1 - self.beta_2**self.updates) ** 0.5
        self.own.zero_grad(set_to_none=True)
        loss.backward()
        self.own.step()


class Twin:
    """A step that is called, waited for and asked for its losses as a program of xla_steps.py is.

    `about` and `values` are what that file exports with a step: settings, names of weights; weights and a batch.
    """

    stage: str  # of the training that it is the twin of

    def __init__(self, about: dict[str, Any], values: Mapping[str, np.ndarray], compiled: bool) -> None:
        self.about, self.values, self.compiled = about, values, compiled
        self.found: dict[str, torch.Tensor] = {}

    def restart(self, changes: dict[str, int]) -> None:
        """Make networks and optimizers anew."""
        raise NotImplementedError

    def weights(self, network: str) -> Iterator[np.ndarray]:
        return (self.values[key] for key in self.about["networks"][network])

    def images(self, name: str) -> torch.Tensor:
        """Of the batch, (n, c, h, w)."""
        return torch.from_numpy(self.values[f"batch {name}"]).to(DEVICE).permute(0, 3, 1, 2)

    def maybe_compiled(self, loss: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        return torch.compile(loss) if self.compiled else loss

    def wait(self) -> None:
        if CUDA:
            torch.cuda.synchronize()

    def losses(self) -> dict[str, float]:
        return {term: value.item() for term, value in self.found.items()}


class DCGANGenerator(nn.Module):
    def __init__(self, image_shape: tuple[int, int, int], latent_dim: int, width: int) -> None:
        super().__init__()
        height, wide, channels = image_shape
        times = halvings(height, wide)
        self.start = (height >> times, wide >> times, width << (times - 1))
        self.dense = nn.Linear(latent_dim, int(np.prod(self.start)), bias=False)
        self.norm = batch_norm(self.start[2])
        layers, before = [], self.start[2]
        for i in reversed(range(times)):
            if i == times - 1:  # stride 1: TensorFlow cuts one row and column before and two after
                layers += [nn.ConvTranspose2d(before, width << i, 4, 1, 1, bias=False), Cut()]
            else:
                layers += [nn.ConvTranspose2d(before, width << i, 4, 2, 1, bias=False)]
            layers += [batch_norm(width << i), nn.ReLU()]
            before = width << i
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(before, channels, 4, 2, 1))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = self.dense(z).reshape(-1, *self.start).permute(0, 3, 1, 2)
        return torch.tanh(self.layers(F.relu(self.norm(x))).float())


class Cut(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, :-1, :-1]


class DCGANDiscriminator(nn.Module):
    def __init__(self, image_shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        height, wide, before = image_shape
        layers = []
        for i in range(halvings(height, wide) + 1):
            layers += [Same(before, width << i, 4, 2, bias=i == 0)]
            layers += [batch_norm(width << i)] * (i > 0) + [nn.LeakyReLU(0.2)]
            height, wide, before = -(-height // 2), -(-wide // 2), width << i
        self.layers = nn.Sequential(*layers)
        self.dense = nn.Linear(height * wide * before, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.layers(images).permute(0, 2, 3, 1).flatten(1)  # Keras's order
        with whole():
            return self.dense(x.float())


def halvings(height: int, wide: int) -> int:
    times = 0
    while min(height, wide) >> times > 7:
        times += 1
    return times


def cross_entropy(logits: torch.Tensor, real: bool) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))


class DCGAN(Twin):
    """Of tfgans/models/dcgan.py, without dropout."""

    stage = "step"

    def restart(self, changes: dict[str, int]) -> None:
        settings = self.about["model"]
        shape, self.latent_dim = tuple(settings["image_shape"]), settings["latent_dim"]
        generator = load(DCGANGenerator(shape, self.latent_dim, settings["width"]), self.weights("generator"))
        discriminator = load(DCGANDiscriminator(shape, settings["width"]), self.weights("discriminator"))
        self.discriminator, self.generator_steps = discriminator, settings["generator_steps"]
        self.g_optimizer = Adam(generator, self.about["optimizers"]["g_optimizer"])
        self.d_optimizer = Adam(discriminator, self.about["optimizers"]["d_optimizer"])
        self.real = self.images("image")
        self.given = [torch.from_numpy(z).to(DEVICE) for z in self.values["latents"]]  # of the first step

        def discriminator_loss(real: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
            with mixed(self.about["precision"]):
                with torch.no_grad():
                    fake = generator(z)
                return (cross_entropy(discriminator(real), True) + cross_entropy(discriminator(fake), False)) / 2

        def generator_loss(z: torch.Tensor) -> torch.Tensor:
            with mixed(self.about["precision"]):
                return cross_entropy(discriminator(generator(z)), True)

        self.discriminator_loss, self.generator_loss = map(self.maybe_compiled, (discriminator_loss, generator_loss))

    def latents(self) -> torch.Tensor:
        return self.given.pop(0) if self.given else torch.randn(len(self.real), self.latent_dim, device=DEVICE)

    def __call__(self) -> None:
        self.discriminator.requires_grad_(True)
        self.found["d_loss"] = self.discriminator_loss(self.real, self.latents())
        self.d_optimizer.minimize(self.found["d_loss"])
        self.discriminator.requires_grad_(False)  # no gradient that nothing uses
        for _ in range(self.generator_steps):
            self.found["g_loss"] = self.generator_loss(self.latents())
            self.g_optimizer.minimize(self.found["g_loss"])


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


class SRResNet(Twin):
    """The first stage of tfgans/models/srgan.py."""

    stage = "pretrain"

    def restart(self, changes: dict[str, int]) -> None:
        settings = self.about["model"]
        network = srresnet(settings["image_shape"][2], settings["width"], settings["blocks"])
        network = load(network, self.weights("generator"))
        self.optimizer = Adam(network, self.about["optimizers"]["pretrain_optimizer"])
        self.source, self.target = self.images("source"), self.images("target")
        distance = {"l1": F.l1_loss, "mse": F.mse_loss}[settings["pixel"]]

        def pixel_loss(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            with mixed(self.about["precision"]):
                made = network(source)
            return distance(made.float(), target)

        self.pixel_loss = self.maybe_compiled(pixel_loss)

    def __call__(self) -> None:
        self.found["pixel_loss"] = self.pixel_loss(self.source, self.target)
        self.optimizer.minimize(self.found["pixel_loss"])


TWINS: dict[str, type[Twin]] = {"dcgan-mnist": DCGAN, "srgan-srresnet": SRResNet}
