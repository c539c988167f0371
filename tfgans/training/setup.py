"""From a recipe to a model, its images and its batches."""

import dataclasses
import sys
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgans import data, models
from tfgans.adversarial import Adversarial, Fall, HoldThenLinear
from tfgans.data.degrade import degrade, pair
from tfgans.data.image_set import MAX_BYTES
from tfgans.data.pipeline import Part
from tfgans.endpoint import Endpoint
from tfgans.errors import UserError
from tfgans.recipe import Recipe
from tfgans.training.keras_defaults import use_defaults

UNBUILDABLE = (ValueError, ArithmeticError, IndexError, TypeError)  # errors that unsuitable settings cause in Keras
SIDES = (4, 8, 12, 16, 24, 28, 32, 48, 64, 96, 128)


def recipe_of(config: dict[str, Any]) -> Recipe:
    """The recipe of a run: the settings of its config.yaml, and the texts of the recipe of that name."""
    recipe = Recipe.from_dict({**config["recipe"], "precision": config.get("precision", "")})
    try:
        base = models.recipe(config["gan"], config["recipe_key"])
    except UserError:  # a recipe that no longer exists
        return recipe
    kept = ("paper", "reported", "deviations", "notes")
    return dataclasses.replace(recipe, **{name: getattr(base, name) for name in kept})


def network_of(name: str, recipe: Recipe, seed: int = 0) -> Adversarial:
    """A new model, not compiled. Raises UserError if the settings are unsuitable or do not fit the degradation."""
    use_defaults()
    check_shape(recipe)
    make = models.model_class(name)
    try:
        model = make(**recipe.model, seed=seed)
    except UNBUILDABLE as error:  # such as a dropout of 2
        others = sizes_for(make, recipe)
        if not others:
            raise _unbuildable(name, error) from error
        h, w, _ = recipe.model["image_shape"]
        raise UserError(
            f"{models.label(name)} cannot be built for images of {h}x{w}; sizes that work: {others}"
        ) from error
    check_degradation(name, recipe, model)
    return model


def check_shape(recipe: Recipe) -> None:
    """Raises UserError for an invalid `image_shape`, or if its batches are too large for memory."""
    shape = recipe.model.get("image_shape")
    if shape is None:
        return
    if len(shape) != 3 or min(shape) < 1 or (shape[2] not in (1, 3) and tuple(shape) != (1, 1, 2)):
        raise UserError(
            f"image_shape is height, width and 1 or 3 channels, such as [28, 28, 1] or [64, 64, 3], not {list(shape)}"
        )
    size = 4 * recipe.batch_size * int(np.prod(shape, dtype=object))
    if size > MAX_BYTES:
        raise UserError(
            f"a batch of {recipe.batch_size} images of {shape[0]}x{shape[1]} takes {size / 2**30:,.1f} GB of memory "
            f"and the limit is {MAX_BYTES / 2**30:.1f}; make image_shape or batch_size smaller"
        )


def sizes_for(make: Any, recipe: Recipe) -> str:
    """Image sizes near the recipe's for which the model can be built; "" if other settings are the cause."""
    found: list[str] = []
    if "image_shape" not in recipe.model:
        return ""
    shape = recipe.model["image_shape"]
    for side in sorted(SIDES, key=lambda side: abs(side - min(shape[:2]))):
        try:
            make(**{**recipe.model, "image_shape": (side, side, shape[2])})
            found.append(f"{side}x{side}")
        except (UserError, *UNBUILDABLE):
            pass
        if len(found) == 3:
            break
    return ", ".join(found)


def _unbuildable(name: str, error: Exception) -> UserError:
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "ValueError")
    return UserError(f"{models.label(name)} cannot be built with these settings: {reason}")


