"""Generative adversarial networks in TensorFlow and Keras 3, one readable file each."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

__version__ = "0.1.0"
