"""Small models with each kind of endpoint that the page has a use for."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from inference_models import declare, double

from tfgans.endpoint import Array, Endpoint, generator, images, latents, number

CATEGORIES, CODES = 3, 5
ANY = (None, None, None)


def smooth(given: tf.Tensor) -> tf.Tensor:
    return tf.nn.avg_pool2d(given, 3, 1, "SAME")


def weights(rows: int, columns: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).normal(0, 1, (rows, columns)), tf.float32)


def drawn(inputs: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tf.sigmoid(inputs @ weights(inputs.shape[1], 64)), (-1, 8, 8, 1))


def save(folder: Path) -> list[dict[str, Any]]:
    """Write the models below a folder; returns entries as in models.yaml."""
    codes = Array((None, CODES), encoding="codes", categories=CATEGORIES)
    of_codes = generator((8, 8, 1), latents(4), codes=codes)["generate"]
    pair = Endpoint({"latents": latents(4)}, {side: images(1, (None, 8, 8)) for side in ("a", "b")})
    colour, gray = {"images": images(3)}, {"images": images(1)}
    masks = {"masks": Array((*ANY, 1), "bool", 0, 1, "mask")}
    seeded = {"images": images(3), "seed": number()}

    def larger(images: tf.Tensor) -> tf.Tensor:
        return double(0.5 * images + 0.5 * smooth(images))

    def coloured(images: tf.Tensor) -> tf.Tensor:
        return tf.concat([images, 0.6 * images, 1.0 - images], -1)

    def filled(images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        return smooth(smooth(tf.where(masks, 0.5, images)))

    def photograph(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return 1.0 - smooth(images) + 0.0 * tf.cast(seed, tf.float32)

    def both(latents: tf.Tensor) -> dict[str, tf.Tensor]:
        made = drawn(latents)
        return {"a": made, "b": 1.0 - made}

    def redder(images: tf.Tensor) -> tf.Tensor:
        return images * [1.0, 0.5, 0.5]

    def bluer(images: tf.Tensor) -> tf.Tensor:
        return images * [0.5, 0.5, 1.0]

    one_way = Endpoint(seeded, colour, multiple=8, largest=128)
    two_way = Endpoint(colour, colour, multiple=4)
    tiled = Endpoint(colour, colour, scale=2, tiles=True, tile=32, margin=4)
    models: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
        "codes": (
            {"generate": (lambda latents, codes: drawn(tf.concat([latents, codes], 1)), of_codes)},
            {},
            {"panel": "draw"},
        ),
        "pairs": ({"generate": (both, pair)}, {}, {"panel": "draw", "captions": {"a": "left", "b": "right"}}),
        "larger": ({"restore": (larger, tiled)}, {}, {"panel": "restore", "action": "Enlarge"}),
        "coloured": (
            {"restore": (coloured, Endpoint(gray, colour, keeps_lightness=True, largest=64))},
            {},
            {"panel": "restore", "action": "Colourize"},
        ),
        "filled": (
            {"fill": (filled, Endpoint({**colour, **masks}, colour, hole=16))},
            {},
            {"panel": "restore", "action": "Fill"},
        ),
        "streets": (
            {"translate": (photograph, one_way)},
            {},
            {"panel": "translate", "palette": "cityscapes", "size": [64, 64]},
        ),
        "seasons": (
            {"a_to_b": (redder, two_way), "b_to_a": (bluer, dataclasses.replace(two_way))},
            {"domains": ["winter", "summer"]},
            {"panel": "translate"},
        ),
    }
    found = []
    for name, (functions, declared, entry) in models.items():
        declare(folder / name, functions, **declared)
        found.append({"name": name, "title": name, "path": str(folder / name), **entry})
    return found
