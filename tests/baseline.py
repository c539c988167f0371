"""8-bit images of every exported model at fixed inputs, kept in baseline.npz: what a change of code must not change.

`python tests/baseline.py` writes the file anew, after a model was trained again.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

ROOT = Path(__file__).resolve().parents[1]
FILE = Path(__file__).with_name("baseline.npz")
SIDES = {"resgan-mnist": 4, "resgan-faces": 8, "resgan-cifar10": 8, "resgan-cifar100": 8}  # of what is restored: 32


def exports() -> list[str]:
    """The names of the generators and restorers in saved_models/; judges are no generators."""
    found = sorted(path.parent.name for path in (ROOT / "saved_models").glob("*/saved_model.pb"))
    return [name for name in found if not name.startswith("judge-")]


def images(name: str) -> np.ndarray:
    """uint8 (n, h, w, c): what the model draws with seed 3, or makes of smooth noise with a black square in it."""
    model: Any = tf.saved_model.load(str(ROOT / "saved_models" / name))
    inputs = {key: spec for fn in model.signatures.values() for key, spec in fn.structured_input_signature[1].items()}
    rng = np.random.default_rng(0)
    if pictures := {"restore", "fill", "translate", "a_to_b"} & set(model.signatures):
        side = SIDES.get(name, 128 if name.startswith(("pix2pix", "context_encoder")) else 32)
        given = rng.uniform(0, 1, (2, side // 4, side // 4, inputs["images"].shape[-1]))
        given = given.repeat(4, axis=1).repeat(4, axis=2).astype(np.float32)
        if "inpaint" in name:
            given[:, 8:20, 10:22] = 0
        if name.startswith("context_encoder"):
            given[:, 32:96, 32:96] = 0
        if "translate" in pictures:
            made = model.translate(tf.constant(given), tf.constant(3))
        elif "a_to_b" in pictures:
            made = {way: getattr(model, way)(tf.constant(given)) for way in ("a_to_b", "b_to_a")}
        elif "fill" in pictures:
            made = model.fill(tf.constant(given), tf.constant((given == 0).all(-1, keepdims=True)))
        else:
            made = model.restore(tf.constant(given))
    elif "labels" in inputs:
        made = model.sample(tf.constant([3, 1, 4, 0]), tf.constant(3))
    elif "codes" in inputs:
        codes = rng.uniform(-1, 1, (4, inputs["codes"].shape[-1])).astype(np.float32)
        codes[:, :10] = np.eye(10)[:4]
        made = model.sample(tf.constant(codes), tf.constant(3))
    else:
        made = model.sample(tf.constant(4), tf.constant(3))
    parts = [made[name] for name in sorted(made)] if isinstance(made, dict) else [made]  # of pairs all a, then all b
    return (np.clip(np.concatenate([part.numpy() for part in parts]), 0, 1) * 255 + 0.5).astype(np.uint8)


if __name__ == "__main__":
    wanted = sys.argv[1:] or exports()
    np.savez_compressed(FILE, **{name: images(name) for name in wanted})
    print(FILE, FILE.stat().st_size)
