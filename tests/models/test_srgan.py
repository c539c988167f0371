"""SRGAN: its networks against counts by hand, its two stages, and the data that restorations are trained on."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tiny import differences, go_on, state, tiny

from tfgans import data, models
from tfgans.data.degrade import degrade
from tfgans.errors import UserError
from tfgans.features.content import content_distance
from tfgans.images import to_uint8
from tfgans.inference.export import export
from tfgans.inference.exported import Exported
from tfgans.models.srgan import (
    SRGAN,
    PixelShuffle,
    build_discriminator,
    build_generator,
    row_by_row,
)
from tfgans.recipe import Recipe
from tfgans.run import Run
from tfgans.tasks import restoration
from tfgans.training.setup import batches, build, load_source
from tfgans.training.train import resume, train

SMALL = dict(image_shape=(32, 32, 3), width=4, blocks=1, discriminator_width=4, content="none")


def small(**changes: Any) -> Recipe:
    recipe = models.recipes("srgan")["photos"]
    return dataclasses.replace(recipe, model={**recipe.model, **SMALL, "pretrain_steps": 3, **changes}, batch_size=2)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 pictures of 40x48 and more, and three that are smaller than a crop of 32."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for i in range(23):
        size = (40 + i, 48) if i < 20 else (31, 64)
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        (folder / "train").mkdir(exist_ok=True)
        coarse.resize(size[::-1], Image.Resampling.BICUBIC).save(folder / "train" / f"{i:02d}.png")
    return folder


# --- networks ---------------------------------------------------------------------------------------------------------


def test_pixel_shuffle_puts_four_channels_into_a_square() -> None:
    x = np.arange(8, dtype=np.float32).reshape(1, 1, 1, 8)  # two output channels: even and odd numbers
    y = PixelShuffle()(x).numpy()
    assert y.shape == (1, 2, 2, 2)
    np.testing.assert_array_equal(y[0, ..., 0], [[0, 2], [4, 6]])
    np.testing.assert_array_equal(y[0, ..., 1], [[1, 3], [5, 7]])
    assert PixelShuffle().compute_output_shape((None, None, 5, 8)) == (None, None, 10, 2)


def test_generator_has_the_papers_size() -> None:
    generator = build_generator(3, width=64, blocks=16)
    head = 9 * 9 * 3 * 64 + 64 + 64  # convolution, bias, PReLU
    block = 2 * (3 * 3 * 64 * 64 + 2 * 64) + 64  # two convolutions without bias, their norms, PReLU
    shuffle = 3 * 3 * 64 * 256 + 256 + 64
    tail = 9 * 9 * 64 * 3 + 3
    count = sum(int(np.prod(w.shape)) for w in generator.trainable_weights)
    assert count == head + 16 * block + (3 * 3 * 64 * 64 + 2 * 64) + 2 * shuffle + tail == 1_548_547
    convolutions = [layer for layer in generator.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) == 1 + 2 * 16 + 1 + 2 + 1
    assert sum(isinstance(layer, keras.layers.PReLU) for layer in generator.layers) == 1 + 16 + 2
    assert generator.output_shape == (None, None, None, 3)


def test_generator_takes_any_size() -> None:
    generator = build_generator(3, width=2, blocks=1)
    for h, w in ((1, 1), (5, 7), (24, 24)):
        assert generator(np.zeros((2, h, w, 3), np.float32)).shape == (2, 4 * h, 4 * w, 3)


def test_discriminator_is_the_papers() -> None:
    discriminator = build_discriminator((96, 96, 3), 64)
    convolutions = [layer for layer in discriminator.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [layer.strides[0] for layer in convolutions] == [1, 2] * 4
    dense = [layer for layer in discriminator.layers if isinstance(layer, keras.layers.Dense)]
    assert dense[0].kernel.shape == (6 * 6 * 512, 1024) and dense[1].kernel.shape == (1024, 1)
    norms = [layer for layer in discriminator.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 7, "the first convolution has none"


# --- losses and stages ------------------------------------------------------------------------------------------------


def test_losses_are_those_of_the_equations() -> None:
    model = build("srgan", small(pixel="mse", pixel_weight=0.5, content_weight=2.0, shift=0), 0)
    rng = np.random.default_rng(0)
    target, made = (tf.constant(rng.uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)) for _ in range(2))
    mse = float(np.mean((target.numpy() - made.numpy()) ** 2))
    logit = model.discriminator(made, training=True).numpy()
    losses = {term: float(value) for term, value in model.generator_losses(target, made).items()}
    assert losses["content_loss"] == pytest.approx(2 * mse, rel=1e-5)
    assert losses["pixel_loss"] == pytest.approx(mse / 2, rel=1e-5)
    assert losses["adversarial_loss"] == pytest.approx(1e-3 * np.mean(np.log1p(np.exp(-logit))), rel=1e-4)

    on_target = model.discriminator(target, training=True).numpy()
    expected = np.mean(np.log1p(np.exp(-on_target))) + np.mean(np.log1p(np.exp(logit)))
    model.reset_metrics()
    assert float(model.discriminator_loss(target, made)["d_loss"]) == pytest.approx(expected, rel=1e-4)
    assert float(model.logs()["d_real"]) == pytest.approx(np.mean(1 / (1 + np.exp(-on_target))), rel=1e-4)
    assert float(model.logs()["d_fake"]) == pytest.approx(np.mean(1 / (1 + np.exp(-logit))), rel=1e-4)

    absolute = SRGAN(**small().model).pixel_loss(target, made)
    assert float(absolute) == pytest.approx(np.mean(np.abs(target.numpy() - made.numpy())), rel=1e-5)


def test_strided_networks_look_from_everywhere() -> None:
    """The same crop of both, another for each example, and each of the places within `shift` comes up."""
    model = SRGAN(**small(shift=4).model)
    places = tf.range(32.0)[:, None] * 100 + tf.range(32.0)  # 100 y + x
    images = tf.repeat(tf.repeat(places[None, ..., None], 3, -1), 400, 0)
    a, b = model.crops(images, images + 1)
    assert a.shape == (400, 28, 28, 3) and model.discriminator.input_shape[1:] == (28, 28, 3)
    np.testing.assert_array_equal(a + 1, b)
    first = a.numpy()[:, 0, 0, 0].astype(int)
    assert {*first} == {100 * y + x for y in range(5) for x in range(5)}
    assert a.numpy().max() == 3131, "the last pixel is seen, too"
    for offset in (first // 100, first % 100):
        assert np.bincount(offset % 4) == pytest.approx([100] * 4, abs=35), "no place of a stride is favoured"
    np.testing.assert_array_equal(a.numpy()[:, -1, -1, 2], first + 2727)
    whole = SRGAN(**small(shift=0).model)
    assert all(x is y for x, y in zip(whole.crops(images, a), (images, a), strict=True))


def test_the_stage_changes_at_its_step() -> None:
    model = build("srgan", small(), 0)
    moved = []
    for i in range(5):
        before = {network: getattr(model, network).get_weights() for network in ("generator", "discriminator")}
        model.reset_metrics()
        logs = go_on(model, i, steps=1)
        changed = {
            network: any(
                not np.array_equal(a, b) for a, b in zip(old, getattr(model, network).get_weights(), strict=True)
            )
            for network, old in before.items()
        }
        moved.append((changed["generator"], changed["discriminator"], logs["d_loss"] > 0))
        assert logs["pixel_loss"] > 0
    assert moved == [(True, False, False)] * 3 + [(True, True, True)] * 2
    iterations = [int(getattr(model, player).iterations) for player in model.players]
    assert iterations == [3, 2, 2] and int(model.steps_done) == 5


@pytest.mark.slow  # WGAN in a fresh process (tests/models/test_contract.py) depends on it, too
def test_what_was_built_before_changes_no_bit() -> None:
    states = []
    for others in (0, 98):  # the names of layers would pass from conv2d_99 to conv2d_100
        for _ in range(others):
            keras.layers.Conv2D(1, 1)
        model = build("srgan", small(pretrain_steps=0), 0)
        go_on(model, 0, steps=3)
        states.append(state(model))
    assert differences(*states) == []


def test_a_saved_model_goes_on_in_its_stage(tmp_path: Path) -> None:
    model, cuts = build("srgan", small(), 0), (2, 3, 4)  # before, at and after the border of the stages
    for step in range(5):
        if step in cuts:
            model.save(tmp_path / f"{step}.keras")
        go_on(model, step, steps=1, graph=False)
    for cut in cuts:
        again = keras.models.load_model(tmp_path / f"{cut}.keras")
        assert int(again.steps_done) == cut
        go_on(again, cut, steps=5 - cut, graph=False)
        assert differences(state(model), state(again)) == [], cut


def test_a_fresh_generator_starts_from_an_exported_one(tmp_path: Path) -> None:
    trained = build("srgan", small(), 0)
    go_on(trained, 0, steps=2, graph=False)  # moving averages too are no longer the initial ones
    export(trained, tmp_path / "m")
    fresh = build("srgan", small(start=str(tmp_path / "m"), pretrain_steps=0), 1)
    for a, b in zip(trained.generator.weights, fresh.generator.weights, strict=True):
        exact = a if len(a.shape) == 1 else tf.cast(tf.cast(a, tf.float16), tf.float32)  # as it is exported
        np.testing.assert_array_equal(tf.convert_to_tensor(exact).numpy(), b.numpy())
    assert not np.array_equal(trained.discriminator.get_weights()[0], fresh.discriminator.get_weights()[0])
    with pytest.raises(UserError, match="another generator"):
        build("srgan", small(start=str(tmp_path / "m"), blocks=2), 1)
    with pytest.raises(UserError, match="no SavedModel"):
        build("srgan", small(start=str(tmp_path / "nowhere")), 1)


# --- content ----------------------------------------------------------------------------------------------------------


def test_the_content_network_is_frozen_and_not_saved(tmp_path: Path) -> None:
    plain, model = build("srgan", small(), 0), build("srgan", small(content="vgg22:random"), 0)
    assert len(model.variables) == len(plain.variables)
    logs = go_on(model, 0, steps=4, graph=False)
    assert logs["content_loss"] > 0 and np.isfinite(logs["content_loss"])
    plain.save(tmp_path / "plain.keras")
    model.save(tmp_path / "m.keras")
    assert (tmp_path / "m.keras").stat().st_size < 1.1 * (tmp_path / "plain.keras").stat().st_size
    exported = export(model, tmp_path / "m")
    size = sum(p.stat().st_size for p in (exported / "variables").iterdir())
    weights = sum((2 if len(w.shape) > 1 else 4) * int(np.prod(w.shape)) for w in model.generator.weights)
    assert weights < size < 1.5 * weights + 10_000


def test_content_distances() -> None:
    rng = np.random.default_rng(0)
    a, b = (tf.constant(rng.uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)) for _ in range(2))
    distance = content_distance("vgg22:random")
    assert distance is not None and content_distance("none") is None
    assert float(distance(a, a)) == 0 and float(distance(a, b)) > 0
    for wrong, says in (("vgg", "not 'vgg'"), ("squeezenet", "squeezenet:PATH"), ("vgg54:nofile", "no weights file")):
        with pytest.raises(UserError, match=says):
            content_distance(wrong)
    with pytest.raises(UserError, match="nofile"):
        content_distance("squeezenet:nofile")


def test_arguments_that_make_no_model() -> None:
    for wrong, says in (
        (dict(image_shape=(30, 32, 3)), "multiples of 4"),
        (dict(pixel="l3"), "mse or l1"),
        (dict(image_shape=(32, 32, 1), content="vgg22:random"), "content=none"),
    ):
        with pytest.raises(UserError, match=says):
            SRGAN(**small(**wrong).model)


# --- data -------------------------------------------------------------------------------------------------------------


def test_batches_are_random_crops_and_what_is_left_of_them(photographs: Path) -> None:
    recipe = dataclasses.replace(small(), dataset=f"folder:{photographs}", batch_size=8)
    source = load_source(recipe)
    assert len(source) == 20 and len(source.skipped) == 3
    batch = next(iter(batches(recipe, source, 0, None, 0, 1)))
    assert batch["source"].shape == (8, 8, 8, 3) and batch["target"].shape == (8, 32, 32, 3)
    target = to_uint8((batch["target"].numpy() + 1) / 2)
    means = target.reshape(8, 8, 4, 8, 4, 3).mean(axis=(2, 4)) / 127.5 - 1
    assert np.corrcoef(means.ravel(), batch["source"].numpy().ravel())[0, 1] > 0.98

    def found(crop: np.ndarray) -> bool:
        for i in range(len(source)):
            windows = np.lib.stride_tricks.sliding_window_view(source.image(i), (32, 32, 3))[..., 0, :, :, :]
            for version in (crop, crop[:, ::-1]):
                if (windows == version).all(axis=(2, 3, 4)).any():
                    return True
        return False

    assert all(found(crop) for crop in target)


def test_small_images_of_any_source_are_left_out_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    recipe = dataclasses.replace(small(image_shape=(500, 500, 3)), dataset="photos")
    source = load_source(recipe)
    assert (source.shapes[:, :2] >= 500).all()
    left = len(data.load("photos", "train", image_shape=(500, 500, 3), keep_size=True)) - len(source)
    assert left > 0 and f"{left} of" in capsys.readouterr().err
    with pytest.raises(UserError, match="as large as the crops of 4000x4000"):
        load_source(dataclasses.replace(small(image_shape=(4000, 4000, 3)), dataset="photos"))


@pytest.mark.slow
def test_a_run_stops_and_goes_on_across_the_border(photographs: Path, tmp_path: Path) -> None:
    settings = {**SMALL, "pretrain_steps": 3, "steps": 5, "batch_size": 2}
    options: dict[str, Any] = dict(settings=settings, dataset=f"folder:{photographs}", precision="float32", jit="off")
    whole = train("srgan", run_dir=tmp_path / "whole", every=1, **options)
    assert whole is not None
    stopped = Run(shutil.copytree(whole.path, tmp_path / "stopped"))
    assert whole.config["recipe"]["degradation"] == "bicubic:4"
    for step in (4, 5):
        stopped.checkpoint(step).unlink()
    assert stopped.latest() == 3
    resume(tmp_path / "stopped")
    assert differences(state(whole.load(5)), state(stopped.load(5))) == []
    a, b = ([{**row, "seconds": 0, "images_per_second": 0} for row in run.read_history()] for run in (whole, stopped))
    assert a == b
    assert [row["d_loss"] > 0 for row in a] == [False] * 3 + [True] * 2
    picture = np.asarray(Image.open(whole.samples / "step-00000005.png"))
    assert picture.shape == (2 + 3 * 34, 2 + 6 * 34, 3)
    assert isinstance(Run.open(tmp_path / "whole"), Run)


def test_preview_shows_source_restored_and_target(photographs: Path) -> None:
    recipe = dataclasses.replace(small(), dataset=f"folder:{photographs}")
    model, source = build("srgan", recipe, 0), load_source(recipe)

    def examples(n: int) -> dict[str, tf.Tensor]:
        return next(iter(batches(dataclasses.replace(recipe, batch_size=n), source, 0, None, 0, 1)))

    picture = restoration.preview(model, examples, recipe)()
    assert picture.shape == (3 * 34 + 2, 6 * 34 + 2, 3)
    poor, target = picture[:34] / 255, picture[68:-2] / 255
    assert 0.001 < np.abs(poor - target).mean() < 0.1  # smooth pictures: the source, enlarged, is close


def test_settings_that_do_not_fit(photographs: Path) -> None:
    options: dict[str, Any] = dict(dataset=f"folder:{photographs}", precision="float32", jit="off")
    for degradation, says in (
        ("bicubic:2", "shrinks by 2"),
        ("", "choose a degradation"),
        ("bicubi:4", "no degradation"),
    ):
        with pytest.raises(UserError, match=says):
            train("srgan", settings={**SMALL, "degradation": degradation}, **options)
    with pytest.raises(UserError, match="no setting 'degradation'"):
        models.recipe("dcgan").override({"degradation": "bicubic:4"})


# --- export -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [(9, 9, 4, 3), (3, 5, 2, 1)])
def test_a_convolution_row_by_row(kernel: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, k, bias = (rng.normal(size=shape).astype(np.float32) for shape in ((2, 13, 11, kernel[2]), kernel, kernel[3:]))
    expected = tf.nn.conv2d(x, k, 1, "SAME") + bias
    np.testing.assert_allclose(row_by_row(tf.constant(x), tf.constant(k), tf.constant(bias)), expected, atol=1e-4)


def test_restore_gives_what_the_generator_gives() -> None:
    model = build("srgan", small(), 0)
    model.generator.layers[-2].bias.assign([0.1, -0.2, 0.3])
    images = np.random.default_rng(0).uniform(0, 1, (2, 9, 14, 3)).astype(np.float32)
    expected = (model.generator(images * 2 - 1, training=False).numpy() + 1) / 2
    np.testing.assert_allclose(model.restore(tf.constant(images)), np.clip(expected, 0, 1), atol=1e-5)


def test_restore_is_the_generator_of_any_size(tmp_path: Path) -> None:
    model = build("srgan", small(), 0)
    loaded = Exported(export(model, tmp_path / "m"))
    assert list(loaded.endpoints) == ["restore"] and loaded.channels == 3
    for h, w in ((9, 14), (16, 3)):
        images = np.random.default_rng(0).uniform(0, 1, (2, h, w, 3)).astype(np.float32)
        made = loaded.restore(images)
        assert made.shape == (2, 4 * h, 4 * w, 3) and made.dtype == np.float32
        expected = (model.generator(images * 2 - 1, training=False).numpy() + 1) / 2
        np.testing.assert_allclose(made, np.clip(expected, 0, 1), atol=1e-3)  # kernels in half precision
    with pytest.raises(UserError, match="no endpoint 'sample'"):
        loaded.sample(n=1)


def test_recipes() -> None:
    recipes = models.recipes("srgan")
    document, paper = recipes["document"], recipes["paper"]
    assert document.model["image_shape"] == (256, 256, 3) and document.batch_size == 1
    assert document.optimizers["g_optimizer"]["beta_1"] == document.optimizers["d_optimizer"]["beta_1"] == 0.97
    assert document.model["pretrain_steps"] == 5_000 and document.steps == 25_000
    assert paper.batch_size == 16 and paper.steps - paper.model["pretrain_steps"] == 200_000
    for key, own in (("srresnet", {"content"}), ("scratch", {"pretrain_steps"})):
        model, photos = recipes[key].model, recipes["photos"].model
        assert {name for name in model if model[name] != photos[name]} == own
    assert recipes["srresnet"].steps == recipes["srresnet"].model["pretrain_steps"]
    assert recipes["scratch"].steps == recipes["photos"].steps - recipes["photos"].model["pretrain_steps"]
    assert tiny(recipes["paper"]).model["content"] == "none"


def test_recipes_for_pictures_as_people_have_them() -> None:
    first, second = models.recipe("srgan", "srresnet_real"), models.recipe("srgan", "srgan_real")
    assert first.steps == first.model["pretrain_steps"] and second.model["pretrain_steps"] == 0
    own = {name for name in first.model if first.model[name] != second.model[name]}
    assert own == {"content", "pretrain_steps", "start"} and first.model["content"] == "none"
    for name in ("dataset", "degradation", "shrink_jpeg", "batch_size", "precision"):
        assert getattr(first, name) == getattr(second, name)
    degradation = degrade(first.degradation)
    assert degradation.factor == 4 and first.degradation.split("+")[-1].startswith("jpeg:")
    assert tiny(second).model["start"] == "", "the tests need no other model"


def test_jpegs_are_shrunk_for_a_recipe_that_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "train").mkdir()
    for i in range(16):
        image = Image.fromarray(rng.integers(0, 256, (80, 96, 3), dtype=np.uint8))
        image.save(tmp_path / "train" / (f"{i}.jpg" if i % 2 else f"{i}.png"))
    recipe = dataclasses.replace(models.tiny("srgan", "srgan_real"), dataset=f"folder:{tmp_path},{tmp_path}")
    source = load_source(recipe)
    assert sorted(source.shapes[:, :2].tolist()) == [[40, 48]] * 16 + [[80, 96]] * 16
    batch = next(iter(batches(recipe, source, 0, None, 0, 1)))
    levels = (batch["source"].numpy() + 1) * 127.5
    np.testing.assert_allclose(levels, levels.round(), atol=1e-3, err_msg="what a JPEG holds")
