"""VGG19, VGG16 and SqueezeNet as feature networks, with weight files that the tests make: structure, range, errors."""

import hashlib
import os
import urllib.error

import h5py
import keras
import numpy as np
import pytest
import skimage.data
import tensorflow as tf

from tfgans.data.degrade import bicubic_down, bicubic_up
from tfgans.errors import UserError
from tfgans.features.content import content_distance
from tfgans.features.squeezenet import FLOOR, USUAL, SqueezeNetFeatures, squeezenet, squeezenet_distance
from tfgans.features.vgg16 import DISTANCE_LAYERS, UNIT, vgg16, vgg16_distance
from tfgans.features.vgg19 import vgg19

# SqueezeNet 1.1 as its authors publish it: kernel shapes by the names of the original model.
SQUEEZENET = {"conv1": (3, 3, 3, 64), "conv10": (1, 1, 512, 1000)}
for _fire, _input, _squeeze, _expand in [
    (2, 64, 16, 64),
    (3, 128, 16, 64),
    (4, 128, 32, 128),
    (5, 256, 32, 128),
    (6, 256, 48, 192),
    (7, 384, 48, 192),
    (8, 384, 64, 256),
    (9, 512, 64, 256),
]:
    SQUEEZENET[f"fire{_fire}/squeeze1x1"] = (1, 1, _input, _squeeze)
    SQUEEZENET[f"fire{_fire}/expand1x1"] = (1, 1, _squeeze, _expand)
    SQUEEZENET[f"fire{_fire}/expand3x3"] = (3, 3, _squeeze, _expand)


def write_keras2(path, layers):
    """A weights file laid out as Keras 2 wrote them, like both networks' published ones. layers: name -> arrays."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in layers]
        for name, weights in layers.items():
            group = file.create_group(name)
            names = [f"{name}_{kind}:0" for kind in "Wb"[: len(weights)]]
            group.attrs["weight_names"] = [each.encode() for each in names]
            for each, value in zip(names, weights, strict=True):
                group[each] = value.astype(np.float32)
    return path


def write_squeezenet(path, shapes):
    """Random weights that keep the scale of activations."""
    rng = np.random.default_rng(0)
    layers = {"input_1": []}
    for name, shape in shapes.items():
        layers[name] = [rng.normal(0, np.sqrt(2 / np.prod(shape[:3])), shape), rng.normal(0, 0.1, shape[-1:])]
    return write_keras2(path, layers | {"drop9": []})


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_squeezenet(tmp_path_factory.mktemp("weights") / "squeezenet.h5", SQUEEZENET)


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory):
    keras.utils.set_random_seed(0)
    model = keras.applications.VGG19(include_top=False, weights=None)
    path = tmp_path_factory.mktemp("weights") / "vgg19_notop.h5"
    return write_keras2(path, {layer.name: layer.get_weights() for layer in model.layers})


@pytest.fixture
def bfloat16():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield
    keras.mixed_precision.set_global_policy("float32")


def photos(n: int, size: int) -> np.ndarray:
    """uint8 (n, size, size, 3)."""
    image = skimage.data.astronaut()
    return np.stack([image[40 * i : 40 * i + size, 120:][:, :size] for i in range(n)])


def to_float(images: np.ndarray) -> tf.Tensor:
    return tf.constant(images / 127.5 - 1.0, tf.float32)


def reaches(model, images: tf.Tensor) -> bool:
    """Whether each pixel of the images has a finite gradient, and most are not 0."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.reduce_mean(tf.square(model(images)))
    gradient = tape.gradient(loss, images).numpy()
    return bool(np.all(np.isfinite(gradient)) and np.mean(gradient != 0) > 0.5)


# --- VGG19 ------------------------------------------------------------------------------------------------------------


def test_vgg_equals_keras_preprocessing_times_the_paper_scale(vgg_file):
    images = photos(2, 40)
    keras_vgg = keras.applications.VGG19(include_top=False, weights=None)
    keras_vgg.load_weights(vgg_file)
    reference = keras.Model(keras_vgg.input, keras_vgg.get_layer("block2_conv2").output)
    expected = reference(keras.applications.vgg19.preprocess_input(images.astype(np.float32)))
    features = vgg19("vgg22", vgg_file)(to_float(images))
    assert features.shape == (2, 20, 20, 128)
    np.testing.assert_allclose(features, expected / 12.75, rtol=1e-3, atol=1e-4 * np.max(expected))
    assert np.min(features) == 0.0  # after the ReLU


