"""Whether TensorFlow computes with oneDNN, which has other strengths than its own kernels."""

import os


def has_onednn() -> bool:
    """Whether TensorFlow computes with oneDNN, according to TF_ENABLE_ONEDNN_OPTS when it was imported."""
    try:
        from tensorflow.python.util._pywrap_util_port import IsMklEnabled  # not public
    except ImportError:
        return os.environ.get("TF_ENABLE_ONEDNN_OPTS", "") == "1"
    return IsMklEnabled()
