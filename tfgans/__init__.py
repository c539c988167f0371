"""Generative adversarial networks in TensorFlow and Keras 3, one readable file each."""

import os

# TensorFlow's C++ side reports absent accelerators as errors; real ones reach Python as exceptions
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"