def test_vgg_is_frozen_and_passes_gradients():
    model = vgg19("vgg54", weights=None)
    assert model.output_shape == (None, None, None, 512)
    assert len(model.weights) == 32 and model.trainable_weights == []
    assert model.name == "vgg19_block5_conv4"
    assert reaches(model, to_float(photos(1, 32)))
    assert vgg19("block5_conv4", None, (48, 32, 3)).output_shape == (None, 3, 2, 512)


def test_vgg_features_stay_float32_in_mixed_precision(vgg_file, bfloat16):
    images = to_float(photos(1, 32))
    half = vgg19("vgg22", vgg_file)(images)
    keras.mixed_precision.set_global_policy("float32")
    full = vgg19("vgg22", vgg_file)(images).numpy()
    assert half.dtype == tf.float32
    assert 0 < np.mean(np.abs(half - full)) < 0.02 * np.mean(full)


@pytest.mark.filterwarnings("error")
def test_vgg_mistakes(tmp_path, weights):
    with pytest.raises(UserError, match="vgg54.*block1_conv1"):
        vgg19("block6_conv1", weights=None)
    with pytest.raises(UserError, match="no weights file"):
        vgg19(weights=tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("not HDF5")
    for wrong in (tmp_path / "text.h5", weights):
        with pytest.raises(UserError, match="does not hold the weights of VGG19") as caught:
            vgg19(weights=wrong)
        assert "\n" not in str(caught.value)


def test_vgg_offline_is_one_clear_line(monkeypatch, tmp_path):
    def no_network(*args, **kwargs):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))  # not the user's cache
    with pytest.raises(UserError, match=r"could not download .*notop\.h5.*Name or service.*weights=PATH") as caught:
        vgg19()
    assert "\n" not in str(caught.value)


# --- VGG16 ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vgg16_file(tmp_path_factory):
    """Random weights as Keras 3 writes them, with biases."""
    keras.utils.set_random_seed(0)
    model = keras.applications.VGG16(include_top=False, weights=None)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign(np.random.default_rng(1).normal(0, 0.5, weight.shape))
    path = tmp_path_factory.mktemp("weights") / "vgg16_notop.weights.h5"
    model.save_weights(path)
    return path


def vgg16_by_keras(path, images: np.ndarray) -> dict[str, np.ndarray]:
    """What Keras's VGG16 makes before the activations of two layers: the convolution of its layer before each."""
    model = keras.applications.VGG16(include_top=False, weights=None)
    model.load_weights(path)
    given = keras.applications.vgg16.preprocess_input(images.astype(np.float32))
    found = {}
    for name, before in (("block2_conv2", "block2_conv1"), ("block5_conv3", "block5_conv2")):
        x = keras.Model(model.input, model.get_layer(before).output)(given)
        kernel, bias = model.get_layer(name).get_weights()
        found[name] = (tf.nn.conv2d(x, kernel, 1, "SAME") + bias).numpy()
    return found


def test_vgg16_equals_keras_before_the_activation(vgg16_file):
    images = photos(2, 48)
    expected = vgg16_by_keras(vgg16_file, images)
    for name, found in zip(expected, vgg16(vgg16_file)(to_float(images)), strict=True):
        np.testing.assert_allclose(found, expected[name], rtol=1e-3, atol=1e-4 * np.abs(expected[name]).max())
        assert 0.1 < np.mean(found < 0) < 0.9, "before the ReLU"
    one = vgg16(vgg16_file, "block2_conv2")(to_float(images))
    np.testing.assert_allclose(one, expected["block2_conv2"], rtol=1e-3, atol=1e-4 * one.numpy().max())


def test_vgg16_is_frozen_and_passes_gradients_to_each_image(vgg16_file):
    model = vgg16(vgg16_file, "block5_conv3")
    assert model.output_shape == (None, None, None, 512)
    assert len(model.weights) == 26 and model.trainable_weights == []
    assert reaches(model, to_float(photos(1, 32)))
    a, b = to_float(photos(2, 48)), to_float(photos(2, 48)[::-1])
    with tf.GradientTape() as tape:
        tape.watch(b)
        loss = content_distance(f"vgg16:{vgg16_file}")(a, b)
    gradient = np.abs(tape.gradient(loss, b).numpy()).reshape(2, -1)
    assert np.isfinite(gradient).all() and (np.mean(gradient > 0, axis=1) > 0.5).all()