def build(name: str, recipe: Recipe, seed: int, precision: str = "float32", jit_compile: bool = False) -> Adversarial:
    """A new compiled model. All weights and random numbers follow from `seed`."""
    models.module(name)  # before the seed is set: an import may draw random numbers
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(seed)
    model = network_of(name, recipe, seed)
    optimizers = {}
    try:
        for player, arguments in recipe.optimizers.items():
            own = {**arguments, "name": player, "learning_rate": learning_rate(model, player, recipe)}
            optimizers[player] = keras.optimizers.get({"class_name": arguments.get("name", "adam"), "config": own})
        model.compile(jit_compile=jit_compile, **optimizers)
    except ValueError as error:
        raise _unbuildable(name, error) from error
    model.begin()
    return model


def inputs_of(endpoints: dict[str, Endpoint]) -> dict[str, list[str]]:
    """The names of each endpoint's inputs, as runs and cards store them."""
    return {name: list(each.inputs) for name, each in endpoints.items()}


def facts_of(source: data.ImageSet | data.Domains) -> dict[str, Any]:
    """The facts about the data that exports need: names of classes and of domains, the colours of a palette."""
    facts: dict[str, Any] = {"class_names": list(source.class_names)}
    if isinstance(source, data.Domains):
        facts["domains"] = source.titles
        palettes = [each.palette for each in source.sets.values() if each.palette is not None]
        facts["palette"] = palettes[0].rgb.tolist() if palettes else None
    return {name: value for name, value in facts.items() if value}


def learning_rate(model: Adversarial, player: str, recipe: Recipe) -> Any:
    """The learning rate of a player: a number or, if it falls, the configuration of a schedule.

    All rates fall to 0 over the last share `decay` of the run; falls declared by the model are applied in addition.
    """
    rate = recipe.optimizers[player].get("learning_rate")
    if rate is None:
        raise UserError(f"the recipe has no '{player}.learning_rate'")
    falls: list[Fall] = [(recipe.steps, recipe.steps * recipe.decay, 0.0)] if recipe.decay else []
    falls += model.falls(player)
    if not falls:
        return rate
    return keras.optimizers.schedules.serialize(HoldThenLinear(rate, falls, sorted(model.updates(player).items())))


def load_source(recipe: Recipe, data_dir: str | None = None, download: bool = False) -> Any:
    """The training images of a recipe, an `ImageSet` or `Domains`.

    They are scaled to `image_shape`, or to `load_shape`. If they are cropped (with `crop`, for a degradation or for
    several sets without `load_shape`), they keep their sizes, and images smaller than the crops are left out.
    """
    shape: Any = recipe.model.get("image_shape")
    if data.is_domains(recipe.dataset):
        return data.load_domains(
            recipe.dataset,
            "train",
            roles=recipe.sets or None,
            pairing=recipe.pairing or None,
            palette=recipe.palette or None,
            shapes=recipe.shapes or None,
            load_shape=recipe.load_shape or None,
            image_shape=shape,
            keep_size=recipe.crop and not recipe.load_shape,
            degradation=recipe.degradation,
            data_dir=data_dir,
            download=download,
        )
    crops = bool(recipe.degradation) and recipe.crop
    options: dict[str, Any] = dict(shrink_jpeg=recipe.shrink_jpeg) if crops and recipe.shrink_jpeg else {}
    source = data.load(
        recipe.dataset, "train", data_dir=data_dir, image_shape=shape, download=download, keep_size=crops, **options
    )
    return _large_enough(source, shape) if crops else source


def _large_enough(source: data.ImageSet, shape: tuple[int, int, int]) -> data.ImageSet:
    """Remove images that are smaller than the crops, reporting their number (`load` does so for folders)."""
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
    """The shape to train on for another data set than the recipe's: its own if the model can generate it."""
    if not dataset.startswith("folder:"):
        example = data.load(dataset, "train", data_dir=data_dir, download=download, limit=1)
        shape = tuple(example.image(0).shape)
        if example.points:
            return shape
        if shape[0] == shape[1] and shape[0] in (28, 32, 48, 64, 96, 128):
            return shape
    return (64, 64, 3)


