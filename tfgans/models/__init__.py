"""The registry: name -> module. A module holds one `Adversarial` model and its RECIPES."""

import difflib
import importlib
from types import ModuleType
from typing import Any

from tfgans.errors import UserError
from tfgans.recipe import Recipe

# name -> (class name, one line, paper). The modules are imported when they are asked for.
MODELS = {
    "gan": ("GAN", "multilayer perceptrons", "Goodfellow 2014, arXiv:1406.2661"),
    "dcgan": ("DCGAN", "deep convolutional networks", "Radford 2015, arXiv:1511.06434"),
    "lsgan": ("LSGAN", "least squares in place of cross-entropy", "Mao 2016, arXiv:1611.04076"),
    "wgan": ("WGAN", "a critic with clipped weights", "Arjovsky 2017, arXiv:1701.07875"),
    "wgan_gp": ("WGANGP", "a critic with a gradient penalty", "Gulrajani 2017, arXiv:1704.00028"),
    "unrolled": ("UnrolledGAN", "a generator that looks some discriminator steps ahead", "Metz 2016, arXiv:1611.02163"),
    "cgan": ("CGAN", "conditioned on labels, multilayer perceptrons", "Mirza 2014, arXiv:1411.1784"),
    "cdcgan": ("CDCGAN", "conditioned on labels, convolutional", "Bohnstedt 2020 (report)"),
    "acgan": ("ACGAN", "the discriminator also classifies", "Odena 2016, arXiv:1610.09585"),
    "infogan": ("InfoGAN", "finds codes of its own, without labels", "Chen 2016, arXiv:1606.03657"),
    "draw": ("DRAW", "recurrent autoencoder with attention, no adversary", "Gregor 2015, arXiv:1502.04623"),
    "srgan": ("SRGAN", "super-resolution by 4", "Ledig 2016, arXiv:1609.04802"),
    "resgan": (
        "ResGAN",
        "restores extremely coarse images",
        "GAN based on Resnet for Conditional Image Restoration (report)",
    ),
    "coarse_gan": (
        "CoarseGAN",
        "GAN, DCGAN, WGAN, CGAN restoring coarse images: baselines",
        "GAN based on Resnet for Conditional Image Restoration (report)",
    ),
    "unet_gan": ("UNetGAN", "colourization and inpainting with a partitioned U-Net", "Zhang and Zhou (report)"),
}


def module(name: str) -> ModuleType:
    """The module of a GAN. Raises UserError for a name that is not there."""
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(MODELS)}"
        raise UserError(f"there is no GAN '{name}'; {hint}")
    return importlib.import_module(f"tfgans.models.{name}")


def model_class(name: str) -> Any:
    """The `Adversarial` subclass of a GAN."""
    return getattr(module(name), MODELS[name][0])


def recipe(name: str, key: str | None = None) -> Recipe:
    """A recipe of a GAN; the first one in its file where `key` is None."""
    recipes = module(name).RECIPES
    if key is None:
        return next(iter(recipes.values()))
    if key not in recipes:
        raise UserError(f"'{name}' has no recipe '{key}'; there are: {', '.join(recipes)}")
    return recipes[key]