def test_vgg16_distance_is_the_stated_formula(vgg16_file):
    a, b = photos(2, 48)
    fa, fb = (vgg16_by_keras(vgg16_file, image[None]) for image in (a, b))
    terms = [np.mean((fa[name] - fb[name]) ** 2) / UNIT[name] for name in DISTANCE_LAYERS]
    found = vgg16_distance(vgg16_file)(to_float(np.stack([a, a])), to_float(np.stack([b, a])))
    np.testing.assert_allclose(found, [np.mean(terms), 0.0], rtol=1e-3, atol=1e-7)
    content = content_distance(f"vgg16:{vgg16_file}")
    mean = content(to_float(np.stack([a, a])), to_float(np.stack([b, a])))
    np.testing.assert_allclose(mean, np.mean(terms) / 2, rtol=1e-3)


def test_vgg16_mistakes(tmp_path, weights):
    with pytest.raises(UserError, match="block5_conv4.*block5_conv3"):
        vgg16(None, "block5_conv4")
    with pytest.raises(UserError, match="needs VGG16's weights and there is no file nowhere.h5"):
        content_distance("vgg16:nowhere.h5")
    with pytest.raises(UserError, match="vgg16:PATH or none, not 'vgg16'"):
        content_distance("vgg16")
    with pytest.raises(UserError, match="does not hold the weights of VGG16") as caught:
        vgg16(weights)
    assert "\n" not in str(caught.value)


# --- SqueezeNet -------------------------------------------------------------------------------------------------------


def by_hand(path, image: np.ndarray) -> dict[str, np.ndarray]:
    """SqueezeNet 1.1 in NumPy float64 from the Caffe description. image uint8 (h, w, 3)."""
    with h5py.File(path) as file:
        arrays = {name: (file[name][f"{name}_W:0"][()], file[name][f"{name}_b:0"][()]) for name in SQUEEZENET}

    def windows(x, size, stride):
        view = np.lib.stride_tricks.sliding_window_view(x, (size, size), (0, 1))
        return view[::stride, ::stride]  # (h', w', c, size, size)

    def conv(x, name, stride=1, pad=0):
        kernel, bias = arrays[name]
        x = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
        return np.maximum(np.einsum("hwcij,ijco->hwo", windows(x, kernel.shape[0], stride), kernel) + bias, 0)

    x = image[..., ::-1].astype(np.float64) - (103.939, 116.779, 123.68)
    x = conv(x, "conv1", stride=2)
    outputs = {"conv1": x}
    for fire in range(2, 10):
        if fire in (2, 4, 6):
            x = windows(x, 3, 2).max((-2, -1))
        x = conv(x, f"fire{fire}/squeeze1x1")
        x = np.concatenate([conv(x, f"fire{fire}/expand1x1"), conv(x, f"fire{fire}/expand3x3", pad=1)], -1)
        outputs[f"fire{fire}"] = x
    outputs["features"] = x.mean((0, 1))
    outputs["logits"] = conv(x, "conv10").mean((0, 1))
    return outputs


def test_squeezenet_equals_numpy_in_every_layer(weights):
    image = photos(1, 61)[0]
    expected = by_hand(weights, image)
    outputs = squeezenet(weights, list(expected))(to_float(image)[None])
    for (name, value), output in zip(expected.items(), outputs, strict=True):
        assert output.shape[1:] == value.shape, name
        np.testing.assert_allclose(output[0], value, rtol=1e-3, atol=1e-4 * value.max(), err_msg=name)


def test_squeezenet_is_frozen_and_passes_gradients(weights):
    model = squeezenet(weights)
    assert model.output_shape == (None, 512)
    assert model.trainable_weights == [] and len(model.weights) == 2 * 25
    assert reaches(model, to_float(photos(1, 64)))
    assert model(to_float(photos(2, 31))).shape == (2, 512)
    assert squeezenet(weights, "fire5", (64, 96, 3)).output_shape == (None, 7, 11, 256)


