"""Content losses: distances of two images in the features of a frozen network."""

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from tfgans.errors import UserError
from tfgans.features.squeezenet import FLOOR, squeezenet_distance
from tfgans.features.vgg16 import vgg16_distance
from tfgans.features.vgg19 import vgg19


def content_distance(content: str) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None:
    """The distance of images (n, h, w, 3) in [-1, 1] in the features of a frozen network, a scalar; None for "none".

    | content | distance |
    |---|---|
    | `vgg54`, `vgg22` | mean squared difference of VGG19's features, equation 5; ImageNet weights from Keras |
    | `vgg54:PATH` | the same with the weights in that file; `vgg54:random` with random ones, for tests |
    | `squeezenet:PATH` | `squeezenet_distance` with FLOOR and the weights in that file |
    | `vgg16:PATH` | `vgg16_distance` with the weights in that file; `vgg16:random` with random ones, for tests |
    | `none` | no network: the pixel loss is the content loss (the paper's SRGAN-MSE) |

    Raises UserError for anything else, and if the weights are missing.
    """
    kind, _, place = content.partition(":")
    if content == "none":
        return None
    if kind in ("vgg54", "vgg22"):
        features = vgg19(kind, {"": "imagenet", "random": None}.get(place, place))
        return lambda a, b: tf.reduce_mean(tf.square(features(a) - features(b)))
    network = {"squeezenet": "SqueezeNet", "vgg16": "VGG16"}.get(kind)
    if network and place:
        if place != "random" and not Path(place).is_file():
            raise UserError(
                f"the content loss needs {network}'s weights and there is no file {place}; give their path with "
                f"--set content={kind}:PATH, or train without: --set content=none"
            )
        if kind == "vgg16":
            distance = vgg16_distance(None if place == "random" else place)
        else:
            distance = squeezenet_distance(place, floor=FLOOR)
        return lambda a, b: tf.reduce_mean(distance(a, b))
    raise UserError(f"content is vgg54, vgg22, either with :PATH, squeezenet:PATH, vgg16:PATH or none, not '{content}'")