def check_degradation(name: str, recipe: Recipe, model: Adversarial) -> None:
    """Raises UserError if a restoration has no degradation, or one whose images do not fit the model."""
    main, endpoint = next(iter(model.endpoints().items()))
    if main not in ("restore", "fill"):
        return
    if not recipe.degradation:
        raise UserError(
            f"'{models.label(name)}' restores degraded images; choose a degradation with --set degradation=bicubic:4"
        )
    degradation = degrade(recipe.degradation)
    if degradation.factor != endpoint.scale:
        raise UserError(
            f"'{recipe.degradation}' shrinks by {degradation.factor}, "
            f"but '{models.label(name)}' enlarges by {endpoint.scale}"
        )
    given = degradation(tf.zeros(recipe.model["image_shape"]), tf.zeros(2, tf.int32)).shape[-1]
    taken = endpoint.inputs["images"].shape[-1]
    if given != taken:
        raise UserError(
            f"'{recipe.degradation}' makes images of {given} channels, but {models.label(name)} takes {taken}"
        )


def batch_signature(model: Adversarial, n: int) -> dict[str, tf.TensorSpec]:
    """The tensors of a step's batch: `batch_spec`, with the leading axis of `group`."""
    lead = () if model.group is None else (model.group,)
    return {key: tf.TensorSpec((*lead, *array.shape), array.dtype) for key, array in model.batch_spec(n).items()}


def check_batches(name: str, model: Adversarial, recipe: Recipe, dataset: tf.data.Dataset) -> None:
    """Raises UserError if batches do not match the model's declaration; additional keys are allowed."""
    given = dataset.element_spec
    for key, wanted in batch_signature(model, recipe.batch_size).items():
        if key not in given:
            raise UserError(
                f"'{models.label(name)}' needs '{key}' in its batches; {recipe.dataset} has {', '.join(given)}"
            )
        found = given[key]
        if found.dtype != wanted.dtype or not found.shape.is_compatible_with(wanted.shape):
            raise UserError(
                f"'{models.label(name)}' needs '{key}' as {wanted.dtype.name} {wanted.shape}; "
                f"{recipe.dataset} has {found.dtype.name} {found.shape}"
            )


def fit_classes(name: str, recipe: Recipe, source: data.ImageSet | data.Domains) -> Recipe:
    """The recipe with the number of classes in the data, or attributes if the data have those.

    Data without labels have 0 classes, unless the model samples from labels. With several sets, a recipe of 0 classes
    ignores labels. `label_classes` is the number of classes of the source's label maps, 0 if it is an image.

    Raises:
        UserError: the model needs labels and the data have none, or attributes instead of classes.
    """
    if "label_classes" in recipe.model:
        maps = source.by_key.get("label_map") if isinstance(source, data.Domains) else None
        count = len(maps.palette) if maps is not None and maps.palette is not None else 0
        recipe = dataclasses.replace(recipe, model={**recipe.model, "label_classes": count})
    if "classes" not in recipe.model or (isinstance(source, data.Domains) and not recipe.model["classes"]):
        return recipe
    if source.labels is None:
        main = next(iter(network_of(name, recipe).endpoints().values()))
        if any(each.encoding == "label" for each in main.inputs.values()):
            raise UserError(
                f"'{models.label(name)}' needs labels and {recipe.dataset} has none; "
                "put the images into one folder per class"
            )
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
    steps: int | None,
    part: Part = Part(),  # noqa: B008  (immutable)
) -> tf.data.Dataset:
    """The batches of steps `start` to `start + steps` of a run, with `mask` if the degradation makes holes.

    Without `steps` they have no end. `part`: the replicas whose shares of the batches are drawn.
    """
    options: dict[str, Any] = {}
    shape: Any = recipe.model.get("image_shape")
    if isinstance(source, data.Domains):
        shapes = recipe.shapes
        options = dict(flip=recipe.flip, crop="random", image_shape=shape)
        if shapes:
            options["image_shape"] = {role: shapes.get(role, shape) for role in source.roles}
    elif recipe.degradation:
        options = dict(flip=recipe.flip, transform=pair(recipe.degradation, masks=True))
        if recipe.crop:
            options |= dict(image_shape=shape, crop="random")
    return data.batches(
        source, recipe.batch_size, seed=seed, start=start, steps=steps, group=group, part=part, **options
    )
