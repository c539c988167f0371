"""Pix2PixHD: networks and losses against counts by hand, boundaries, stages, features of objects, maps from files."""

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import batch_of

from tfgans import models
from tfgans.errors import UserError
from tfgans.inference.label_maps import objects_of
from tfgans.models.instance_maps import boundaries, means_of
from tfgans.models.networks import ReflectionPadding, build_residual, patches_of, residual_block
from tfgans.models.pix2pixhd import Pix2PixHD, matching, toward
from tfgans.models.pix2pixhd_networks import build_discriminators, build_enhancer, build_head
from tfgans.training.setup import build


def small(key: str = "dsb2018", **changes: Any) -> Any:
    recipe = models.tiny("pix2pixhd", key)
    return build("pix2pixhd", dataclasses.replace(recipe, model={**recipe.model, **changes}), 0)


def parameters(network: Any) -> int:
    return sum(int(np.prod(w.shape)) for w in network.trainable_weights)


def noise(*shape: int, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32))


# --- networks ---------------------------------------------------------------------------------------------------------


def g1_size(given: int, width: int, downsamplings: int, blocks: int) -> int:
    """The kernels of G1: c7s1, d, R, u, and c7s1-3, which alone has biases."""
    filters = [width << i for i in range(downsamplings + 1)]
    down = sum(9 * a * b for a, b in zip(filters, filters[1:], strict=False))
    return 49 * given * width + 2 * down + blocks * 2 * 9 * filters[-1] ** 2 + 49 * width * 3 + 3


def g2_size(given: int, width: int, blocks: int) -> int:
    half = width // 2
    return 49 * given * half + 2 * 9 * half * width + blocks * 2 * 9 * width**2 + 49 * half * 3 + 3


def test_the_networks_have_the_papers_size() -> None:
    """The paper's depths at an eighth of its width; at its width G1 has 182 million parameters."""
    coarse = build_residual(36, 8, 4, 9, "global_generator")
    assert parameters(coarse) + parameters(build_head(8, 3)) == g1_size(36, 8, 4, 9) == 2_865_339
    assert g1_size(36, 64, 4, 9) == 182_525_379
    enhancer = build_enhancer(36, 8, 3, 3)
    assert parameters(enhancer) == g2_size(36, 8, 3) == 11_679
    judges = build_discriminators(38, 8, 70, 3)
    convolutions = [(38, 8), (8, 16), (16, 32), (32, 64), (64, 1)]
    assert parameters(judges) == 3 * (sum(16 * a * b for a, b in convolutions) + 8 + 1)


def test_the_enhancer_adds_g1s_features_and_doubles_the_sides() -> None:
    coarse, enhancer = build_residual(3, 4, 1, 1, "g1"), build_enhancer(3, 4, 1, 3)
    features = coarse(noise(2, 8, 12, 3))
    assert features.shape == (2, 8, 12, 4)
    image = noise(2, 16, 24, 3, seed=1)
    made = enhancer([image, features]).numpy()
    assert made.shape == (2, 16, 24, 3) and np.abs(made).max() <= 1
    front = [layer for layer in enhancer.layers if type(layer).__name__ == "Conv2D"][1]
    front.kernel.assign(tf.zeros_like(front.kernel))  # of the front end nothing is left: G1's features alone count
    one, other = (enhancer([noise(2, 16, 24, 3, seed=seed), features]).numpy() for seed in (1, 2))
    np.testing.assert_array_equal(one, other)
    assert not np.allclose(one, enhancer([image, coarse(noise(2, 8, 12, 3, seed=5))]).numpy(), atol=1e-4)


def test_borders_are_mirrored() -> None:
    row = tf.reshape(tf.constant([1.0, 2.0, 3.0]), (1, 1, 3, 1))
    padded = ReflectionPadding(2)(tf.tile(row, (1, 3, 1, 1))).numpy()[0, :, :, 0]
    assert padded.shape == (7, 7) and padded[0].tolist() == [3, 2, 1, 2, 3, 2, 1]


