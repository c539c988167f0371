"""The registry: name -> module and recipes. Instead of a name, the path of a Python file with a .yaml beside it works.

A module holds one `Adversarial` model and is imported on demand. Recipes are read without it.
"""

import difflib
import functools
import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tfgans.errors import UserError
from tfgans.recipe import Recipe, read_recipes

# name -> (class name, one line, paper)
MODELS = {
    "gan": ("GAN", "images from noise, by multilayer perceptrons", "Goodfellow 2014, arXiv:1406.2661"),
    "dcgan": ("DCGAN", "images from noise, by deep convolutional networks", "Radford 2015, arXiv:1511.06434"),
    "lsgan": ("LSGAN", "images from noise, with a least squares loss", "Mao 2016, arXiv:1611.04076"),
    "wgan": ("WGAN", "images from noise, with a critic of clipped weights", "Arjovsky 2017, arXiv:1701.07875"),
    "wgan_gp": ("WGANGP", "images from noise, with a gradient penalty", "Gulrajani 2017, arXiv:1704.00028"),
    "unrolled": ("UnrolledGAN", "looks some discriminator steps ahead", "Metz 2016, arXiv:1611.02163"),
    "cgan": ("CGAN", "images of given labels, by multilayer perceptrons", "Mirza 2014, arXiv:1411.1784"),
    "cdcgan": ("CDCGAN", "images of given labels, convolutional", "Bohnstedt 2020 (report)"),
    "acgan": ("ACGAN", "images of given labels; the discriminator also classifies", "Odena 2016, arXiv:1610.09585"),
    "infogan": ("InfoGAN", "images from interpretable codes, learnt without labels", "Chen 2016, arXiv:1606.03657"),
    "draw": ("DRAW", "recurrent autoencoder with attention, not adversarial", "Gregor 2015, arXiv:1502.04623"),
    "srgan": ("SRGAN", "super-resolution by 4", "Ledig 2016, arXiv:1609.04802"),
    "resgan": (
        "ResGAN",
        "restores extremely coarse images",
        "GAN based on Resnet for Conditional Image Restoration (report)",
    ),
    "coarse_gan": (
        "CoarseGAN",
        "baselines of ResGAN: GAN, DCGAN, WGAN and CGAN",
        "GAN based on Resnet for Conditional Image Restoration (report)",
    ),
    "context_encoder": ("ContextEncoder", "fills holes from their context", "Pathak 2016, arXiv:1604.07379"),
    "pix2pix": ("Pix2pix", "translates images, learnt from pairs", "Isola 2016, arXiv:1611.07004"),
    "pix2pixhd": (
        "Pix2PixHD",
        "translates label maps into large photographs",
        "Wang 2017, arXiv:1711.11585",
    ),
    "cogan": ("CoGAN", "pairs of images of two domains, learnt without pairs", "Liu 2016, arXiv:1606.07536"),
    "cyclegan": ("CycleGAN", "translates between two domains, learnt without pairs", "Zhu 2017, arXiv:1703.10593"),
    "dualgan": ("DualGAN", "the same, with Wasserstein critics and U-Nets", "Yi 2017, arXiv:1704.02510"),
    "discogan": ("DiscoGAN", "finds one-to-one relations between two domains", "Kim 2017, arXiv:1703.05192"),
    "unet_gan": ("UNetGAN", "colourizes or fills holes, by a partitioned U-Net", "Zhang and Zhou (report)"),
}
TITLES = {  # where the field writes a name in another way than its class
    "wgan_gp": "WGAN-GP",
    "unrolled": "Unrolled GAN",
    "cdcgan": "cDCGAN",
    "coarse_gan": "Baselines of ResGAN",
    "context_encoder": "Context encoder",
    "unet_gan": "U-Net GAN",
}
RECIPES = Path(__file__).parent.parent / "recipes"


def title(gan: str) -> str:
    """The name of a GAN as the field writes it, or that of a file."""
    return TITLES.get(gan) or (MODELS[gan][0] if gan in MODELS else label(gan))


def canonical(gan: str) -> str:
    """The name of a GAN, or the absolute path of its file, which does not depend on the working folder.

    Raises:
        UserError: no GAN of that name, no such file, or no .yaml beside it.
    """
    if gan.endswith(".py"):
        path = Path(gan).expanduser().resolve()
        for needed in (path, path.with_suffix(".yaml")):
            if not needed.is_file():
                raise UserError(f"there is no file {needed}; a GAN of your own is NAME.py with NAME.yaml beside it")
        return str(path)
    if gan not in MODELS:
        near = difflib.get_close_matches(gan, MODELS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(MODELS)}"
        raise UserError(f"there is no GAN '{gan}'; {hint}")
    return gan


