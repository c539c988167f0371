"""Keras settings that this package relies on, whatever keras.json says; imported before Keras is used."""

from tfgans.errors import UserError

WRONG = (
    "Keras was loaded with the backend '{}' before tfgans, which needs TensorFlow: import tfgans first, or set "
    "KERAS_BACKEND=tensorflow"
)

try:
    import keras
except ImportError as error:  # the backend is not installed
    if error.name not in ("torch", "jax", "jaxlib", "openvino"):
        raise
    raise UserError(WRONG.format(error.name)) from error


def use_defaults() -> None:
    """Set the defaults of layers. Raises UserError if Keras does not compute with TensorFlow."""
    if keras.config.backend() != "tensorflow":
        raise UserError(WRONG.format(keras.config.backend()))
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)
    if keras.config.floatx() != "float32":
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


use_defaults()
