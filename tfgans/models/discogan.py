"""DiscoGAN: relations between two domains, found without pairs. Kim et al. 2017, arXiv:1703.05192.

Two generators translate from a to b and from b to a, two discriminators distinguish real images of a domain from
translated ones, and an image translated there and back must equal itself. So no two images of a may become the same
image of b: the relation is one to one.
"""

from functools import partial
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.errors import UserError
from tfgans.layers import halvings
from tfgans.models.networks import KERNEL, convolution, transposed

POINT = (1, 1, 2)  # see tfgans.data.points
RECONSTRUCTIONS = ("both", "one", "none")


def build_generator(image_shape: tuple[int, int, int], width: int, name: str) -> keras.Model:
    """(n, h, w, c) -> the same shape, in [-1, 1]. Encoder and decoder without skip connections: section 2.3.

    Filters double with each halving, down to 4x4 to 7x7 pixels for an image of `image_shape`; h and w are multiples of
    the halvings. Points go through three linear layers (section 3.1), without bounds.
    """
    if image_shape == POINT:
        point = keras.Input(POINT)
        x = layers.Flatten()(point)
        for _ in range(2):
            x = layers.Dense(width, "relu")(x)
        x = layers.Dense(2, dtype="float32")(x)
        return keras.Model(point, layers.Reshape(POINT, dtype="float32")(x), name=name)
    times, channels = halvings(image_shape), image_shape[2]
    image = x = keras.Input((None, None, channels))
    for i in range(times):
        x = layers.LeakyReLU(0.2)(convolution(x, width << i, "batch" if i else "none"))
    for i in reversed(range(times - 1)):
        x = layers.ReLU()(transposed(x, width << i, "batch"))
    x = transposed(x, channels, "none")
    return keras.Model(image, layers.Activation("tanh", dtype="float32")(x), name=name)


def build_discriminator(image_shape: tuple[int, int, int], width: int, name: str) -> keras.Model:
    """(n, h, w, c) -> [(n, 1) logits of being real, *features]: section 2.3; for points, five linear layers.

    The features are the normalized maps, or all hidden layers for points.
    """
    image = x = keras.Input(image_shape)
    features = []
    if image_shape == POINT:
        x = layers.Flatten()(x)
        for _ in range(4):
            x = layers.Dense(width, "relu")(x)
            features.append(x)
        return keras.Model(image, [layers.Dense(1, dtype="float32")(x), *features], name=name)
    for i in range(halvings(image_shape)):
        x = layers.LeakyReLU(0.2)(convolution(x, width << i, "batch" if i else "none"))
        features += [x] if i else []
    x = layers.Conv2D(1, x.shape[1:3], kernel_initializer=KERNEL.clone(), dtype="float32")(x)
    return keras.Model(image, [layers.Flatten()(x), *features], name=name)