def test_squeezenet_is_float32_whatever_the_policy(weights, bfloat16):
    images = to_float(photos(1, 40))
    mixed = squeezenet(weights)(images)
    keras.mixed_precision.set_global_policy("float32")
    np.testing.assert_array_equal(mixed, squeezenet(weights)(images))


def test_squeezenet_mistakes(tmp_path, weights):
    def error(path, *args):
        with pytest.raises(UserError) as caught:
            squeezenet(path, *args)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "fire9" in error(weights, "fire10")
    assert "31x31" in error(weights, "features", (28, 28, 3))
    assert "no weights file" in error(tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("not HDF5")
    assert "not a Keras HDF5" in error(tmp_path / "text.h5")
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    assert "not a Keras HDF5" in error(tmp_path / "empty.h5")
    less = {name: shape for name, shape in SQUEEZENET.items() if name != "conv10"}
    assert "layers conv10" in error(write_squeezenet(tmp_path / "less.h5", less), "conv1")
    more = SQUEEZENET | {"conv11": (1, 1, 2, 2)}
    assert "layers conv11" in error(write_squeezenet(tmp_path / "more.h5", more))
    other = SQUEEZENET | {"conv1": (7, 7, 3, 96)}
    assert "conv1 has shapes" in error(write_squeezenet(tmp_path / "other.h5", other))


def test_squeezenet_distance_is_the_stated_formula(weights):
    a, b = photos(2, 48)
    layers = ("conv1", "fire3", "fire9")
    terms = []
    for name in layers:
        fa, fb = by_hand(weights, a)[name], by_hand(weights, b)[name]
        fa, fb = (f / np.linalg.norm(f, axis=-1, keepdims=True) for f in (fa, fb))
        terms.append(np.mean(np.sum((fa - fb) ** 2, -1)))
    distance = squeezenet_distance(weights, layers)
    found = distance(to_float(np.stack([a, a])), to_float(np.stack([b, a])))
    np.testing.assert_allclose(found, [np.mean(terms), 0.0], rtol=1e-3, atol=1e-7)


def test_a_floor_keeps_short_features_short(weights):
    """A place whose features are as long as usual counts 1 / (1 + floor) of what it does without, shorter ones less."""
    a, b = photos(2, 48)
    terms = []
    for name in ("conv1", "fire9"):
        fa, fb = by_hand(weights, a)[name], by_hand(weights, b)[name]
        fa, fb = (f / np.sqrt((f**2).sum(-1, keepdims=True) + 0.1 * USUAL[name]) for f in (fa, fb))
        terms.append(np.mean(np.sum((fa - fb) ** 2, -1)))
    found = squeezenet_distance(weights, ("conv1", "fire9"), floor=0.1)(to_float(a[None]), to_float(b[None]))
    np.testing.assert_allclose(found, [np.mean(terms)], rtol=1e-3)
    content = content_distance(f"squeezenet:{weights}")
    assert content is not None and 0 < FLOOR < 1
    whole = squeezenet_distance(weights, floor=FLOOR)(to_float(a[None]), to_float(b[None]))
    np.testing.assert_allclose(content(to_float(a[None]), to_float(b[None])), whole[0], rtol=1e-6)


def test_a_single_layer_is_compared_image_by_image(weights):
    """Keras hands a single output back bare: then the first image would stand for the layer."""
    images = to_float(photos(2, 48))
    found = squeezenet_distance(weights, ("conv1",))(images, images[::-1])
    assert found.shape == (2,)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


def test_squeezenet_distance_grows_and_has_gradients(weights):
    distance = squeezenet_distance(weights)
    image = to_float(photos(1, 64))
    noise = tf.random.stateless_normal(image.shape, (1, 2))
    near, far = distance(image, image + 0.02 * noise)[0], distance(image, image + 0.2 * noise)[0]
    assert 0 < 3 * near < far < 2
    with tf.GradientTape() as tape:
        tape.watch(image)
        loss = distance(image, tf.zeros_like(image))
    gradient = tape.gradient(loss, image).numpy()
    assert np.all(np.isfinite(gradient)) and np.mean(gradient != 0) > 0.5
    with tf.GradientTape() as tape:
        tape.watch(image)
        loss = distance(image, image)  # a minimum, where a square root would give NaN
    assert np.all(np.isfinite(tape.gradient(loss, image)))
    with pytest.raises(UserError, match="31x31"):
        distance(image[:, :28, :28], image[:, :28, :28])


def test_features_object(weights):
    network = SqueezeNetFeatures(weights, size=64, batch_size=3)
    images = photos(5, 64)
    found = network.features(images)
    assert isinstance(found, np.ndarray) and found.dtype == np.float32 and found.shape == (5, 512)
    # 64 pixels are not resized, and the last, smaller batch gives the same as one batch.
    np.testing.assert_allclose(found, squeezenet(weights)(to_float(images)), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(network.features(images / 255.0), found, rtol=1e-4, atol=1e-4)
    assert network.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert network.name == "squeezenet1.1-64px" and SqueezeNetFeatures(weights).name == "squeezenet1.1-227px"


def test_features_of_any_size_and_of_grey(weights):
    network = SqueezeNetFeatures(weights, size=64)
    smooth = np.linspace(0, 1, 128)[None, :, None, None] * np.ones((1, 128, 128, 3))
    small = smooth[:, ::4, ::4].mean(-1, keepdims=True)
    assert small.shape == (1, 32, 32, 1)
    a, b = network.features(smooth)[0], network.features(small)[0]
    assert np.corrcoef(a, b)[0, 1] > 0.99
    assert network.features(np.zeros((0, 9, 9, 3), np.uint8)).shape == (0, 512)


def test_features_refuse_wrong_ranges(weights):
    network = SqueezeNetFeatures(weights, size=64)
    for bad, message in [
        (np.full((1, 8, 8, 3), -0.5), r"\[0, 1\]"),
        (np.full((1, 8, 8, 3), 255.0), r"\[0, 1\]"),
        (np.full((1, 8, 8, 3), np.nan), r"\[0, 1\]"),
        (np.zeros((1, 8, 8, 3), np.int64), "uint8"),
        (np.zeros((8, 8, 3), np.uint8), "shape"),
        (np.zeros((1, 8, 8, 2), np.uint8), "shape"),
    ]:
        with pytest.raises(ValueError, match=message):
            network.features(bad)


REAL = pytest.mark.skipif("TFGANS_SQUEEZENET" not in os.environ, reason="TFGANS_SQUEEZENET names the real weights file")


@REAL
def test_real_weights_see_noise_on_flat_surfaces_less_with_a_floor():
    rng, found = np.random.default_rng(0), {}
    noise = rng.normal(size=(1, 96, 96, 3)) / 127.5  # one level of 255
    flat, fur = np.zeros((1, 96, 96, 3)), skimage.data.chelsea()[None, 100:196, 150:246] / 127.5 - 1.0
    for floor in (0.0, FLOOR):
        distance = squeezenet_distance(os.environ["TFGANS_SQUEEZENET"], floor=floor)
        for name, image in (("flat", flat), ("fur", fur)):
            pair = (tf.constant(each, tf.float32) for each in (image, image + noise))
            found[name, floor] = float(distance(*pair)[0])
    print(found)
    assert found["flat", 0.0] > 100 * found["fur", 0.0]
    assert found["flat", FLOOR] < found["flat", 0.0] / 5 and found["fur", FLOOR] > found["fur", 0.0] / 2


@pytest.mark.skipif("TFGANS_VGG16" not in os.environ, reason="TFGANS_VGG16 names the real weights file")
def test_real_vgg16_measures_as_squeezenet_does():
    """A photograph and its bicubic enlargement by 4, in the units of BSD200: about as far apart as there, 0.4."""
    image = to_float(skimage.data.chelsea()[None, 100:196, 150:246])
    enlarged = bicubic_up(bicubic_down(image, 4), 4)
    assert 0.1 < vgg16_distance(os.environ["TFGANS_VGG16"])(image, enlarged)[0] < 0.8


@REAL
def test_real_weights_know_a_cat_and_an_espresso():
    model = squeezenet(os.environ["TFGANS_SQUEEZENET"], "logits")
    cat, coffee = skimage.data.chelsea()[:, 75:375], skimage.data.coffee()[:, 100:500]
    for image, classes in ((cat, {281, 282, 285}), (coffee, {967})):
        images = tf.image.resize(to_float(image)[None], (227, 227), antialias=True)
        assert int(tf.argmax(model(images)[0])) in classes
