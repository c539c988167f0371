"""Coupled GANs: pairs of images of two domains, learnt without pairs. Liu and Tuzel 2016, arXiv:1606.07536.

Two generators get the same noise and share their first layers, which determine the content. Two discriminators share
their last layers. Each generator plays only against the discriminator of its own domain. The two images of one noise
vector show the same content because of the shared layers.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.errors import UserError
from tfgans.layers import BatchNormalization

SLOPE = keras.initializers.Constant(0.25)  # slope of a PReLU
STAGES = 4  # of a discriminator: two convolutions, the hidden layer, the output
DENSE = 4  # hidden layers of dense generators
SMALLEST = 16  # pixels a side that its convolutions do not reduce to nothing

Shape = tuple[int, int, int]


def sides_of(height: int, width: int) -> list[tuple[int, int]]:
    """The sides of a generator's maps: halved, rounding up, down to 4. 28 -> 4, 7, 14, 28; 64 -> 4, 8, 16, 32, 64."""
    sides = [(height, width)]
    while min(sides[0]) > 4:
        sides.insert(0, (-(-sides[0][0] // 2), -(-sides[0][1] // 2)))
    return sides


def build_generators(
    shapes: Sequence[Shape], latent_dim: int, width: int, shared: int, dense: bool = False
) -> keras.Model:
    """(n, latent_dim) noise -> for each shape, of the same size, images (n, h, w, c) in [-1, 1].

    The first `shared` hidden layers, one for each of `sides_of`, are shared and computed once. The last hidden layer
    has `width` filters, each earlier one twice as many, up to 8 times `width`. Table 1 of the supplement. With `dense`
    there are DENSE hidden layers of 32 times `width` units.
    """
    sides = sides_of(*shapes[0][:2])
    count = DENSE if dense else len(sides)

    def hidden(x: Any, i: int) -> Any:
        if dense:
            x = layers.Dense(32 * width, use_bias=False)(x)
            return layers.PReLU(SLOPE.clone())(BatchNormalization()(x))
        filters = width * min(1 << (count - 1 - i), 8)
        if i == 0:  # a map of one pixel: a dense layer
            x = layers.Dense(sides[0][0] * sides[0][1] * filters, use_bias=False)(x)
            x = layers.Reshape((*sides[0], filters))(x)
        else:  # from n to 2n - 1 pixels, or 2n
            more = tuple(after - (2 * before - 1) for before, after in zip(sides[i - 1], sides[i], strict=True))
            x = layers.Conv2DTranspose(filters, 3, 2, "same", output_padding=more, use_bias=False)(x)
        return layers.PReLU(SLOPE.clone(), shared_axes=(1, 2))(BatchNormalization()(x))

    z = x = keras.Input((latent_dim,))
    for i in range(shared):
        x = hidden(x, i)
    images = []
    for shape in shapes:
        y = x
        for i in range(shared, count):
            y = hidden(y, i)
        if dense:
            y = layers.Reshape(shape)(layers.Dense(math.prod(shape))(y))
        else:
            y = layers.Conv2D(shape[2], 6, padding="same")(y)
        images.append(layers.Activation("tanh", dtype="float32")(y))
    return keras.Model(z, images, name="generators")


def build_discriminators(shapes: Sequence[Shape], width: int, shared: int, dense: bool = False) -> list[keras.Model]:
    """For each shape, images (n, h, w, c) in [-1, 1] -> (n, 1) logits of being real, and the hidden (n, 25 width).

    The last `shared` stages are shared. With a width of 20, table 1 of the supplement. With `dense`, dense layers of
    25 times `width` units replace the convolutions.
    """

    def stages() -> list[list[layers.Layer]]:
        if dense:
            first = [[layers.Flatten(), layers.Dense(25 * width), layers.LeakyReLU(0.2)] for _ in range(2)]
        else:
            first = [[layers.Conv2D(n, 5), layers.MaxPooling2D()] for n in (width, 5 * width // 2)]
        hidden = [layers.Flatten(), layers.Dense(25 * width), layers.PReLU(SLOPE.clone())]
        return [*first, hidden, [layers.Dense(1, dtype="float32")]]

    common, made = stages(), []
    for shape, name in zip(shapes, "ab", strict=True):
        own, outputs = stages(), [keras.Input(shape)]
        for i in range(STAGES):
            x = outputs[-1]
            for layer in (common if i >= STAGES - shared else own)[i]:
                x = layer(x)
            outputs.append(x)
        made.append(keras.Model(outputs[0], [outputs[-1], outputs[-2]], name=f"discriminator_{name}"))
    return made


@keras.saving.register_keras_serializable(package="tfgans")
class CoGAN(Adversarial):
    """Equation 2: two games with the same noise, whose players share layers. Section 6: a classifier of both domains.

    Losses are logged as they are minimized; "d_real" and "d_fake" are means over both discriminators.
    """

    players = {"g_optimizer": ("generators",), "d_optimizer": ("discriminator_a", "discriminator_b")}
    terms = ("d_loss", "g_loss", "class_loss", "agreement_loss", "d_real", "d_fake")

    def __init__(
        self,
        image_shape: Shape = (28, 28, 1),
        b_channels: int = 0,
        latent_dim: int = 100,
        width: int = 32,
        discriminator_width: int = 20,
        shared_generator_layers: int = 4,
        shared_discriminator_layers: int = 3,
        classes: int = 0,
        class_weight: float = 1.0,
        agreement_weight: float = 0.0,
        adversarial: bool = True,
        dense: bool = False,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """`image_shape` is that of a; b has the same size and `b_channels` (0: as many as a).

        The first `shared_generator_layers` of the generators' hidden layers (4 for 28 and 32 pixels, 5 for 64) are
        shared, and the last `shared_discriminator_layers`, at most 3, of the discriminators' four stages. With
        `classes`, a softmax on their hidden layer learns the labels of a. `agreement_weight` is the weight of the
        distance of the hidden layers for the two images of one noise, as in the authors' code. Without `adversarial`
        only that classifier is trained, on a alone: the baseline of section 6. `dense` networks have no convolutions:
        their own layers can move any pixel anywhere.
        """
        of_g, of_d = shared_generator_layers, shared_discriminator_layers
        b_shape = (*image_shape[:2], b_channels or image_shape[2])
        if min(image_shape[:2]) < SMALLEST:
            raise UserError(f"images of {image_shape[0]}x{image_shape[1]} are too small; {SMALLEST} is the least side")
        hidden = DENSE if dense else len(sides_of(*image_shape[:2]))
        for kind, count, most in (("generator", of_g, hidden), ("discriminator", of_d, 3)):
            if not 0 <= count <= most:
                raise UserError(f"shared_{kind}_layers must be from 0 to {most} for these images, not {count}")
        if not adversarial and (not classes or b_shape != tuple(image_shape)):
            raise UserError("without an adversary, only a classifier is left: it needs classes, and a and b alike")
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.b_channels, self.b_shape, self.latent_dim = image_shape, b_channels, b_shape, latent_dim
        self.width, self.discriminator_width = width, discriminator_width
        self.shared_generator_layers, self.shared_discriminator_layers = of_g, of_d
        self.classes, self.class_weight, self.agreement_weight = classes, class_weight, agreement_weight
        self.adversarial, self.dense, shapes = adversarial, dense, (image_shape, b_shape)
        self.generators = build_generators(shapes, latent_dim, width, of_g, dense)
        self.discriminator_a, self.discriminator_b = build_discriminators(shapes, discriminator_width, of_d, dense)
        if classes:
            seen = keras.Input((25 * discriminator_width,))
            self.classifier = keras.Model(seen, layers.Dense(classes, dtype="float32")(seen), name="classifier")
            self.players = {**self.players, "d_optimizer": ("discriminator_a", "discriminator_b", "classifier")}
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)
        self.cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        spec = {"a": endpoint.image(n, self.image_shape), "b": endpoint.image(n, self.b_shape)}
        return spec | ({"a_label": endpoint.label(n, self.classes)} if self.classes else {})

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        height, wide, channels = self.image_shape
        sides = {"a": channels, "b": self.b_shape[2]}
        made = {side: endpoint.images(count, (None, height, wide)) for side, count in sides.items()}
        noise = {"n": endpoint.number(), "seed": endpoint.number()}
        found = {"sample": endpoint.Endpoint(noise, made)}
        found["generate"] = endpoint.Endpoint({"latents": endpoint.latents(self.latent_dim)}, made)
        for side in made if self.classes else ():
            read = endpoint.Array((None, self.classes), low=0.0, high=1.0, encoding="probabilities")
            given = {"images": made[side]}
            found[f"classify_{side}"] = endpoint.Endpoint(given, {"classes": read}, size=(height, wide))
        return found

    def updates(self, player: str) -> dict[int, int]:
        return {0: 1} if self.adversarial or player == "d_optimizer" else {}

    # -- losses -----------------------------------------------------------------------------------------------------

    def generator_loss(self, z: tf.Tensor) -> tuple[dict[str, tf.Tensor], list[tf.Tensor]]:
        """Equation 2, non-saturating: -log D_a(G_a(z)) - log D_b(G_b(z)); and the images, of a and of b."""
        made, loss = self.generators(z, training=True), tf.zeros(())
        for image, discriminator in zip(made, (self.discriminator_a, self.discriminator_b), strict=True):
            on_made = discriminator(image, training=True)[0]
            loss += self.bce(tf.ones_like(on_made), on_made)
        return {"g_loss": loss}, made

    def discriminator_loss(self, batch: dict[str, tf.Tensor], made: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        """-log D(x) - log(1 - D(G(z))) of a and of b; the cross-entropy of the labels of a; and the agreement.

        The agreement is half the squared distance of the hidden layers for the two images of one noise.
        """
        loss, hidden = tf.zeros(()), []
        for real, image, discriminator in (
            (batch["a"], made[0], self.discriminator_a),
            (batch["b"], made[1], self.discriminator_b),
        ):
            logits, seen = discriminator(tf.concat([real, image], 0), training=True)
            on_real, on_made = tf.split(logits, 2)
            loss += self.bce(tf.ones_like(on_real), on_real) + self.bce(tf.zeros_like(on_made), on_made)
            self.track({"d_real": tf.reduce_mean(tf.sigmoid(on_real)), "d_fake": tf.reduce_mean(tf.sigmoid(on_made))})
            hidden += tf.split(tf.cast(seen, tf.float32), 2)
        real_a, made_a, _, made_b = hidden
        distance = tf.reduce_mean(tf.reduce_sum((made_a - made_b) ** 2, -1)) / 2.0
        read = self.class_loss(real_a, batch["a_label"]) if self.classes else tf.zeros(())
        return {"d_loss": loss, "class_loss": read, "agreement_loss": self.agreement_weight * distance}

    def class_loss(self, hidden: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The weighted cross-entropy of the classifier on hidden layers (n, 25 width), section 6."""
        return self.class_weight * self.cross_entropy(labels, self.classifier(hidden, training=True))

    # -- steps ------------------------------------------------------------------------------------------------------

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step of both generators, with the same noise, and one of both discriminators on their images."""
        if self.adversarial:
            shape = (batch["a"].shape[0], self.latent_dim)
            z = keras.random.uniform(shape, -1.0, 1.0, seed=self.seed_generator)
            made = self.minimize("g_optimizer", lambda: self.generator_loss(z))
            made = [tf.stop_gradient(image) for image in made]
            self.minimize("d_optimizer", lambda: self.discriminator_loss(batch, made))
        else:
            a, labels, seen = batch["a"], batch["a_label"], self.discriminator_a
            self.minimize("d_optimizer", lambda: {"class_loss": self.class_loss(seen(a, training=True)[1], labels)})
        return self.logs()

    # -- use --------------------------------------------------------------------------------------------------------

    def sample(self, n: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """`n` pairs of images in [0, 1], "a" and "b"; the same seed gives the same pairs."""
        return self.generate(tf.random.stateless_uniform((n, self.latent_dim), (seed, 0), -1.0, 1.0))

    def generate(self, latents: tf.Tensor) -> dict[str, tf.Tensor]:
        """A pair of images in [0, 1], "a" and "b", for each row of latents (n, d)."""
        a, b = self.generators(latents, training=False)
        return {"a": (a + 1.0) / 2.0, "b": (b + 1.0) / 2.0}

    def classify_a(self, images: tf.Tensor) -> tf.Tensor:
        """(n, h, w, c) images of a in [0, 1] -> (n, classes) probabilities."""
        return tf.nn.softmax(self.classifier(self.discriminator_a(2.0 * images - 1.0, training=False)[1]))

    def classify_b(self, images: tf.Tensor) -> tf.Tensor:
        """The same for b; without an adversary, by the network of a, the only one trained."""
        seen = self.discriminator_b if self.adversarial else self.discriminator_a
        return tf.nn.softmax(self.classifier(seen(2.0 * images - 1.0, training=False)[1]))
