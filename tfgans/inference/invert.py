"""Translation with a model that generates pairs from noise: search for the latents whose image is nearest.

Liu and Tuzel 2016, arXiv:1606.07536, section 6: x2 = G2(z) of the z that minimizes the distance of G1(z) from x1. The
authors minimize by L-BFGS; here Adam runs from several starts and the best one counts.
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
AT_ONCE = 256  # latents optimized in one batch
BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam


class Inverted(NamedTuple):
    """The result for n images: the generated pairs, their latents and their distances."""

    made: dict[str, np.ndarray]  # float32 (n, h, w, c) in [0, 1], by domain
    latents: np.ndarray  # float32 (n, d)
    distances: np.ndarray  # float32 (n,): mean squared differences from the images


def is_pair(model: Exported) -> bool:
    """Whether a model generates images of two domains, "a" and "b", from latents."""
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
    """Find the pairs whose images in domain `given` are nearest to images, float32 (n, h, w, c) in [0, 1].

    Adam with learning rate `rate` moves the latents of each image from `starts` initial values for `steps` steps,
    within the bounds that the model declares. The initial values follow from `seed` and are the same for every image,
    so results do not depend on the other images. `progress` is called with the share of the work done in each step.

    Raises UserError if the model does not generate pairs from latents or the images have another size than its own.
    """
    if not is_pair(model):
        raise UserError(f"{model.path.name} does not generate pairs of images from latents")
    rules = model.endpoints["generate"]
    made = rules.outputs[given].shape[1:]
    if images.shape[1:] != made:
        raise UserError(f"{model.path.name} generates images of {list(made)} in {given}, not {list(images.shape[1:])}")
    if min(steps, starts) < 1 or rate <= 0:
        raise UserError("steps and starts must be at least 1, and the rate above 0")
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


@functools.lru_cache(maxsize=2)  # traced once per model, not per picture
def _step(model: Exported, given: str) -> Callable[..., list[tf.Tensor]]:
    """An Adam step on each row of latents: (z, first and second moment, number, rate, images) -> the same updated."""
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
    """The function that translates pictures into a domain: an endpoint, or `invert` for a model of pairs from noise.

    `options` are those of `invert`. Raises UserError for a model that does not translate, and for an unknown domain.
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
    """The side, a or b, of a named domain; b by default. Raises UserError for an unknown name."""
    domains = list(model.declaration.get("domains") or [])
    sides = {"a": "a", "b": "b", **dict(zip(domains, "ab", strict=False))}
    if to is not None and to not in sides:
        raise UserError(f"{model.path.name} translates into {' or '.join(domains or ['a', 'b'])}, not '{to}'")
    return sides[to or "b"]
