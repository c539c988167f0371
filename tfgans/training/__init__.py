"""From a recipe to a run folder."""

import os

# Read when TensorFlow is loaded, which leaves oneDNN off on processors without AVX-512 VNNI or AMX: training steps are
# faster with it there, too. What uses trained models leaves the choice to TensorFlow.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
