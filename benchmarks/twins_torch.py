"""Training steps in PyTorch: the networks, batches and losses of tfgans, to be timed beside them. DCGAN and WGAN-GP.

What is the same: every layer and its parameters, a batch, the losses, Adam as Keras computes it, which layers compute
in bfloat16. What is not: random numbers come from PyTorch's generator (those of the first step can be given), the
moving variance of a batch normalization, which no training step reads, is that of a sample, and learning rates do not
fall.
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
    """A convolution with TensorFlow's "same" padding, which is not symmetric if the sum of a side's two is odd."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pads = []
        for side, kernel, stride in zip(x.shape[2:], self.kernel_size, self.stride, strict=True):
            both = max(0, (-(-side // stride) - 1) * stride + kernel - side)
            pads.append((both // 2, both - both // 2))
        (top, bottom), (left, right) = pads
        if top != bottom or left != right:
            x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
        return F.conv2d(x, self.weight, self.bias, self.stride, (top, left))


class Enlarge(nn.Conv2d):
    """A convolution to 4 channels for each, which then become 2x2 pixels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.pixel_shuffle(super().forward(x), 2)


def load(network: nn.Module, arrays: Iterator[np.ndarray]) -> None:
    """Give a network the weights of one of Keras, in its order; their number and shapes must be the same."""
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


class Adam:
    """PyTorch's fused Adam with Keras's epsilon, which is not divided by the correction of the second moment."""

    def __init__(self, network: nn.Module, settings: dict[str, Any]) -> None:
        self.beta_2, self.updates = settings.get("beta_2", 0.999), 0
        betas = (settings.get("beta_1", 0.9), self.beta_2)
        self.own = torch.optim.Adam(network.parameters(), settings["learning_rate"], betas, fused=True)

    def minimize(self, *losses: torch.Tensor) -> None:
        """Update the network once, by the gradient of the sum."""
        self.updates += 1
        self.own.param_groups[0]["eps"] = 1e-7 / (1 - self.beta_2**self.updates) ** 0.5
        self.own.zero_grad(set_to_none=True)
        torch.stack(losses).sum().backward()
        self.own.step()


class Twin:
    """A step that is called, waited for and asked for its losses.

    `about` and `values` describe the step of tfgans: settings, names of weights, and the losses of its first step;
    weights, a batch, and what the first step draws. A compiled one compiles its losses with `torch.compile`; with
    `channels_last` images and kernels are kept in the order in which PyTorch's convolutions usually are fastest.
    """

    stage: str  # of the training that it is the twin of

    def __init__(
        self, about: dict[str, Any], values: Mapping[str, np.ndarray], compiled: bool, channels_last: bool = True
    ) -> None:
        self.about, self.values, self.compiled = about, values, compiled
        self.order = torch.channels_last if channels_last else torch.contiguous_format
        self.settings: dict[str, Any] = about["model"]
        self.found: dict[str, torch.Tensor] = {}

    def restart(self, changes: dict[str, int]) -> None:
        """Make networks and optimizers anew, and use the given draws in the next step."""
        drawn = sorted((key for key in self.values if key.startswith("draw ")), key=lambda key: int(key.split()[1]))
        self.given = [torch.from_numpy(self.values[key]).to(DEVICE) for key in drawn]
        self.build()

    def build(self) -> None:
        raise NotImplementedError

    def drawn(self, fresh: Callable[[], torch.Tensor]) -> torch.Tensor:
        """The next of the given draws, or a new one."""
        return self.given.pop(0) if self.given else fresh()

    def loaded(self, network: nn.Module, name: str) -> nn.Module:
        """The network with the weights of that name."""
        load(network, (self.values[key] for key in self.about["networks"][name]))
        return network.to(DEVICE, memory_format=self.order)

    def images(self, name: str) -> torch.Tensor:
        """Of the batch, (n, c, h, w), or (groups, n, c, h, w)."""
        images = torch.from_numpy(self.values[f"batch {name}"]).to(DEVICE).movedim(-1, -3)
        return images if self.order is torch.channels_last else images.contiguous()

    def mixed(self) -> torch.autocast:
        return mixed(self.about["precision"])

    def maybe_compiled(self, loss: Callable[..., Any]) -> Callable[..., Any]:
        return torch.compile(loss) if self.compiled else loss

    def keep(self, **terms: torch.Tensor) -> None:
        self.found |= {term: value.detach() for term, value in terms.items()}

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

    def build(self) -> None:
        settings = self.settings
        shape, self.latent_dim = tuple(settings["image_shape"]), settings["latent_dim"]
        generator = self.loaded(DCGANGenerator(shape, self.latent_dim, settings["width"]), "generator")
        discriminator = self.loaded(DCGANDiscriminator(shape, settings["width"]), "discriminator")
        self.discriminator = discriminator
        self.g_optimizer = Adam(generator, self.about["optimizers"]["g_optimizer"])
        self.d_optimizer = Adam(discriminator, self.about["optimizers"]["d_optimizer"])
        self.real = self.images("image")

        def discriminator_loss(real: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
            with self.mixed():
                with torch.no_grad():
                    fake = generator(z)
                return (cross_entropy(discriminator(real), True) + cross_entropy(discriminator(fake), False)) / 2

        def generator_loss(z: torch.Tensor) -> torch.Tensor:
            with self.mixed():
                return cross_entropy(discriminator(generator(z)), True)

        self.discriminator_loss, self.generator_loss = map(self.maybe_compiled, (discriminator_loss, generator_loss))

    def latents(self) -> torch.Tensor:
        return self.drawn(lambda: torch.randn(len(self.real), self.latent_dim, device=DEVICE))

    def __call__(self) -> None:
        self.discriminator.requires_grad_(True)
        loss = self.discriminator_loss(self.real, self.latents())
        self.d_optimizer.minimize(loss)
        self.keep(d_loss=loss)
        self.discriminator.requires_grad_(False)  # no gradient that nothing uses
        for _ in range(self.settings["generator_steps"]):
            loss = self.generator_loss(self.latents())
            self.g_optimizer.minimize(loss)
        self.keep(g_loss=loss)


class Critic(nn.Module):
    """Of WGAN-GP: no normalization, and no bias at the end."""

    def __init__(self, image_shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        height, wide, before = image_shape
        layers: list[nn.Module] = []
        for i in range(halvings(height, wide) + 1):
            layers += [Same(before, width << i, 4, 2), nn.LeakyReLU(0.2)]
            height, wide, before = -(-height // 2), -(-wide // 2), width << i
        self.layers = nn.Sequential(*layers)
        self.dense = nn.Linear(height * wide * before, 1, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.layers(images).permute(0, 2, 3, 1).flatten(1)
        with whole():
            return self.dense(x.float())


class WGANGP(Twin):
    """Of tfgans/models/wgan_gp.py."""

    stage = "step"

    def build(self) -> None:
        settings = self.settings
        shape, self.latent_dim = tuple(settings["image_shape"]), settings["latent_dim"]
        generator = self.loaded(DCGANGenerator(shape, self.latent_dim, settings["width"]), "generator")
        critic = self.critic = self.loaded(Critic(shape, settings["width"]), "critic")
        self.g_optimizer = Adam(generator, self.about["optimizers"]["g_optimizer"])
        self.d_optimizer = Adam(critic, self.about["optimizers"]["d_optimizer"])
        self.reals = self.images("image")
        slope = torch.func.grad(lambda images: critic(images).sum())

        def critic_loss(real: torch.Tensor, z: torch.Tensor, epsilon: torch.Tensor) -> tuple[torch.Tensor, ...]:
            with self.mixed():
                with torch.no_grad():
                    fake = generator(z)
                distance = critic(real).mean() - critic(fake).mean()
                gradient = slope(epsilon * real + (1.0 - epsilon) * fake).float()
            norm = gradient.square().sum((1, 2, 3)).clamp_min(1e-12).sqrt()
            return distance, settings["penalty"] * (norm - 1.0).square().mean()

        def generator_loss(z: torch.Tensor) -> torch.Tensor:
            with self.mixed():
                return -critic(generator(z)).mean()

        self.critic_loss, self.generator_loss = map(self.maybe_compiled, (critic_loss, generator_loss))

    def latents(self) -> torch.Tensor:
        return self.drawn(lambda: torch.randn(self.reals.shape[1], self.latent_dim, device=DEVICE))

    def __call__(self) -> None:
        self.critic.requires_grad_(True)
        found = []
        for real in self.reals:
            z, epsilon = self.latents(), self.drawn(lambda: torch.rand(self.reals.shape[1], 1, 1, 1, device=DEVICE))
            distance, penalty = self.critic_loss(real, z, epsilon)
            self.d_optimizer.minimize(-distance, penalty)
            found.append(torch.stack([-distance, penalty, distance]).detach())
        d_loss, penalty, distance = torch.stack(found).mean(0)
        self.critic.requires_grad_(False)
        loss = self.generator_loss(self.latents())
        self.g_optimizer.minimize(loss)
        self.keep(d_loss=d_loss, gradient_penalty=penalty, distance=distance, g_loss=loss)