@keras.saving.register_keras_serializable(package="tfgans")
class DiscoGAN(Adversarial):
    """Equations 1 to 11, with the feature matching and the schedule of the authors' code.

    In the paper G_AB is `generator_ab`, G_BA `generator_ba`. Losses are logged as they are minimized; "reconstruction"
    is the mean squared difference of images in [-1, 1] after a round trip, without its weight.

    In the authors' code every third iteration updates the discriminators and the others the generators, each on its own
    batch. Here three iterations are one step: one for the discriminators, `generator_steps` for the generators.
    """

    players = {
        "g_optimizer": ("generator_ab", "generator_ba"),
        "d_optimizer": ("discriminator_a", "discriminator_b"),
    }
    terms = (
        "d_loss",
        "d_decay",
        "g_loss",
        "matching_loss",
        "reconstruction_loss",
        "g_decay",
        "reconstruction",
        "d_real",
        "d_fake",
    )

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (64, 64, 3),
        width: int = 64,
        discriminator_width: int = 64,
        adversarial_weight: float = 0.1,
        matching_weight: float = 0.9,
        start_rate: float = 0.01,
        rate: float = 0.5,
        curriculum_steps: int = 3_333,
        generator_steps: int = 2,
        weight_decay: float = 1e-5,
        reconstruction: str = "both",
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """Images of both domains have the shape `image_shape`; (1, 1, 2) stands for points.

        The generators minimize (1 - r) (`adversarial_weight` L_GAN + `matching_weight` L_FM) + r L_CONST, where r is
        `start_rate` in the first `curriculum_steps` steps and then `rate`.

        For section 3.1's comparison `reconstruction` is "both", "one" (figure 2b: only images of a are reconstructed,
        and only those of b judged), or "none" (figure 2a: two independent GANs, from a to b and from b to a).
        """
        if reconstruction not in RECONSTRUCTIONS:
            raise UserError(f"reconstruction must be {', '.join(RECONSTRUCTIONS)}, not '{reconstruction}'")
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.width, self.discriminator_width = image_shape, width, discriminator_width
        self.adversarial_weight, self.matching_weight = adversarial_weight, matching_weight
        self.start_rate, self.rate, self.curriculum_steps = start_rate, rate, curriculum_steps
        self.generator_steps, self.weight_decay, self.reconstruction = generator_steps, weight_decay, reconstruction
        self.group = 1 + generator_steps
        self.generator_ab = build_generator(image_shape, width, "generator_ab")
        self.generator_ba = build_generator(image_shape, width, "generator_ba")
        self.discriminator_b = build_discriminator(image_shape, discriminator_width, "discriminator_b")
        if reconstruction == "one":
            self.players = {**self.players, "d_optimizer": ("discriminator_b",)}
        else:
            self.discriminator_a = build_discriminator(image_shape, discriminator_width, "discriminator_a")
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        return {domain: endpoint.image(n, self.image_shape) for domain in ("a", "b")}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        """Pictures larger than twice the training size are shrunk, because the networks know objects at that size."""
        if self.image_shape == POINT:
            points = endpoint.Array((None, *POINT), low=0.0, encoding="points")
            way = endpoint.Endpoint({"images": points}, {"images": points}, size=(1, 1))
        else:
            images, times = endpoint.images(self.image_shape[2]), halvings(self.image_shape)
            largest = 2 * max(self.image_shape[:2])
            way = endpoint.Endpoint({"images": images}, {"images": images}, multiple=1 << times, largest=largest)
        return {"a_to_b": way, "b_to_a": way}

    def updates(self, player: str) -> dict[int, int]:
        return {0: self.generator_steps if player == "g_optimizer" else 1}

    # -- losses -----------------------------------------------------------------------------------------------------

    def decay(self, player: str) -> tf.Tensor:
        """`weight_decay` times half the sum of the squares of a player's weights; its gradient is the weights."""
        return self.weight_decay * tf.add_n([tf.nn.l2_loss(tf.convert_to_tensor(w)) for w in self.weights_of(player)])

    def fooled(self, judge: keras.Model, real: tf.Tensor, made: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Equation 6 (non-saturating: -log D(made)), and feature matching, as in the authors' code.

        The latter is the squared difference of the batches' mean features, averaged over each map, summed over maps.
        """
        (logit, *found), (_, *wanted) = judge(made, training=True), judge(real, training=True)
        matching = tf.constant(0.0)
        for one, other in zip(found, wanted, strict=True):
            means = [tf.reduce_mean(tf.cast(each, tf.float32), 0) for each in (one, other)]
            matching += tf.reduce_mean(tf.square(means[0] - means[1]))
        return self.bce(tf.ones_like(logit), logit), matching

    def generator_loss(self, a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        """Equations 8 and 9: L_GAN, equation 6, and L_CONST, equations 5 and 7 with the mean squared difference."""
        step = self.g_optimizer.iterations // self.generator_steps
        rate = tf.where(tf.convert_to_tensor(step) < self.curriculum_steps, self.start_rate, self.rate)
        rate = rate if self.reconstruction != "none" else tf.constant(0.0)
        made_b, made_a = self.generator_ab(a, training=True), self.generator_ba(b, training=True)
        judged = [self.fooled(self.discriminator_b, b, made_b)]
        if self.reconstruction != "one":
            judged.append(self.fooled(self.discriminator_a, a, made_a))
        adversarial, matching = (tf.add_n(each) for each in zip(*judged, strict=True))
        losses = {
            "g_loss": (1.0 - rate) * self.adversarial_weight * adversarial,
            "matching_loss": (1.0 - rate) * self.matching_weight * matching,
            "g_decay": self.decay("g_optimizer"),
        }
        if self.reconstruction != "none":
            distances = [tf.reduce_mean(tf.square(self.generator_ba(made_b, training=True) - a))]
            if self.reconstruction == "both":
                distances.append(tf.reduce_mean(tf.square(self.generator_ab(made_a, training=True) - b)))
            losses["reconstruction_loss"] = rate * tf.add_n(distances)
            self.track({"reconstruction": tf.add_n(distances) / len(distances)})
        return losses

    def discriminator_loss(self, a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        """Equations 10 and 11, halved as in the authors' code. Tracks the discriminators' mean probabilities."""
        pairs = [(self.discriminator_b, b, self.generator_ab(a, training=True))]
        if self.reconstruction != "one":
            pairs.append((self.discriminator_a, a, self.generator_ba(b, training=True)))
        on_real = tf.concat([judge(real, training=True)[0] for judge, real, _ in pairs], 0)
        on_made = tf.concat([judge(tf.stop_gradient(made), training=True)[0] for judge, _, made in pairs], 0)
        self.track({"d_real": tf.reduce_mean(tf.sigmoid(on_real)), "d_fake": tf.reduce_mean(tf.sigmoid(on_made))})
        loss = self.bce(tf.ones_like(on_real), on_real) + self.bce(tf.zeros_like(on_made), on_made)
        return {"d_loss": len(pairs) * loss / 2.0, "d_decay": self.decay("d_optimizer")}

    # -- steps ------------------------------------------------------------------------------------------------------

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step of the discriminators, then those of the generators. Batches: (1 + generator_steps, n, h, w, c)."""
        a, b = tf.unstack(batch["a"]), tf.unstack(batch["b"])
        self.minimize("d_optimizer", lambda: self.discriminator_loss(a[0], b[0]))
        for one, other in zip(a[1:], b[1:], strict=True):
            self.minimize("g_optimizer", partial(self.generator_loss, one, other))
        return self.logs()

    # -- use --------------------------------------------------------------------------------------------------------

    def a_to_b(self, images: tf.Tensor) -> tf.Tensor:
        """(n, h, w, c) images of a in [0, 1] -> as b, in [0, 1]; with the moving statistics."""
        return tf.clip_by_value((self.generator_ab(2.0 * images - 1.0, training=False) + 1.0) / 2.0, 0.0, 1.0)

    def b_to_a(self, images: tf.Tensor) -> tf.Tensor:
        """(n, h, w, c) images of b in [0, 1] -> as a, in [0, 1]; with the moving statistics."""
        return tf.clip_by_value((self.generator_ba(2.0 * images - 1.0, training=False) + 1.0) / 2.0, 0.0, 1.0)