def test_a_residual_block_ends_with_the_sum() -> None:
    image = keras.Input((None, None, 2))
    block = keras.Model(image, residual_block(image, "instance"))
    x = noise(1, 6, 6, 2)
    assert (block(x).numpy() < 0).any(), "no ReLU after it"
    for layer in block.layers:
        if type(layer).__name__ == "Conv2D":
            layer.kernel.assign(tf.zeros_like(layer.kernel))
    np.testing.assert_array_equal(block(x), x)


def test_the_discriminators_judge_a_pyramid() -> None:
    judges, image = build_discriminators(2, 4, 16, 3), noise(1, 64, 32, 2)
    found = judges(image)
    assert [len(maps) for maps in found] == [3, 3, 3], "two maps and the logits"
    for k, maps in enumerate(found):
        half = [[side >> (k + 1) for side in (64, 32)]]
        assert [list(each.shape[1:3]) for each in maps[:1]] == half
        assert maps[-1].shape == (1, patches_of(64 >> k, 16), patches_of(32 >> k, 16), 1)
    quarter = image.numpy().reshape(1, 16, 4, 8, 4, 2).mean((2, 4))
    for one, other in zip(found[2], judges.get_layer("discriminator_3")(quarter), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    kernels = [judges.get_layer(f"discriminator_{k}").trainable_weights[0].numpy() for k in (1, 2, 3)]
    assert not np.array_equal(kernels[0], kernels[1]), "alike, and not the same"


# --- maps -------------------------------------------------------------------------------------------------------------

OBJECTS = np.array([[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 2, 2], [3, 3, 2, 2]], np.int32)
BORDERS = [[0, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [0, 1, 1, 0]]


def test_boundaries_by_hand() -> None:
    label = np.zeros((4, 4), np.int32)
    maps = np.stack([label, OBJECTS], -1)
    label[3, 3] = 1  # a class ends where no object does
    both = np.stack([np.stack([label, OBJECTS], -1), maps])
    found = boundaries(tf.constant(both)).numpy()
    assert found.shape == (2, 4, 4, 1) and found[1, ..., 0].tolist() == BORDERS
    expected = np.array(BORDERS)
    expected[3, 2] = expected[2, 3] = expected[3, 3] = 1
    assert found[0, ..., 0].tolist() == expected.tolist()


@pytest.mark.parametrize("boundary, instances", [(True, True), (True, False), (False, True)])
def test_what_is_drawn_of_the_maps(boundary: bool, instances: bool) -> None:
    model = small(boundary=boundary, instances=instances)
    label = tf.constant(np.repeat([[0, 0, 1, 1]], 4, 0)[None, ..., None].astype(np.int32))
    maps = model.maps.joined(label, tf.constant(OBJECTS)[None, ..., None] if instances else None)
    drawn = model.maps.drawn(maps).numpy()[0]
    assert drawn[0, :, :2].tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    assert drawn.shape[-1] == 2 + boundary
    if boundary:
        assert drawn[..., 2].tolist() == (BORDERS if instances else [[0, 1, 1, 0]] * 4)
    assert ("instance_map" in model.batch_spec(1)) == instances
    assert list(model.endpoints()["translate"].inputs) == ["label_map", "instance_map"][: 1 + instances]


def test_objects_of_a_label_map() -> None:
    """What touches by a side is one, what touches by a corner two, and so are two classes side by side."""
    ids = np.array([[1, 1, 0], [1, 0, 1], [2, 2, 1]], np.int32)
    found = objects_of(ids[..., None])[..., 0]
    numbers = [set(found[where].tolist()) for where in ((ids == 0), (ids == 1), (ids == 2))]
    assert [len(each) for each in numbers] == [2, 2, 1] and len(set.union(*numbers)) == 5
    assert found[0, 0] == found[0, 1] == found[1, 0] and found[1, 2] == found[2, 2] != found[0, 0]


def test_a_label_map_alone_has_the_objects_that_touch() -> None:
    model = small()
    label = np.zeros((1, 16, 16, 1), np.int32)
    label[0, 2:7, 2:7], label[0, 9:14, 9:14] = 1, 1
    alone = model.translate(tf.constant(label), tf.constant(objects_of(label[0])[None])).numpy()
    numbered = label.copy()
    numbered[0, 9:14] *= 2
    np.testing.assert_array_equal(alone, model.translate(tf.constant(label), tf.constant(numbered)).numpy())
    numbered[0, 2:7, 4:7] *= 3  # cut in two
    assert not np.array_equal(alone, model.translate(tf.constant(label), tf.constant(numbered)).numpy())


# --- losses -----------------------------------------------------------------------------------------------------------


def test_losses_by_hand() -> None:
    real = [[tf.constant([[1.0, 3.0]]), tf.constant([[5.0]]), tf.constant([[9.0]])]] * 2
    made = [
        [tf.constant([[2.0, 1.0]]), tf.constant([[5.5]]), tf.constant([[0.5]])],
        [tf.constant([[1.0, 3.0]]), tf.constant([[1.0]]), tf.constant([[3.0]])],
    ]
    # two maps each, so 4 / 2, of two discriminators: 1; the logits do not count
    assert float(matching(real, made)) == pytest.approx((1 + 2) / 2 + 0.5 + 0 + 4)
    logits = [maps[-1] for maps in made]
    assert float(toward(1.0, logits)) == pytest.approx(0.25 + 4.0)
    assert float(toward(0.0, logits)) == pytest.approx(0.25 + 9.0)


def test_losses_are_those_of_the_equations() -> None:
    model = small(matching_weight=7.0)
    drawn, target, made = noise(2, 32, 32, 3), noise(2, 32, 32, 3, seed=1), noise(2, 32, 32, 3, seed=2)
    on_target, on_made = (model.judged(drawn, each) for each in (target, made))
    losses = {term: float(value) for term, value in model.generator_loss(drawn, target, made).items()}
    real, fake = ([maps[-1].numpy() for maps in each] for each in (on_target, on_made))
    assert losses.keys() == {"g_loss", "matching_loss"}
    assert losses["g_loss"] == pytest.approx(sum(np.mean((each - 1) ** 2) for each in fake), rel=1e-4)
    assert losses["matching_loss"] == pytest.approx(7 * float(matching(on_target, on_made)), rel=1e-4)
    d_loss = float(model.discriminator_loss(drawn, target, made)["d_loss"])
    squares = sum(np.mean((a - 1) ** 2) + np.mean(b**2) for a, b in zip(real, fake, strict=True))
    assert d_loss == pytest.approx(squares / 2, rel=1e-4)
    logs = {term: float(value) for term, value in model.logs().items()}
    assert logs["d_real"] == pytest.approx(np.mean([each.mean() for each in real]), rel=1e-3)
    assert logs["d_fake"] == pytest.approx(np.mean([each.mean() for each in fake]), rel=1e-3)
    assert logs["l1"] == pytest.approx(np.abs(target - made).mean(), rel=1e-5)


def test_ablations_leave_their_loss_out() -> None:
    drawn, target, made = noise(1, 16, 16, 3), noise(1, 16, 16, 3, seed=1), noise(1, 16, 16, 3, seed=2)
    losses = small(matching_weight=0.0, scales=1).generator_loss(drawn, target, made)
    assert losses.keys() == {"g_loss"}
    model = small()
    model.content_distance = lambda a, b: tf.reduce_mean(tf.abs(a - b))
    losses = model.generator_loss(drawn, target, made)
    assert float(losses["content_loss"]) == pytest.approx(10 * np.abs(target - made).mean(), rel=1e-5)


# --- stages -----------------------------------------------------------------------------------------------------------

NETWORKS = ("global_generator", "head", "local_enhancer", "encoder", "discriminators")


def test_what_moves_in_each_stage() -> None:
    model = small("dsb2018_features")
    moves = {
        "coarse": {"global_generator", "head", "encoder", "discriminators"},
        "enhance": {"local_enhancer", "discriminators"},
        "joint": {"global_generator", "local_enhancer", "encoder", "discriminators"},
    }
    for step, expected in enumerate(moves.values()):
        before = {name: [w.numpy() for w in getattr(model, name).trainable_weights] for name in NETWORKS}
        model.train_step(batch_of(model, step))
        moved = set()
        for name, old in before.items():
            changed = [
                not np.array_equal(w.numpy(), o)
                for w, o in zip(getattr(model, name).trainable_weights, old, strict=True)
            ]
            assert all(changed) or not any(changed), name
            moved |= {name} if any(changed) else set()
        assert moved == expected, step
    updates = {player: int(getattr(model, player).iterations) for player in model.players}
    assert updates == {"coarse_optimizer": 1, "enhance_optimizer": 1, "g_optimizer": 1, "d_optimizer": 3}
    assert [model.updates(player) for player in updates] == [{0: 1, 1: 0}, {1: 1, 2: 0}, {2: 1}, {0: 1}]


def test_previews_are_of_g1_until_g2_learns() -> None:
    model = small("dsb2018_features")
    batch = batch_of(model, 0)
    given = (batch["label_map"], batch["instance_map"], tf.constant(3))
    maps, features = model.inputs_of(*given)
    first = (model.made_coarsely(maps[:, ::2, ::2], features) + 1) / 2
    shown = model.shown("translate")(*given).numpy()
    assert shown.shape == batch["target"].shape
    for y, x in ((0, 0), (1, 0), (0, 1), (1, 1)):
        np.testing.assert_allclose(shown[:, y::2, x::2], first, atol=1e-5)
    model.steps_done.assign(model.coarse_steps)
    np.testing.assert_allclose(model.shown("translate")(*given), model.translate(*given), atol=1e-5)


def test_g1_makes_images_of_half_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second pixel of the maps, and means of the image."""
    model, judged = small(), []
    batch = batch_of(model, 0)
    monkeypatch.setattr(model, "minimize", lambda player, losses: losses()[1] if player != "d_optimizer" else losses())

    def loss(drawn: tf.Tensor, target: tf.Tensor, made: tf.Tensor) -> dict[str, tf.Tensor]:
        judged.append((drawn, target, made.shape))
        return {}

    monkeypatch.setattr(model, "generator_loss", loss)
    monkeypatch.setattr(model, "discriminator_loss", loss)
    model.coarse(batch)
    model.joint(batch)
    (drawn, target, shape), _, (_, whole, of_whole), _ = judged
    assert shape == (4, 32, 32, 3) == target.shape and of_whole == (4, 64, 64, 3)
    np.testing.assert_allclose(target, batch["target"].numpy().reshape(4, 32, 2, 32, 2, 3).mean((2, 4)), atol=1e-6)
    np.testing.assert_array_equal(whole, batch["target"])
    np.testing.assert_array_equal(np.argmax(drawn[..., :2], -1), batch["label_map"][:, ::2, ::2, 0])


def test_without_an_enhancer_g1_makes_the_whole() -> None:
    model = small("dsb2018_global")
    assert model.players.keys() == {"coarse_optimizer", "d_optimizer"} and model.stages == (("coarse", None),)
    model.train_step(batch_of(model, 0))
    label = tf.zeros((1, 8, 12, 1), tf.int32)
    assert model.translate(label, label).shape == (1, 8, 12, 3)
    assert model.endpoints()["translate"].multiple == 4


def test_arguments_that_make_no_model() -> None:
    for wrong, says in (
        (dict(image_shape=(66, 64, 3)), "sides must be multiples of 4, at least 8, not 66x64"),
        (dict(image_shape=(32, 32, 3), scales=3), "judges images of 4 pixels, too few for patches of 16"),
        (dict(scales=4), "scales 1, 2 or 3"),
        (dict(label_classes=0), "set their palette"),
        (dict(image_shape=(64, 64, 1), content="squeezenet:x"), "compares colour images"),
    ):
        with pytest.raises(UserError, match=says):
            Pix2PixHD(**{**models.tiny("pix2pixhd").model, **wrong})


# --- features of objects ----------------------------------------------------------------------------------------------


def test_means_of_objects_by_hand() -> None:
    features = tf.constant([[[[1.0], [3.0]], [[5.0], [10.0]]]])
    found = means_of(features, tf.constant([[[0, 0], [2, 2]]]), 4).numpy()
    assert found.tolist() == [[2.0], [0.0], [7.5], [0.0]]


def test_an_object_is_of_one_class_in_one_image() -> None:
    model = small("dsb2018_features")
    label = tf.constant([[[0, 0], [1, 1]]] * 2)[..., None]
    maps = model.maps.joined(label, tf.constant([[[1, 2], [2, 2]]] * 2)[..., None])
    segments = model.maps.segments(maps).numpy()
    assert len(np.unique(segments)) == 6 and segments[0, 1, 0] == segments[0, 1, 1]
    assert segments.max() < model.maps.segment_count(2)
    features = model.maps.means(maps[:1].numpy().repeat(8, 1).repeat(8, 2), model.encoder(noise(1, 16, 16, 3)))
    seen = model.maps.seen(tf.constant(maps[:1]), features).numpy()[0, ..., -3:]
    np.testing.assert_array_equal(seen[1, 0], seen[1, 1])
    assert np.abs(seen[0, 0] - seen[0, 1]).max() > 0


def test_clusters_find_the_groups_of_a_class() -> None:
    """Two looks of class 1, one of class 0; an object counts once, however large."""
    model = small("dsb2018_features", clusters=2)
    label = np.array([[[0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]], np.int32)
    objects = np.array([[[0, 0, 0, 0], [1, 1, 1, 2], [3, 3, 4, 4]]], np.int32)
    maps = model.maps.joined(tf.constant(label)[..., None], tf.constant(objects)[..., None])
    looks = {(0, 0): -0.5, (1, 1): 0.5, (1, 2): 0.7, (1, 3): -0.9, (1, 4): -0.9}
    features = np.zeros((model.maps.segment_count(1), 3), np.float32)
    for (y, x), segment in np.ndenumerate(model.maps.segments(maps).numpy()[0]):
        features[segment] = looks[label[0, y, x], objects[0, y, x]]
    step = tf.function(lambda: model.styles.update(model.maps, maps, tf.constant(features)))
    for _ in range(200):
        step()
    styles, members = model.styles.centres.numpy(), model.styles.members.numpy()
    np.testing.assert_allclose(np.sort(styles[1, :, 0]), [-0.9, 0.6], atol=0.02)
    np.testing.assert_allclose(members[1, 0], members[1, 1], rtol=0.1)
    assert members[1].sum() == pytest.approx(4 * (1 - 0.999**200), rel=0.05), "objects a step"
    assert np.abs(styles[0, members[0].argmax()] + 0.5).max() < 1e-5

    drawn = model.styles.draw(model.maps, 2, tf.constant(3)).numpy().reshape(2, 2, -1, 3)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert {round(float(x), 4) for x in drawn[0, 1, :, 0]} == {round(float(x), 4) for x in styles[1, :, 0]}
    assert np.mean(drawn[0, 1, :, 0] > 0) == pytest.approx(0.5, abs=0.02)
    assert not np.array_equal(drawn, model.styles.draw(model.maps, 2, tf.constant(4)).numpy().reshape(drawn.shape))


# --- recipes ----------------------------------------------------------------------------------------------------------


def test_ablations_change_what_they_name() -> None:
    recipes = models.recipes("pix2pixhd")
    usual = recipes["dsb2018_short"]
    for key, changed in (
        ("dsb2018_no_boundary", {"boundary"}),
        ("dsb2018_no_matching", {"matching_weight"}),
        ("dsb2018_one_scale", {"scales"}),
        ("dsb2018_global", {"enhancer"}),
    ):
        own = recipes[key]
        assert {name for name, value in own.model.items() if value != usual.model[name]} == changed
        assert all(getattr(own, name) == getattr(usual, name) for name in ("dataset", "sets", "steps", "load_shape"))
    paper = recipes["paper"].model
    assert (paper["width"], paper["downsamplings"], paper["blocks"], paper["enhancer_blocks"]) == (64, 4, 9, 3)
    for key in ("dsb2018", "camvid"):  # kernels are exported in half precision, and a saved model has at most 16 MB
        own = recipes[key].model
        given = own["label_classes"] + 1
        size = g1_size(given, own["width"], own["downsamplings"], own["blocks"]) + g2_size(given, own["width"], 3)
        assert 2 * size < 15.5e6
