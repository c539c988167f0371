"""Pix2pix: translation of images, learnt from pairs. Isola et al. 2016, arXiv:1611.07004.

The generator, a U-Net, turns an image into another one. Its loss is the L1 distance to the true one, plus that of a
discriminator that distinguishes its pairs from true ones. The discriminator judges patches instead of whole images. The
noise is dropout, also at test time; an image is always normalized by its own statistics.
"""

from typing import Any

import keras
import tensorflow as tf

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.errors import UserError
from tfgans.models.networks import build_patchgan, build_unet, check_patch, levels_of


@keras.saving.register_keras_serializable(package="tfgans")
class Pix2pix(Adversarial):
    """A conditional GAN with an L1 loss. Sections 3 and 6.1.

    Losses are logged as they are minimized; "l1" is the mean absolute difference of images in [-1, 1], without its
    weight.
    """

    players = {"g_optimizer": ("generator",), "d_optimizer": ("discriminator",)}
    terms = ("d_loss", "g_loss", "l1_loss", "l1", "d_real", "d_fake")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (256, 256, 3),
        source_channels: int = 3,
        label_classes: int = 0,
        width: int = 64,
        discriminator_width: int = 64,
        dropout: float = 0.5,
        l1_weight: float = 100.0,
        adversarial: bool = True,
        conditional: bool = True,
        skips: bool = True,
        patch: int = 70,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """`image_shape` is that of generated images. The input has as many pixels and `source_channels`; or it is a
        label map of `label_classes`, one-hot in the networks (0: an image).

        For section 4's ablations: `adversarial` false leaves only L1, `l1_weight` 0 only the GAN; without `conditional`
        the discriminator does not see the input; without `skips` the generator has no skip connections; `patch` is the
        side in pixels of the discriminator's patches: 1, 16, 34, 70, 142 or 286.
        """
        height, wide, made = image_shape
        levels = levels_of(height, wide)
        if not adversarial and not l1_weight:
            raise UserError("without an adversary, only the L1 loss is left: set l1_weight above 0")
        check_patch(height, wide, patch)
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.source_channels, self.label_classes = image_shape, source_channels, label_classes
        self.width, self.discriminator_width, self.dropout = width, discriminator_width, dropout
        self.l1_weight, self.adversarial, self.conditional = l1_weight, adversarial, conditional
        self.skips, self.patch = skips, patch
        given = label_classes or source_channels
        self.generator = build_unet(given, made, width, levels, skips=skips, dropout=dropout)
        self.discriminator = build_patchgan(given + made if conditional else made, discriminator_width, patch)
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        sides = self.image_shape[:2]
        if self.label_classes:
            given = {"label_map": endpoint.Array((n, *sides, 1), "int32", 0, self.label_classes, "classes")}
        else:
            given = {"source": endpoint.image(n, (*sides, self.source_channels))}
        return {**given, "target": endpoint.image(n, self.image_shape)}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        """Pictures larger than twice the training size are shrunk, because the networks know objects at that size."""
        if self.label_classes:
            maps = endpoint.Array((None, None, None, 1), "int32", 0, self.label_classes, "classes")
            given = {"label_map": maps}
        else:
            given = {"images": endpoint.images(self.source_channels)}
        return {
            "translate": endpoint.Endpoint(
                {**given, "seed": endpoint.number()},
                {"images": endpoint.images(self.image_shape[2])},
                multiple=1 << levels_of(*self.image_shape[:2]),
                largest=2 * max(self.image_shape[:2]),
            )
        }

    def updates(self, player: str) -> dict[int, int]:
        return {0: 1} if self.adversarial or player == "g_optimizer" else {}

    # -- losses -----------------------------------------------------------------------------------------------------

    def judged(self, given: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        """The logits of D's patches: D(x, y) of equation 1, which also sees the input, or D(y) of equation 2."""
        seen = tf.concat([given, image], -1) if self.conditional else image
        return self.discriminator(seen, training=True)

    def generator_loss(self, given: tf.Tensor, target: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Equation 4, non-saturating: -log D(x, G(x, z)), and lambda times the L1 distance; and G's image."""
        made = self.generator(given, training=True)
        l1, losses = tf.reduce_mean(tf.abs(target - made)), {}
        self.track({"l1": l1})
        if self.adversarial:
            on_made = self.judged(given, made)
            losses["g_loss"] = self.bce(tf.ones_like(on_made), on_made)
        if self.l1_weight:
            losses["l1_loss"] = self.l1_weight * l1
        return losses, made

    def discriminator_loss(self, given: tf.Tensor, target: tf.Tensor, made: tf.Tensor) -> dict[str, tf.Tensor]:
        """-log D(x, y) - log(1 - D(x, G(x, z))), halved: section 3.3. Tracks D's mean probabilities of both."""
        on_target, on_made = self.judged(given, target), self.judged(given, made)
        self.track({"d_real": tf.reduce_mean(tf.sigmoid(on_target)), "d_fake": tf.reduce_mean(tf.sigmoid(on_made))})
        loss = self.bce(tf.ones_like(on_target), on_target) + self.bce(tf.zeros_like(on_made), on_made)
        return {"d_loss": loss / 2.0}

    # -- steps ------------------------------------------------------------------------------------------------------

    def seen(self, given: tf.Tensor) -> tf.Tensor:
        """The input of the networks: an image as it is, a label map (n, h, w, 1) one-hot."""
        return tf.one_hot(given[..., 0], self.label_classes) if self.label_classes else given

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step of G and one of D on the same image of G, which is generated once."""
        given = self.seen(batch["label_map" if self.label_classes else "source"])
        target = batch["target"]
        made = self.minimize("g_optimizer", lambda: self.generator_loss(given, target))
        if self.adversarial:
            self.minimize("d_optimizer", lambda: self.discriminator_loss(given, target, tf.stop_gradient(made)))
        return self.logs()

    # -- use --------------------------------------------------------------------------------------------------------

    def translate(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """(n, h, w, c) images in [0, 1], or label maps, int32 (n, h, w, 1) -> (n, h, w, c) images in [0, 1].

        Section 3.3: with dropout and the statistics of the test image. Images run alone with the dropout of `seed`;
        the state of training, moving statistics and dropout's state, is not changed.
        """
        given = self.seen(images if self.label_classes else 2.0 * images - 1.0)
        states = [layer.seed_generator.state for layer in self.generator.layers if hasattr(layer, "seed_generator")]
        drawn = [(state, tf.cast(tf.stack([seed, i]), state.dtype)) for i, state in enumerate(states)]

        def one(image: tf.Tensor) -> tf.Tensor:
            with keras.StatelessScope(state_mapping=drawn):
                return self.generator(image[None], training=True)[0]

        spec = tf.TensorSpec((None, None, self.image_shape[2]), tf.float32)
        return (tf.map_fn(one, given, fn_output_signature=spec) + 1.0) / 2.0
