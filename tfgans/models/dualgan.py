"""DualGAN: translation between two domains without pairs, with Wasserstein critics. Yi et al. 2017, arXiv:1704.02510.

Two U-Nets translate from a to b and from b to a. A critic for each domain, with clipped weights, estimates the distance
of translated images from real ones; and an image translated there and back must equal itself.
"""

from functools import partial
from typing import Any

import keras
import tensorflow as tf

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.errors import UserError
from tfgans.models.networks import build_patchgan, build_unet, check_patch, levels_of


@keras.saving.register_keras_serializable(package="tfgans")
class DualGAN(Adversarial):
    """Algorithm 1: `n_critic` steps of both critics, each followed by clipping, per step of both generators.

    In the paper's symbols u belongs to a, v to b; G_A is `generator_ab` and G_B `generator_ba`, D_A is `critic_b`,
    which judges images of G_A, and D_B `critic_a`. "distance" is the sum of both critics' estimates; "cycle_l1" is the
    mean absolute difference of images in [-1, 1] after both round trips, without its weight.
    """

    players = {"g_optimizer": ("generator_ab", "generator_ba"), "d_optimizer": ("critic_a", "critic_b")}
    terms = ("d_loss", "distance", "g_loss", "cycle_loss", "cycle_l1")
    estimate = "distance"

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (256, 256, 3),
        width: int = 64,
        levels: int = 0,
        dropout: float = 0.5,
        critic_width: int = 64,
        patch: int = 70,
        cycle_weight: float = 100.0,
        n_critic: int = 3,
        clip: float = 0.01,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """Images of both domains have the shape `image_shape`. The U-Nets halve them `levels` times; with 0, until the
        shorter side is one pixel. An output of a critic sees `patch` pixels a side: 1, 16, 34, 70, 142 or 286.
        """
        height, wide, channels = image_shape
        depth = levels or levels_of(height, wide)
        if depth < 2 or height % (1 << depth) or wide % (1 << depth):
            raise UserError(f"a U-Net of {depth} levels needs sides that are multiples of {1 << max(depth, 2)}")
        check_patch(height, wide, patch)
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.width, self.levels, self.dropout = image_shape, width, levels, dropout
        self.critic_width, self.patch, self.cycle_weight = critic_width, patch, cycle_weight
        self.n_critic, self.clip = n_critic, clip
        self.group = n_critic
        self.depth = depth
        self.generator_ab, self.generator_ba = (
            build_unet(channels, channels, width, depth, dropout=dropout, norm="instance", name=f"generator_{way}")
            for way in ("ab", "ba")
        )
        self.critic_a, self.critic_b = (
            build_patchgan(channels, critic_width, patch, norm="instance", bias=False, name=f"critic_{domain}")
            for domain in ("a", "b")
        )

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        return {domain: endpoint.image(n, self.image_shape) for domain in ("a", "b")}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        """Pictures larger than twice the training size are shrunk, because the networks know objects at that size."""
        images = endpoint.images(self.image_shape[2])
        way = endpoint.Endpoint(
            {"images": images}, {"images": images}, multiple=1 << self.depth, largest=2 * max(self.image_shape[:2])
        )
        return {"a_to_b": way, "b_to_a": way}

    def updates(self, player: str) -> dict[int, int]:
        return {0: self.n_critic if player == "d_optimizer" else 1}

    # -- losses -----------------------------------------------------------------------------------------------------

    def critic_loss(self, a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        """Equations 1 and 2: D_A(G_A(u)) - D_A(v) + D_B(G_B(v)) - D_B(u)."""
        made_b, made_a = self.generator_ab(a, training=True), self.generator_ba(b, training=True)
        on_real = [self.critic_a(a, training=True), self.critic_b(b, training=True)]
        on_made = [self.critic_a(made_a, training=True), self.critic_b(made_b, training=True)]
        distance = tf.add_n([tf.reduce_mean(x) - tf.reduce_mean(y) for x, y in zip(on_real, on_made, strict=True)])
        self.track({"distance": distance})
        return {"d_loss": -distance}

    def generator_loss(self, a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        """Equation 3: lambda |u - G_B(G_A(u))| + lambda |v - G_A(G_B(v))| - D_A(G_A(u)) - D_B(G_B(v))."""
        made_b, made_a = self.generator_ab(a, training=True), self.generator_ba(b, training=True)
        back_a, back_b = self.generator_ba(made_b, training=True), self.generator_ab(made_a, training=True)
        cycle = tf.reduce_mean(tf.abs(back_a - a)) + tf.reduce_mean(tf.abs(back_b - b))
        self.track({"cycle_l1": cycle / 2.0})
        judged = [self.critic_a(made_a, training=True), self.critic_b(made_b, training=True)]
        return {
            "g_loss": -tf.add_n([tf.reduce_mean(each) for each in judged]),
            "cycle_loss": self.cycle_weight * cycle,
        }

    # -- steps ------------------------------------------------------------------------------------------------------

    def clip_weights(self) -> None:
        for weight in self.weights_of("d_optimizer"):
            weight.assign(tf.clip_by_value(tf.convert_to_tensor(weight), -self.clip, self.clip))

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Algorithm 1. The generators use the last of the critics' batches, (n_critic, n, h, w, c)."""
        for i in range(self.n_critic):
            self.minimize("d_optimizer", partial(self.critic_loss, batch["a"][i], batch["b"][i]))
            self.clip_weights()
        self.minimize("g_optimizer", lambda: self.generator_loss(batch["a"][-1], batch["b"][-1]))
        return self.logs()

    # -- use --------------------------------------------------------------------------------------------------------

    def a_to_b(self, images: tf.Tensor) -> tf.Tensor:
        """(n, h, w, c) images of a in [0, 1] -> as b, in [0, 1]; without dropout."""
        return (self.generator_ab(2.0 * images - 1.0, training=False) + 1.0) / 2.0

    def b_to_a(self, images: tf.Tensor) -> tf.Tensor:
        """(n, h, w, c) images of b in [0, 1] -> as a, in [0, 1]; without dropout."""
        return (self.generator_ba(2.0 * images - 1.0, training=False) + 1.0) / 2.0
