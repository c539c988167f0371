"""Training: from a recipe to a run folder."""

import os

# TensorFlow reads this on import. By default it leaves oneDNN off on processors without AVX-512 VNNI or AMX, but
# training steps are faster with it there, too. Programs that only use trained models keep TensorFlow's default.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
