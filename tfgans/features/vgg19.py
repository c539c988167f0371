"""VGG19 features as in the SRGAN paper: the "VGG loss" is the mean squared difference of these features.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network" (arXiv:1609.04802):
section 2.2.1 takes the feature map phi_i,j of "the j-th convolution (after activation) before the i-th maxpooling
layer", section 3.2 rescales the feature maps by 1/12.75, so that losses are comparable to the MSE of images in [-1, 1]
(this multiplies the loss by about 0.006).
"""

import os
import re

import keras

import tfgans.training.keras_defaults  # noqa: F401  (before layers are made)
from tfgans.errors import UserError

ALIASES = {"vgg22": "block2_conv2", "vgg54": "block5_conv4"}
SCALE = 1 / 12.75
MEAN_BGR = (103.939, 116.779, 123.68)


def vgg19(
    layer: str = "block5_conv4",
    weights: str | os.PathLike | None = "imagenet",
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
) -> keras.Model:
    """A frozen model from images (n, h, w, 3), RGB in [-1, 1], to features (n, h', w', c), float32, scaled by 1/12.75.

    `layer` is a convolution, `block1_conv1` to `block5_conv4`, or the paper's name for one, `vgg22` or `vgg54`.
    Features are those after the ReLU, as in SRGAN (ESRGAN takes them before). h' is h divided by 1, 2, 4, 8 or 16 in
    blocks 1 to 5. Colours are converted to VGG's input: BGR in [0, 255] minus the mean colour. Under a mixed-precision
    policy the convolutions follow the policy; input and output stay float32.

    `weights` is "imagenet" (downloaded once by Keras), the path of a weights file without top (`..._notop.h5`), or None
    for random weights. Nothing is trainable, but gradients reach the images.

    Raises UserError for an unknown layer, weights that cannot be downloaded, and a file that is missing or not VGG19's.
    """
    name = ALIASES.get(layer, layer)
    backbone = _backbone(weights)
    layers = [each.name for each in backbone.layers if re.fullmatch(r"block\d_conv\d", each.name)]
    if name not in layers:
        raise UserError(f'VGG19 has no layer "{layer}"; there are {", ".join([*ALIASES, *layers])}')

    images = keras.Input(input_shape, name="images")
    offset = [127.5 - mean for mean in MEAN_BGR]
    x = keras.layers.Rescaling(127.5, offset, dtype="float32", name="bgr_minus_mean")(images[..., ::-1])
    x = keras.Model(backbone.input, backbone.get_layer(name).output, name="backbone")(x)
    x = keras.layers.Rescaling(SCALE, dtype="float32", name="srgan_scale")(x)
    model = keras.Model(images, x, name=f"vgg19_{name}")
    model.trainable = False
    return model


def _backbone(weights: str | os.PathLike | None) -> keras.Model:
    def build(which: str | None) -> keras.Model:
        return keras.applications.VGG19(include_top=False, weights=which, input_shape=(None, None, 3))

    if weights == "imagenet":
        try:
            return build("imagenet")
        except Exception as error:  # Keras raises a bare Exception when a download fails
            reason = " ".join(str(error).split())
            raise UserError(
                f"could not download VGG19's ImageNet weights ({reason}); "
                "download the file elsewhere and give its path: weights=PATH"
            ) from error
    model = build(None)
    if weights is not None:
        if not os.path.isfile(weights):
            raise UserError(f"there is no weights file {os.fspath(weights)}")
        try:
            model.load_weights(os.fspath(weights))
        except Exception as error:  # h5py and Keras raise many kinds: OSError, ValueError, KeyError, ...
            reason = " ".join(str(error).split())
            raise UserError(
                f"{os.fspath(weights)} does not hold the weights of VGG19 without top ({reason})"
            ) from error
    return model
