"""VGG16 features before the activations for comparing images, as in ESRGAN.

Simonyan and Zisserman (arXiv:1409.1556); Wang et al., "ESRGAN" (arXiv:1809.00219), section 3.3: features before the
activation are denser than after it, where most are 0, and preserve the brightness of generated images.

The available weights are not those of ImageNet: they were initialized with these and fine-tuned to find edges (HED,
arXiv:1504.06375) on BSDS500. Everything measured or trained with them is called "VGG16 (HED)".
"""

import os
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

import tfgans.training.keras_defaults  # noqa: F401  (before layers are made)
from tfgans.errors import UserError

MEAN_BGR = (103.939, 116.779, 123.68)
DISTANCE_LAYERS = ("block2_conv2", "block5_conv3")  # fine textures, and the objects they belong to
# Divisors of the mean squared difference of each layer. Photographs of BSD200 and their bicubic enlargements by 4 are
# then 0.40 apart in each, as in SqueezeNet with its floor; the distance's gradient, 4e-3, also equals SqueezeNet's.
UNIT = dict(zip(DISTANCE_LAYERS, (39e3, 78.0), strict=True))


def vgg16(
    path: str | os.PathLike | None,
    layer: str | Sequence[str] = DISTANCE_LAYERS,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
) -> keras.Model:
    """A frozen model from images (n, h, w, 3), RGB in [-1, 1], to the values of one convolution or a list, float32.

    `layer` is `block1_conv1` to `block5_conv3`, or several; their values are those before the ReLU, (n, h', w', c)
    with h' = h divided by 1, 2, 4, 8 or 16 in blocks 1 to 5. Colours are converted to VGG's input: BGR in [0, 255]
    minus the mean colour. Under a mixed-precision policy the convolutions follow the policy.

    `path` is a weights file without top for `keras.applications.VGG16`, or None for random weights. Nothing is
    trainable, but gradients reach the images.

    Raises UserError for an unknown layer, and for a file that is missing or not VGG16's.
    """
    backbone = keras.applications.VGG16(include_top=False, weights=None, input_shape=(None, None, 3))
    convolutions = [each.name for each in backbone.layers if isinstance(each, keras.layers.Conv2D)]
    names = [layer] if isinstance(layer, str) else list(layer)
    for name in names:
        if name not in convolutions:
            raise UserError(f'VGG16 has no layer "{name}"; there are {", ".join(convolutions)}')
    if path is not None:
        _load(backbone, path)

    images = keras.Input(input_shape, name="images")
    offset = [127.5 - mean for mean in MEAN_BGR]
    x = keras.layers.Rescaling(127.5, offset, dtype="float32", name="bgr_minus_mean")(images[..., ::-1])
    found: dict[str, keras.KerasTensor] = {}
    for each in backbone.layers[1:]:
        if isinstance(each, keras.layers.Conv2D):
            each.activation = keras.activations.linear
            x = found[each.name] = each(x)
            x = keras.layers.ReLU(name=f"{each.name}_relu")(x)
        else:
            x = each(x)
    wanted = [keras.layers.Activation("linear", dtype="float32")(found[name]) for name in names]
    model = keras.Model(images, wanted[0] if isinstance(layer, str) else wanted, name="vgg16")
    model.trainable = False
    return model


def _load(backbone: keras.Model, path: str | os.PathLike) -> None:
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise UserError(f"there is no weights file {path}")
    try:
        backbone.load_weights(path)
    except Exception as error:  # h5py and Keras raise many kinds: OSError, ValueError, KeyError, ...
        reason = " ".join(str(error).split())
        raise UserError(f"{path} does not hold the weights of VGG16 without top ({reason})") from error


def vgg16_distance(path: str | os.PathLike | None) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The function (a, b) -> distance (n,), from 0 (equal), of images (n, h, w, 3) in [-1, 1].

    The mean squared difference of each of DISTANCE_LAYERS, in its UNIT, averaged over the layers. Differentiable.

    Raises UserError as `vgg16` does.
    """
    model = vgg16(path)

    def distance(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        terms = [
            tf.reduce_mean(tf.square(fa - fb), (1, 2, 3)) / UNIT[name]
            for name, fa, fb in zip(DISTANCE_LAYERS, model(a), model(b), strict=True)
        ]
        return tf.add_n(terms) / len(terms)

    return distance