def label(gan: str) -> str:
    """The name used for folders: the GAN's, or the file's without its suffix."""
    return Path(gan).stem if gan.endswith(".py") else gan


def module(gan: str) -> ModuleType:
    """The module of a GAN."""
    gan = canonical(gan)
    if gan in MODELS:
        return importlib.import_module(f"tfgans.models.{gan}")
    # the name is stable, because checkpoints contain it, and does not hide another module
    name = f"{label(gan)}_{hashlib.sha256(gan.encode()).hexdigest()[:8]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, gan)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[name])
        except BaseException as error:
            del sys.modules[name]
            if not isinstance(error, (SyntaxError, ImportError)):
                raise
            raise UserError(f"{gan} cannot be imported: {error}") from error
        _register(sys.modules[name])
    return sys.modules[name]


def _register(found: ModuleType) -> None:
    """Register the layers and models of a file with Keras, which only loads registered ones from checkpoints."""
    import keras

    for name, each in vars(found).items():
        own = isinstance(each, type) and issubclass(each, keras.Layer) and each.__module__ == found.__name__
        if own and keras.saving.get_registered_name(each) == name:
            keras.saving.register_keras_serializable(package=found.__name__)(each)


def model_class(gan: str) -> Any:
    """The `Adversarial` subclass of a GAN. Raises UserError if a file does not define exactly one."""
    gan = canonical(gan)
    found = module(gan)
    if gan in MODELS:
        return getattr(found, MODELS[gan][0])
    from tfgans.adversarial import Adversarial

    own = [
        each
        for each in vars(found).values()
        if isinstance(each, type) and issubclass(each, Adversarial) and each.__module__ == found.__name__
    ]
    if len(own) != 1:
        names = f"several: {', '.join(each.__name__ for each in own)}" if own else "none"
        raise UserError(f"{gan} must define one subclass of tfgans.adversarial.Adversarial; it defines {names}")
    return own[0]


def recipes(gan: str) -> dict[str, Recipe]:
    """The recipes of a GAN in the order of its file, the default first, without tiny ones."""
    return {key: made for key, made in _read(gan).items() if not _is_tiny(key)}


def recipe(gan: str, key: str | None = None) -> Recipe:
    """A recipe of a GAN; the first one in its file if `key` is None."""
    found = recipes(gan)
    if key is None:
        key = default(gan)
    if key not in found:
        raise UserError(f"'{label(gan)}' has no recipe '{key}'; there are: {', '.join(found)}")
    return found[key]


def default(gan: str) -> str:
    """The key of the first recipe of a GAN."""
    found = next(iter(recipes(gan)), None)
    if found is None:
        raise UserError(f"'{label(gan)}' has only tiny recipes")
    return found


def tiny(gan: str, key: str | None = None) -> Recipe:
    """A recipe of a GAN at a size that trains in a second, for tests.

    This is `tiny` for the first recipe and `tiny_KEY` for KEY. Otherwise it is the recipe with the changes that `tiny`
    makes to the first one.
    """
    found, first = _read(gan), default(gan)
    if "tiny" not in found:
        raise UserError(f"'{label(gan)}' has no recipe 'tiny'")
    if key is None or key == first:
        return found["tiny"]
    return found.get(f"tiny_{key}") or recipe(gan, key).shrunk(found[first], found["tiny"])


def has_tiny(gan: str, key: str) -> bool:
    """Whether the file has a tiny form of a recipe, because it differs enough from the others to be tested always."""
    return key == default(gan) or f"tiny_{key}" in _read(gan)


def _read(gan: str) -> dict[str, Recipe]:
    gan = canonical(gan)
    path = RECIPES / f"{gan}.yaml" if gan in MODELS else Path(gan).with_suffix(".yaml")
    return _read_version(path, path.stat().st_mtime_ns if path.is_file() else 0)


@functools.cache
def _read_version(path: Path, changed: int) -> dict[str, Recipe]:
    return read_recipes(path)


def _is_tiny(key: str) -> bool:
    return key == "tiny" or key.startswith("tiny_")
