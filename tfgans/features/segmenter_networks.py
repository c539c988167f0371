"""The network used as segmenter, and its settings for each data set."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from tfgans.layers import BatchNormalization

MULTIPLE = 16  # the network halves its images four times


def segmentation_network(n_classes: int, width: int = 32, precision: str = "float32") -> keras.Model:
    """A fully convolutional network (Long et al. 2015, arXiv:1411.4038): a U-Net whose skip connections are added.

    Images (n, h, w, 3) in [0, 1], h and w multiples of 16 -> logits (n, h, w, n_classes). Half of its operations are at
    a half and a quarter of the size; 0.84M parameters at a width of 32.
    """
    images = keras.Input((None, None, 3))

    def convolution(x: Any, filters: int, size: int = 3, strides: int = 1) -> Any:
        x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False, dtype=precision)(x)
        return layers.ReLU(dtype=precision)(BatchNormalization(momentum=0.95, dtype=precision)(x))

    x = convolution(layers.Rescaling(2.0, -1.0, dtype=precision)(images), 3 * width // 4, strides=2)
    skips = []
    for depth, filters in enumerate((width, 2 * width, 4 * width, 4 * width)):
        if depth:
            x = layers.MaxPooling2D(dtype=precision)(x)
        x = convolution(x, filters)
        if depth:  # a residual block (He et al. 2015, arXiv:1512.03385); left out where images are largest
            x = layers.Add(dtype=precision)([x, convolution(x, filters)])
        skips.append(x)
    x = convolution(layers.Dropout(0.1, dtype=precision)(x), 4 * width)
    for skip, filters in zip(skips[-2::-1], (2 * width, width, 3 * width // 2), strict=True):
        x = layers.Add(dtype=precision)([skip, layers.UpSampling2D(dtype=precision)(x)])
        x = convolution(x, filters)
    logits = layers.Conv2DTranspose(n_classes, 2, 2, dtype="float32")(x)  # each position gives four pixels
    return keras.Model(images, logits)


@dataclass(frozen=True)
class Segmentation:
    """The settings that differ between segmenters."""

    dataset: str  # default path
    palette: str
    maps: str  # the name of the set of label maps
    photos: str
    image_shape: tuple[int, int, int]  # the shape of loaded and test images
    epochs: int
    instances: str = ""  # the name of the set of instance maps
    crop: int = 128  # pixels a side of a training image
    zoom: tuple[float, float] = (0.6, 1.1)  # pixels of an image per pixel of a crop, at random
    upright: bool = True  # whether images have an upright orientation
    width: int = 32
    batch_size: int = 16
    weighting: float = 0.25  # the weight of a class is the inverse of its share of the pixels to this power
    rate: float = 4e-3  # AdamW's highest learning rate
    weight_decay: float = 0.02
    precision: str = "mixed_bfloat16"  # of the training; the exported model computes in float32


SEGMENTERS = {
    "cityscapes": Segmentation("pairs:data/cityscapes", "cityscapes", "right", "left", (128, 128, 3), epochs=30),
    "camvid": Segmentation("pairs:data/camvid", "camvid", "label", "image", (144, 192, 3), epochs=220),
    # translations have 128 or 256 pixels a side: train on nuclei of both sizes
    "dsb2018": Segmentation(
        "pairs:data/dsb2018",
        "dsb2018",
        "label",
        "image",
        (256, 256, 3),
        epochs=150,
        instances="instance",
        zoom=(0.7, 2.0),
        upright=False,
        width=24,
    ),
}
