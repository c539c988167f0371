"""SqueezeNet 1.1 (Iandola et al., arXiv:1602.07360), an ImageNet classifier of 1.2M parameters for comparing images.

It is used where VGG19 or Inception weights are not available. Its scores are not comparable with theirs: a Frechet
distance of SqueezeNet features is not an FID, and the `squeezenet distance` below is not LPIPS. The weights are a Keras
HDF5 file of the original Caffe model (its layer names, with top).
"""

import hashlib
import os
from collections.abc import Callable, Sequence

import h5py
import keras
import numpy as np
import tensorflow as tf

import tfgans.training.keras_defaults  # noqa: F401  (before layers are made)
from tfgans.errors import UserError

MEAN_BGR = (103.939, 116.779, 123.68)
FIRES = {  # name: (squeeze, expand) filters; a fire module has 2*expand channels
    "fire2": (16, 64),
    "fire3": (16, 64),
    "fire4": (32, 128),
    "fire5": (32, 128),
    "fire6": (48, 192),
    "fire7": (48, 192),
    "fire8": (64, 256),
    "fire9": (64, 256),
}
POOLED_BEFORE = ("fire2", "fire4", "fire6")
LAYERS = ("conv1", *FIRES, "features", "logits")
SMALLEST = 31  # pixels; smaller images leave nothing for the last pooling
TRAINED_AT = 227
# After the first convolution and the last modules of each resolution: the layers that LPIPS uses.
DISTANCE_LAYERS = ("conv1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9")
# The mean squared length of each layer's feature vectors on the photographs of Set5 and Set14.
USUAL = dict(zip(DISTANCE_LAYERS, (87.1e3, 545e3, 655e3, 1.38e6, 354e3, 317e3, 61.1e3), strict=True))
FLOOR = 0.1  # of the floored distance


def squeezenet(
    path: str | os.PathLike,
    layer: str | Sequence[str] = "features",
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
) -> keras.Model:
    """A frozen float32 model from images (n, h, w, 3), RGB in [-1, 1], h and w at least 31, to one layer or a list.

    | layer | shape | what |
    |---|---|---|
    | conv1 | (n, (h-1)//2, (w-1)//2, 64) | after the ReLU |
    | fire2 ... fire9 | (n, h/4 ... h/16, w/4 ... w/16, 128 ... 512) | both expansions after the ReLU |
    | features | (n, 512) | fire9 averaged over space |
    | logits | (n, 1000) | ImageNet classes before the softmax; never negative, as the last convolution has a ReLU |

    Several names give a list of outputs, one name a single output. The network was trained at 227 pixels; features of
    much smaller images are weak. Nothing is trainable, but gradients reach the images.

    Raises UserError for an unknown layer and for a file that is missing or not SqueezeNet 1.1's.
    """
    names = [layer] if isinstance(layer, str) else list(layer)
    for name in names:
        if name not in LAYERS:
            raise UserError(f'SqueezeNet has no layer "{name}"; there are {", ".join(LAYERS)}')
    if any(size is not None and size < SMALLEST for size in input_shape[:2]):
        raise UserError(f"SqueezeNet takes images of at least {SMALLEST}x{SMALLEST}, not {input_shape[:2]}")

    images = keras.Input(input_shape, name="images")
    outputs = _network(images)
    # Built as a whole and then cut, so that the whole file is checked whichever layer is requested.
    whole = keras.Model(images, outputs)
    _load(whole, path)
    wanted = [outputs[name] for name in names]
    model = keras.Model(images, wanted[0] if isinstance(layer, str) else wanted, name="squeezenet")
    model.trainable = False
    return model


