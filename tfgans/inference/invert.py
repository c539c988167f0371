"""Translation by a model that makes pairs from noise: the latents whose image is nearest to a given one.

Liu and Tuzel 2016, arXiv:1606.07536, section 6: x2 = G2(z) of the z that minimizes the distance of G1(z) from x1. The
authors minimize by L-BFGS; here it is Adam from several starts, of which the best one counts.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfgans.endpoint import Endpoint
from tfgans.errors import UserError
from tfgans.inference.exported import Exported
from tfgans.inference.tiling import Pictures, pictures_of

STEPS, STARTS, RATE = 200, 8, 0.05
AT_ONCE = 256  # latents that are moved together
BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam


class Inverted(NamedTuple):
    """What was found of n images: what the model makes of their latents, and how near that comes."""

    made: dict[str, np.ndarray]  # float32 (n, h, w, c) in [0, 1], by domain
    latents: np.ndarray  # float32 (n, d)
    distances: np.ndarray  # float32 (n,): mean squared differences from the images


def is_pair(model: Exported) -> bool:
    """Whether a model makes images of two domains, "a" and "b", from latents."""
    return "generate" in model.endpoints and set(model.endpoints["generate"].outputs) == {"a", "b"}


def invert(
    model: Exported,
    images: np.ndarray,
    given: str = "a",
    *,
    steps: int = STEPS,
    starts: int = STARTS,
    rate: float = RATE,
    seed: int = 0,
    progress: Callable[[float], object] = lambda share: None,
) -> Inverted:
    """Images of the domain `given`, float32 (n, h, w, c) in [0, 1], and the pairs that the model has nearest to them.

    Adam with the learning rate `rate` moves the latents of each image from `starts` places for so many `steps`; they
    stay within the bounds that the model declares. The places follow from `seed` and are the same for every image, so
    that none depends on the others. `progress` is called with the share of the work that each step is.

    Raises UserError for a model that makes no pairs from latents, and for images of another size than it makes.
    """
    if not is_pair(model):
        raise UserError(f"{model.path.name} makes no pairs of images from latents")
    rules = model.endpoints["generate"]
    made = rules.outputs[given].shape[1:]
    if images.shape[1:] != made:
        raise UserError(f"{model.path.name} makes images of {list(made)} of {given}, not {list(images.shape[1:])}")
    if min(steps, starts) < 1 or rate <= 0:
        raise UserError("steps and starts are at least 1, and the rate is above 0")
    latents = rules.inputs["latents"]
    shape = (starts, *latents.shape[1:])
    begin = tf.random.stateless_uniform(shape, (seed, 0), latents.low, latents.high)

    step = _step(model, given)
    parts, count = [], max(1, AT_ONCE // starts)
    total = steps * -(-len(images) // count)
    for k in range(0, len(images), count):
        part = tf.constant(images[k : k + count], tf.float32)
        wanted = tf.repeat(part, starts, axis=0)
        z = tf.tile(begin, (len(part), *[1] * (len(shape) - 1)))
        state = [z, tf.zeros_like(z), tf.zeros_like(z)]
        for i in range(1, steps + 1):
            state = step(*state, tf.constant(i, tf.float32), tf.constant(rate, tf.float32), wanted)
            progress(1 / total)
        found = model.model.generate(state[0])
        distances = tf.reshape(_distance(found[given], wanted), (-1, starts))
        best = tf.argmin(distances, axis=1) + starts * tf.range(len(part), dtype=tf.int64)
        chosen = {side: tf.gather(each, best).numpy() for side, each in found.items()}
        parts.append(Inverted(chosen, tf.gather(state[0], best).numpy(), tf.reduce_min(distances, 1).numpy()))
    whole = {side: np.concatenate([part.made[side] for part in parts]) for side in ("a", "b")}
    return Inverted(whole, *(np.concatenate([part[k] for part in parts]) for k in (1, 2)))


@functools.lru_cache(maxsize=2)  # traced once for a model, not for each picture
def _step(model: Exported, given: str) -> Callable[..., list[tf.Tensor]]:
    """A step of Adam for each row of latents by itself: (z, first and second moment, number, rate, images) -> those."""
    rules = model.endpoints["generate"]
    latents, numbers = tf.TensorSpec(rules.inputs["latents"].shape), tf.TensorSpec(())

    @tf.function(input_signature=[*[latents] * 3, *[numbers] * 2, tf.TensorSpec(rules.outputs[given].shape)])
    def step(
        z: tf.Tensor, first: tf.Tensor, second: tf.Tensor, i: tf.Tensor, rate: tf.Tensor, wanted: tf.Tensor
    ) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss = tf.reduce_sum(_distance(model.model.generate(z)[given], wanted))
        gradient = tape.gradient(loss, z)
        first = BETAS[0] * first + (1 - BETAS[0]) * gradient
        second = BETAS[1] * second + (1 - BETAS[1]) * gradient**2
        move = first / (1 - BETAS[0] ** i) / (tf.sqrt(second / (1 - BETAS[1] ** i)) + EPSILON)
        low, high = rules.inputs["latents"].low, rules.inputs["latents"].high
        return [tf.clip_by_value(z - rate * move, low, high), first, second]

    return step


def _distance(made: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """The mean squared difference of each image, (n,)."""
    return tf.reduce_mean((made - wanted) ** 2, axis=(1, 2, 3))


def translator(model: Exported, to: str | None = None, seed: int = 0, **options: Any) -> Pictures:
    """What translates pictures into a domain: an endpoint, or, of a model that makes pairs from noise, `invert`.

    `options` are those of `invert`. Raises UserError for a model that translates nothing, and for a domain that there
    is not.
    """
    if not is_pair(model):
        return pictures_of(model, model.translation(to), seed)
    made = to_side(model, to)
    given = "a" if made == "b" else "b"
    outputs = model.endpoints["generate"].outputs
    height, width = outputs[given].shape[1:3]
    rules = Endpoint({"images": outputs[given]}, {"images": outputs[made]}, size=(height or 0, width or 0))
    return Pictures(
        rules, lambda images: invert(model, images, given, seed=seed, **options).made[made], like_the_input=False
    )


def to_side(model: Exported, to: str | None) -> str:
    """The side, a or b, that a domain's name means; b by default. Raises UserError for a name that there is not."""
    domains = list(model.declaration.get("domains") or [])
    sides = {"a": "a", "b": "b", **dict(zip(domains, "ab", strict=False))}
    if to is not None and to not in sides:
        raise UserError(f"{model.path.name} translates into {' or '.join(domains or ['a', 'b'])}, not '{to}'")
    return sides[to or "b"]
