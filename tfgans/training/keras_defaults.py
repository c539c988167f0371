"""Keras as this package is written for, whatever keras.json and the environment say: imported before it is used."""

from tfgans.errors import UserError

WRONG = (
    "Keras was loaded with the backend '{}' before tfgans, which needs TensorFlow's: import tfgans first, or set "
    "KERAS_BACKEND=tensorflow"
)

try:
    import keras
except ImportError as error:  # of a backend that is not installed
    if error.name not in ("torch", "jax", "jaxlib", "openvino"):
        raise
    raise UserError(WRONG.format(error.name)) from error


def use_defaults() -> None:
    """Set what layers are made with. Raises UserError where Keras computes with something else than TensorFlow."""
    if keras.config.backend() != "tensorflow":
        raise UserError(WRONG.format(keras.config.backend()))
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)
    if keras.config.floatx() != "float32":
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


use_defaults()
