"""CycleGAN: translation between two domains without pairs. Zhu et al. 2017, arXiv:1703.10593.

Two generators translate from a to b and from b to a; two discriminators distinguish real images of a domain from
translated ones. An image translated there and back must equal itself: cycle consistency replaces pairs.
"""

from typing import Any

import keras
import tensorflow as tf

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.errors import UserError
from tfgans.layers import ImagePool
from tfgans.models.networks import build_patchgan, build_residual, check_patch

DOWNSAMPLINGS = 2  # section 7.2: d128, d256


@keras.saving.register_keras_serializable(package="tfgans")
class CycleGAN(Adversarial):
    """Least-squares losses, cycle consistency and identity. Sections 3, 4 and 7.

    In the paper G: X -> Y is `generator_ab`, F: Y -> X `generator_ba`. Losses are logged as they are minimized;
    "cycle_l1" is the mean absolute difference of images in [-1, 1] after both round trips, without its weight.
    """

    players = {
        "g_optimizer": ("generator_ab", "generator_ba"),
        "d_optimizer": ("discriminator_a", "discriminator_b"),
    }
    terms = ("d_loss", "g_loss", "cycle_loss", "identity_loss", "cycle_l1", "d_real", "d_fake")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (256, 256, 3),
        width: int = 64,
        blocks: int = 9,
        discriminator_width: int = 64,
        patch: int = 70,
        cycle_weight: float = 10.0,
        identity_weight: float = 5.0,
        pool: int = 50,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """Images of both domains have the shape `image_shape`, with sides that are multiples of 4.

        The paper has 6 residual `blocks` for images of 128 pixels and 9 for 256. An output of a discriminator sees
        `patch` pixels a side: 1, 16, 34, 70, 142 or 286. `pool` is the number of translated images kept for the
        discriminators; with 0 they only get the newest ones.
        """
        height, wide, channels = image_shape
        if min(height, wide) < 16 or height % 4 or wide % 4:
            raise UserError(f"sides must be multiples of 4, at least 16, not {height}x{wide}")
        check_patch(height, wide, patch)
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.width, self.blocks = image_shape, width, blocks
        self.discriminator_width, self.patch, self.pool = discriminator_width, patch, pool
        self.cycle_weight, self.identity_weight = cycle_weight, identity_weight
        generators = (
            build_residual(channels, width, DOWNSAMPLINGS, blocks, f"generator_{way}", channels) for way in ("ab", "ba")
        )
        self.generator_ab, self.generator_ba = generators
        self.discriminator_a, self.discriminator_b = (
            build_patchgan(channels, discriminator_width, patch, norm="instance", name=f"discriminator_{domain}")
            for domain in ("a", "b")
        )
        self.pool_a, self.pool_b = ImagePool(pool), ImagePool(pool)
        for each in (self.pool_a, self.pool_b):
            each.build((None, *image_shape))

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        return {domain: endpoint.image(n, self.image_shape) for domain in ("a", "b")}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        """Pictures larger than twice the training size are shrunk, because the networks know objects at that size."""
        images = endpoint.images(self.image_shape[2])
        way = endpoint.Endpoint(
            {"images": images}, {"images": images}, multiple=4, largest=2 * max(self.image_shape[:2])
        )
        return {"a_to_b": way, "b_to_a": way}

    # -- losses -----------------------------------------------------------------------------------------------------

    def generator_loss(self, a: tf.Tensor, b: tf.Tensor) -> tuple[dict[str, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        """Equation 3 with least squares (section 4): G and F together; and their images, of a and of b."""
        made_b, made_a = self.generator_ab(a, training=True), self.generator_ba(b, training=True)
        on_a, on_b = self.discriminator_a(made_a, training=True), self.discriminator_b(made_b, training=True)
        back_a, back_b = self.generator_ba(made_b, training=True), self.generator_ab(made_a, training=True)
        cycle = tf.reduce_mean(tf.abs(back_a - a)) + tf.reduce_mean(tf.abs(back_b - b))
        self.track({"cycle_l1": cycle / 2.0})
        losses = {
            "g_loss": tf.reduce_mean((on_a - 1.0) ** 2) + tf.reduce_mean((on_b - 1.0) ** 2),
            "cycle_loss": self.cycle_weight * cycle,
        }
        if self.identity_weight:  # section 5.2
            same_a, same_b = self.generator_ba(a, training=True), self.generator_ab(b, training=True)
            identity = tf.reduce_mean(tf.abs(same_a - a)) + tf.reduce_mean(tf.abs(same_b - b))
            losses["identity_loss"] = self.identity_weight * identity
        return losses, (made_a, made_b)

    def discriminator_loss(
        self, reals: tuple[tf.Tensor, tf.Tensor], fakes: tuple[tf.Tensor, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Least squares, halved as in section 7.1: (D(y) - 1)^2 + D(G(x))^2, and the same for the other domain."""
        judges = (self.discriminator_a, self.discriminator_b)
        on_reals = [judge(real, training=True) for judge, real in zip(judges, reals, strict=True)]
        on_fakes = [judge(fake, training=True) for judge, fake in zip(judges, fakes, strict=True)]
        self.track({"d_real": tf.add_n([tf.reduce_mean(each) for each in on_reals]) / 2.0})
        self.track({"d_fake": tf.add_n([tf.reduce_mean(each) for each in on_fakes]) / 2.0})
        losses = [tf.reduce_mean((each - 1.0) ** 2) for each in on_reals]
        losses += [tf.reduce_mean(each**2) for each in on_fakes]
        return {"d_loss": tf.add_n(losses) / 2.0}

    # -- steps ------------------------------------------------------------------------------------------------------

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step of both generators; one of both discriminators, on images from the pools."""
        a, b = batch["a"], batch["b"]
        made_a, made_b = self.minimize("g_optimizer", lambda: self.generator_loss(a, b))
        fakes = (
            self.pool_a.exchange(tf.stop_gradient(made_a), self.seed_generator),
            self.pool_b.exchange(tf.stop_gradient(made_b), self.seed_generator),
        )
        self.minimize("d_optimizer", lambda: self.discriminator_loss((a, b), fakes))
        return self.logs()

    # -- use --------------------------------------------------------------------------------------------------------

    def a_to_b(self, images: tf.Tensor) -> tf.Tensor:
        """(n, h, w, c) images of a in [0, 1] -> as b, in [0, 1]."""
        return (self.generator_ab(2.0 * images - 1.0, training=False) + 1.0) / 2.0

    def b_to_a(self, images: tf.Tensor) -> tf.Tensor:
        """(n, h, w, c) images of b in [0, 1] -> as a, in [0, 1]."""
        return (self.generator_ba(2.0 * images - 1.0, training=False) + 1.0) / 2.0
