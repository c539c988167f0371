"""The training steps that have a twin in PyTorch, by GAN and recipe."""

from twins_srgan import SRGAN, SRResNet
from twins_torch import DCGAN, WGANGP, Twin
from twins_translation import CycleGAN, Pix2pix

TWINS: dict[str, type[Twin]] = {
    "dcgan-mnist": DCGAN,
    "wgan_gp-mnist": WGANGP,
    "srgan-srresnet": SRResNet,
    "srgan-photos": SRGAN,
    "pix2pix-facades": Pix2pix,
    "cyclegan-horse2zebra": CycleGAN,
}
