"""From a recipe to what a training needs: a model, its images, its batches."""

import dataclasses
import inspect
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgans import data, models
from tfgans.adversarial import Adversarial
from tfgans.data.degrade import degrade, pair
from tfgans.errors import UserError
from tfgans.recipe import Recipe


def recipe_of(config: dict[str, Any]) -> Recipe:
    """The recipe of a run, from its config.yaml: its settings, and what the recipe of that name holds besides."""
    recipe = Recipe.from_dict({**config["recipe"], "precision": config.get("precision", "")})
    try:
        base = models.recipe(config["gan"], config["recipe_key"])
    except UserError:  # a recipe that is no more
        return recipe
    told = ("paper", "reported", "deviations", "notes")
    return dataclasses.replace(recipe, **{name: getattr(base, name) for name in told})


def build(name: str, recipe: Recipe, seed: int, precision: str = "float32", jit_compile: bool = False) -> Adversarial:
    """A fresh compiled model. Every weight and every later random number follows from `seed`."""
    model_class = models.model_class(name)  # before the seed: an import may draw random numbers
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(seed)
    optimizers = {}
    try:
        model = model_class(**recipe.model, seed=seed)
        for player, arguments in recipe.optimizers.items():
            arguments = dict(arguments)
            optimizers[player] = keras.optimizers.get(
                {"class_name": arguments.pop("name", "adam"), "config": {"name": player, **arguments}}
            )
        model.compile(jit_compile=jit_compile, **optimizers)
    except ValueError as error:  # such as a dropout of 2
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "ValueError")
        raise UserError(f"{models.label(name)} cannot be built with these settings: {reason}") from error
    if recipe.degradation:
        given = degrade(recipe.degradation)(tf.zeros(model.image_shape), tf.zeros(2, tf.int32)).shape[-1]
        if given != model.source_channels:
            raise UserError(
                f"'{recipe.degradation}' leaves images of {given} channels, but {name} is given {model.source_channels}"
            )
    model.begin()
    return model


def load_source(recipe: Recipe, data_dir: str | None = None, download: bool = False) -> Any:
    """The training images of a recipe, an `ImageSet` or `Domains`.

    They are scaled to `image_shape`, or to `load_shape`; where they are cropped (with `crop`, of a degradation or of
    several sets without `load_shape`), they keep their sizes, and smaller ones are left out.
    """
    shape: Any = recipe.model.get("image_shape")
    if data.is_domains(recipe.dataset):
        load_shape = getattr(recipe, "load_shape", None)  # the fields of several sets may not exist yet: MERGE
        return data.load_domains(
            recipe.dataset,
            "train",
            roles=getattr(recipe, "sets", None),
            pairing=getattr(recipe, "pairing", None),
            palette=getattr(recipe, "palette", None),
            shapes=getattr(recipe, "shapes", None),
            load_shape=load_shape,
            image_shape=shape,
            keep_size=recipe.crop and not load_shape,
            degradation=recipe.degradation,
            data_dir=data_dir,
            download=download,
        )
    crops = bool(recipe.degradation) and recipe.crop
    source = data.load(
        recipe.dataset, "train", data_dir=data_dir, image_shape=shape, download=download, keep_size=crops
    )
    return _large_enough(source, shape) if crops else source


def _large_enough(source: data.ImageSet, shape: tuple[int, int, int]) -> data.ImageSet:
    """Without the images that are smaller than the crops, which are counted on stderr (`load` counts a folder's)."""
    large = (source.shapes[:, :2] >= shape[:2]).all(axis=1)
    if not large.any():
        raise UserError(
            f"{source.name}: none of {len(source)} images is as large as the crops of {shape[0]}x{shape[1]}; "
            "make the crops smaller with --set image_shape=[HEIGHT,WIDTH,CHANNELS]"
        )
    if large.all():
        return source
    small = len(source) - int(large.sum())
    print(
        f"{source.name}: {small} of {len(source)} images are smaller than the crops of {shape[0]}x{shape[1]}, left out",
        file=sys.stderr,
    )
    return source.subset(np.flatnonzero(large))


def native_shape(dataset: str, data_dir: str | None, download: bool) -> tuple[int, ...]:
    """The shape to train on when another data set than the recipe's is given: its own where that can be generated."""
    if data.is_domains(dataset):
        place = dataset.partition(":")[2]
        folder = Path(place).expanduser().is_dir()
        return (256, 256, 3) if folder else native_shape(place.split(",")[0], data_dir, download)
    if not dataset.startswith("folder:"):
        example = data.load(dataset, "train", data_dir=data_dir, download=download, limit=1)
        shape = tuple(example.image(0).shape)
        if example.points:
            return shape
        if shape[0] == shape[1] and shape[0] in (28, 32, 48, 64, 96, 128):
            return shape
    return (64, 64, 3)


def check_degradation(name: str, recipe: Recipe) -> None:
    """Raises UserError where the degradation does not shrink by what the model enlarges by, or is none."""
    model = models.model_class(name)
    if model.kind != "restoration":
        return
    if not recipe.degradation:
        raise UserError(f"'{name}' restores what a degradation spoils; name one with --set degradation=bicubic:4")
    factor, enlarges = degrade(recipe.degradation).factor, recipe.model.get("factor", model.factor)
    if factor != enlarges:
        raise UserError(f"'{recipe.degradation}' shrinks by {factor}, but '{name}' enlarges by {enlarges}")


def fit_classes(name: str, recipe: Recipe, source: data.ImageSet) -> Recipe:
    """The recipe with as many classes as the data have; attributes, where they have those.

    Without labels in the data there are 0 classes, unless the model samples from labels.

    Raises:
        UserError: the model needs labels and the data have none, or attributes in the place of classes.
    """
    if "classes" not in recipe.model:
        return recipe
    sample = getattr(models.model_class(name), "sample", None)
    if source.labels is None and sample and "labels" in inspect.signature(sample).parameters:
        raise UserError(
            f"'{models.label(name)}' needs labels and {recipe.dataset} has none; "
            "put the images into one folder per class"
        )
    if source.labels is None:
        return dataclasses.replace(recipe, model={**recipe.model, "classes": 0})
    attributes = source.labels.ndim == 2
    if attributes != recipe.model.get("attributes", False):
        has = "attributes" if attributes else "classes"
        raise UserError(f"{recipe.dataset} has {has}; this takes --set attributes={str(attributes).lower()}")
    classes = source.labels.shape[1] if attributes else max(len(source.class_names), int(source.labels.max()) + 1)
    return dataclasses.replace(recipe, model={**recipe.model, "classes": classes})


def batches(
    recipe: Recipe,
    source: data.ImageSet | data.Domains,
    seed: int,
    group: int | None,
    start: int,
    steps: int,
    masks: bool = False,
) -> tf.data.Dataset:
    """The batches of steps `start` to `start + steps` of a run, with `masks` also where holes are."""
    options: dict[str, Any] = {}
    shape: Any = recipe.model.get("image_shape")
    if isinstance(source, data.Domains):
        shapes = getattr(recipe, "shapes", None) or {}  # MERGE, as in load_source
        options = dict(flip=recipe.flip, crop="random", image_shape=shape)
        if shapes:
            options["image_shape"] = {role: shapes.get(role, shape) for role in source.roles}
    elif recipe.degradation:
        options = dict(flip=recipe.flip, transform=pair(recipe.degradation, masks))
        if recipe.crop:
            options |= dict(image_shape=shape, crop="random")
    return data.batches(source, recipe.batch_size, seed=seed, start=start, steps=steps, group=group, **options)
