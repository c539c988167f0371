"""Content losses: how far apart two images are in the features of a frozen network."""

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from tfgans.errors import UserError
from tfgans.features.squeezenet import FLOOR, squeezenet_distance
from tfgans.features.vgg19 import vgg19


def content_distance(content: str) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None:
    """The distance of images (n, h, w, 3) in [-1, 1] in the features of a frozen network, a scalar; None for "none".

    | content | distance |
    |---|---|
    | `vgg54`, `vgg22` | mean squared difference of VGG19's features, equation 5; ImageNet weights from Keras |
    | `vgg54:PATH` | the same with the weights in that file; `vgg54:random` with random ones, for tests |
    | `squeezenet:PATH` | `squeezenet_distance` with FLOOR and the weights in that file |
    | `none` | there is no network: the pixel loss is the content loss (the paper's SRGAN-MSE) |

    Raises UserError for anything else, and for weights that are not there.
    """
    kind, _, place = content.partition(":")
    if content == "none":
        return None
    if kind in ("vgg54", "vgg22"):
        features = vgg19(kind, {"": "imagenet", "random": None}.get(place, place))
        return lambda a, b: tf.reduce_mean(tf.square(features(a) - features(b)))
    if kind == "squeezenet" and place:
        if not Path(place).is_file():
            raise UserError(
                f"the content loss needs SqueezeNet's weights and there is no file {place}; name it with "
                "--set content=squeezenet:PATH, or do without: --set content=none"
            )
        distance = squeezenet_distance(place, floor=FLOOR)
        return lambda a, b: tf.reduce_mean(distance(a, b))
    raise UserError(f"content is vgg54, vgg22, either with :PATH, squeezenet:PATH or none, not '{content}'")