def _network(images: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
    """Every layer's output by name. Convolutions are named as in the file, with "_" for "/", which Keras 3 forbids."""

    def conv(x: keras.KerasTensor, filters: int, size: int, name: str, **options) -> keras.KerasTensor:
        # float32 whatever the global policy: scores must not depend on how the GAN was trained.
        return keras.layers.Conv2D(filters, size, activation="relu", name=name, dtype="float32", **options)(x)

    offset = [127.5 - mean for mean in MEAN_BGR]
    x = keras.layers.Rescaling(127.5, offset, dtype="float32", name="bgr_minus_mean")(images[..., ::-1])
    outputs = {"conv1": conv(x, 64, 3, "conv1", strides=2)}
    x = outputs["conv1"]
    for name, (squeeze, expand) in FIRES.items():
        if name in POOLED_BEFORE:
            x = keras.layers.MaxPooling2D(3, 2, dtype="float32")(x)
        x = conv(x, squeeze, 1, f"{name}_squeeze1x1")
        sides = [conv(x, expand, k, f"{name}_expand{k}x{k}", padding="same") for k in (1, 3)]
        x = outputs[name] = keras.layers.Concatenate(dtype="float32", name=name)(sides)
    outputs["features"] = keras.layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    x = conv(x, 1000, 1, "conv10")
    outputs["logits"] = keras.layers.GlobalAveragePooling2D(dtype="float32", name="logits")(x)
    return outputs


def _load(model: keras.Model, path: str | os.PathLike) -> None:
    """Load weights by layer name, all or nothing: every layer, every weight of the file, exact shapes."""
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise UserError(f"there is no weights file {path}")
    found: dict[str, list[np.ndarray]] = {}
    try:
        with h5py.File(path, "r") as file:
            for layer in file.attrs["layer_names"]:
                group = file[layer]
                weights = [np.asarray(group[name]) for name in group.attrs["weight_names"]]
                if weights:
                    found[(layer.decode() if isinstance(layer, bytes) else layer).replace("/", "_")] = weights
    except (OSError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a Keras HDF5 weights file ({error})") from error

    wanted = {layer.name: layer for layer in model.layers if layer.weights}
    if set(found) != set(wanted):
        odd = ", ".join(sorted(set(found) ^ set(wanted))[:3])
        raise UserError(f"{path} does not hold SqueezeNet 1.1: it and the network differ in the layers {odd}, ...")
    for name, layer in wanted.items():
        shapes, expected = [w.shape for w in found[name]], [tuple(w.shape) for w in layer.weights]
        if shapes != expected:
            raise UserError(f"{path} does not hold SqueezeNet 1.1: {name} has shapes {shapes}, not {expected}")
        layer.set_weights(found[name])


def squeezenet_distance(
    path: str | os.PathLike, layers: Sequence[str] = DISTANCE_LAYERS, floor: float = 0.0
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The function (a, b) -> `squeezenet distance` (n,), from 0 (equal) to 2, of images (n, h, w, 3) in [-1, 1].

    At each position of each layer the two feature vectors are scaled to length 1 and their squared difference is summed
    over channels; then it is averaged over space and over layers. This is LPIPS (Zhang et al., arXiv:1801.03924,
    equation 1) without its learnt channel weights, a different measure: never call it LPIPS. Differentiable.

    On flat surfaces features are small, and scaling them amplifies invisible differences: there, noise of one level of
    255 has half the distance of a bicubic enlargement. With a `floor`, a vector f becomes
    f / sqrt(|f|^2 + floor * USUAL), so short vectors stay short.

    Raises UserError as `squeezenet` does, and for images below 31 pixels.
    """
    model = squeezenet(path, layers)

    def unit(features: tf.Tensor, least: float) -> tf.Tensor:
        if least:
            return features * tf.math.rsqrt(tf.reduce_sum(features**2, -1, keepdims=True) + least)
        # bounds the sum of squares from below, so that the gradient at an all-zero position is 0, not NaN
        return tf.math.l2_normalize(features, -1, 1e-10)

    def distance(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        if any(size is not None and size < SMALLEST for size in a.shape[1:3]):
            raise UserError(
                f"the squeezenet distance takes images of at least {SMALLEST}x{SMALLEST}, not {a.shape[1:3]}"
            )
        terms = []
        for name, fa, fb in zip(layers, tf.nest.flatten(model(a)), tf.nest.flatten(model(b)), strict=True):
            fa, fb = (unit(each, floor * USUAL[name] if floor else 0.0) for each in (fa, fb))
            terms.append(tf.reduce_mean(tf.reduce_sum((fa - fb) ** 2, -1), (1, 2)))
        return tf.add_n(terms) / len(terms)

    return distance


class SqueezeNetFeatures:
    """The feature network of the metrics: `features(images)` returns (n, 512) NumPy.

    Images are resized to `size` pixels, by default the 227 of its training, with antialiased bilinear
    interpolation. `name` states network and size, `sha256` the weights file: a score requires both.
    """

    n_classes = 0

    def __init__(self, path: str | os.PathLike, size: int = TRAINED_AT, batch_size: int = 32):
        """Raises UserError as `squeezenet` does."""
        self.name = f"squeezenet1.1-{size}px"
        self.batch_size = batch_size
        model = squeezenet(path, "features", (size, size, 3))
        with open(path, "rb") as file:
            self.sha256 = hashlib.sha256(file.read()).hexdigest()

        @tf.function(reduce_retracing=True)
        def run(images: tf.Tensor) -> tf.Tensor:
            return model(tf.image.resize(images, (size, size), antialias=True) * 2.0 - 1.0)

        self._run = run

    def features(self, images: np.ndarray) -> np.ndarray:
        """images uint8 or float in [0, 1], (n, h, w, 1 or 3), any size. Returns float32 (n, 512).

        Raises ValueError for other shapes and ranges; images in [-1, 1] would otherwise go unnoticed.
        """
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[-1] not in (1, 3):
            raise ValueError(f"images must have the shape (n, h, w, 1 or 3), not {images.shape}")
        if images.dtype == np.uint8:
            scale = 1 / 255
        elif np.issubdtype(images.dtype, np.floating):
            scale = 1.0
        else:
            raise ValueError(f"images must be uint8 or float in [0, 1], not {images.dtype}")
        found = []
        for start in range(0, len(images), self.batch_size):
            batch = images[start : start + self.batch_size].astype(np.float32) * np.float32(scale)
            if not (batch.min() >= -1e-6 and batch.max() <= 1 + 1e-6):
                raise ValueError(f"float images must lie in [0, 1], not [{batch.min():g}, {batch.max():g}]")
            found.append(self._run(np.broadcast_to(batch, (*batch.shape[:3], 3))).numpy())
        return np.concatenate(found) if found else np.zeros((0, 512), np.float32)
