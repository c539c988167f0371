"""A GAN for colourization and inpainting. Zhang and Zhou, A GAN Model For Different Image Generation Tasks (report).

A U-Net works on small parts of the image. Each part, and the whole image shrunken to a part's size, is encoded to one
vector. A part is decoded from both vectors; a last convolution joins the parts. The discriminator judges the whole
image. The generator is first trained with the L1 loss only, then against the discriminator, while the weight lambda of
the L1 loss falls.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial, Fall
from tfgans.data.colour import gray_to_l, lab_to_rgb, rgb_to_lab
from tfgans.errors import UserError
from tfgans.layers import BatchNormalization, in_windows

CHANNELS = {"colorize": (1, 2), "inpaint": (3, 3)}  # of the generator's input and output
HOLE = 32  # pixels a side of the training holes of inpainting
LAB = 50.0  # L / 50 - 1, a / 50 and b / 50: in [-1, 1] for L and most colours


@keras.saving.register_keras_serializable(package="tfgans")
class Partition(layers.Layer):
    """Cuts images into parts of one size and puts them together again. Section 3.3."""

    def __init__(self, size: tuple[int, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def tiling(self, images: Any) -> tuple[Any, Any]:
        """The numbers of parts of images (n, h, w, c), down and across. Raises ValueError if they do not fit."""
        for side, part in zip(images.shape[1:3], self.size, strict=True):
            if side is not None and side % part:
                raise ValueError(f"parts of {self.size} do not fill images of {tuple(images.shape[1:3])}")
        _, height, width, _ = keras.ops.shape(images)
        return height // self.size[0], width // self.size[1]

    def call(self, images: Any) -> Any:
        """(n, rows h, columns w, c) -> (n rows columns, h, w, c), image by image and row by row."""
        (rows, columns), (h, w), c = self.tiling(images), self.size, images.shape[-1]
        cut = tf.transpose(tf.reshape(images, (-1, rows, h, columns, w, c)), (0, 1, 3, 2, 4, 5))
        return tf.reshape(cut, (-1, h, w, c))

    def join(self, parts: Any, rows: Any, columns: Any) -> Any:
        """The inverse of `call`: (n rows columns, h, w, c) -> (n, rows h, columns w, c)."""
        (h, w), c = self.size, parts.shape[-1]
        laid = tf.transpose(tf.reshape(parts, (-1, rows, columns, h, w, c)), (0, 1, 3, 2, 4, 5))
        return tf.reshape(laid, (-1, rows * h, columns * w, c))

    def shrink(self, images: Any) -> Any:
        """Shrink images to the size of a part: (n, rows h, columns w, c) -> (n, h, w, c), means of blocks."""
        (rows, columns), (h, w), c = self.tiling(images), self.size, images.shape[-1]
        return tf.reduce_mean(tf.reshape(images, (-1, h, rows, w, columns, c)), (2, 4))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


def widths(side: int, width: int) -> list[int]:
    """The filters at each halving of `side` down to 1: width, 2 width, 4 width, 4 width, ..."""
    return [width * min(1 << i, 4) for i in range((side - 1).bit_length())]


def activated(x: Any, normalized: bool) -> Any:
    return layers.ReLU()(BatchNormalization()(x) if normalized else x)


def deepened(x: Any, convolutions: int, normalized: bool) -> Any:
    """More convolutions at the same size."""
    for _ in range(convolutions):
        x = activated(layers.Conv2D(x.shape[-1], 3, padding="same", use_bias=not normalized)(x), normalized)
    return x


def build_encoder(
    side: int, channels: int, width: int, pooling: bool, deeper: int = 0, normalized: bool = True
) -> keras.Model:
    """(n, side, side, c) -> the maps after each halving, from (n, side/2, side/2, width) to (n, 1, 1, 4 width)."""
    image = x = keras.Input((None, None, channels))
    maps = []
    for filters in widths(side, width):
        x = layers.Conv2D(filters, 4, 1 if pooling else 2, "same", use_bias=not normalized)(x)
        x = activated(x, normalized)
        x = layers.MaxPooling2D()(x) if pooling else x
        x = deepened(x, deeper, normalized)
        maps.append(x)
    return keras.Model(image, maps, name="encoder")


def enlarge(x: Any, filters: int, normalized: bool = True) -> Any:
    """A transposed convolution and 2x2 means: a constant input gives a constant output, whatever the weights (Kinoshita
    and Kiya 2020, arXiv:2002.02117). Otherwise a checkerboard shows in skies."""
    x = layers.Conv2DTranspose(filters, 4, 2, "same", use_bias=not normalized)(x)
    return activated(layers.AveragePooling2D(2, 1, "same")(x), normalized)


def build_decoder(channels: list[int], width: int, deeper: int = 0, normalized: bool = True) -> keras.Model:
    """Maps as returned by `build_encoder`, with these channels -> (n, side, side, width / 2)."""
    maps = [keras.Input((None, None, c)) for c in channels]
    x = maps[-1]
    for skip in reversed(maps[:-1]):
        x = layers.Concatenate()([deepened(enlarge(x, skip.shape[-1], normalized), deeper, normalized), skip])
    return keras.Model(maps, enlarge(x, width // 2, normalized), name="decoder")


@keras.saving.register_keras_serializable(package="tfgans")
class UNet(keras.Model):
    """The generator: (n, h, w, channels[0]) -> (n, h, w, channels[1]), unbounded; h and w multiples of `part`.

    With `partitioned`, one encoder is applied to the parts and to the shrunken image, whose vector is joined to those
    of its parts; otherwise it is a U-Net for the whole image.
    """

    def __init__(
        self,
        part: int,
        channels: tuple[int, int],
        width: int,
        partitioned: bool,
        pooling: bool,
        deeper: int = 0,
        normalized: bool = True,
    ) -> None:
        super().__init__(name="generator", dtype="float32")
        self.partition = Partition((part, part), dtype="float32") if partitioned else None
        self.encoder = build_encoder(part, channels[0], width, pooling, deeper, normalized)
        *skips, vector = (output.shape[-1] for output in self.encoder.outputs)
        self.decoder = build_decoder([*skips, 2 * vector if partitioned else vector], width, deeper, normalized)
        self.integrate = layers.Conv2D(channels[1], 5, padding="same")
        self.integrate.build((None, None, None, width // 2 + channels[0]))
        self.built = True

    def call(self, image: Any, training: bool = False) -> Any:
        if self.partition is None:
            made = self.decoder(self.encoder(image, training=training), training=training)
        else:
            rows, columns = self.partition.tiling(image)
            parts, whole = self.partition(image), self.partition.shrink(image)
            n = tf.shape(parts)[0]
            maps = self.encoder(tf.concat([parts, whole], 0), training=training)
            # split, not sliced: the gradient of slices took a tenth of a step
            *skips, (vectors, wholes) = (tf.split(each, [n, tf.shape(whole)[0]]) for each in maps)
            vector = tf.concat([vectors, tf.repeat(wholes, rows * columns, 0)], -1)
            made = self.decoder([*(skip for skip, _ in skips), vector], training=training)
            made = self.partition.join(made, rows, columns)
        return tf.cast(self.integrate(tf.concat([made, tf.cast(image, made.dtype)], -1)), tf.float32)


def build_discriminator(image_shape: tuple[int, int, int], width: int, halvings: int = 0) -> keras.Model:
    """(n, h, w, c), input and output of G -> (n, k): halved down to 1x1, or `halvings` times. Section 3.1.

    Each of the k outputs has a receptive field of 3 * 2^halvings - 2 pixels a side.
    """
    x = image = keras.Input(image_shape)
    full = widths(max(image_shape[:2]), width)
    for filters in full[: (halvings or len(full)) - 1]:
        x = layers.Conv2D(filters, 4, 2, "same", use_bias=False)(x)
        x = layers.LeakyReLU(0.2)(BatchNormalization()(x))
    x = layers.Conv2D(1, 4, 2, "same", dtype="float32")(x)
    return keras.Model(image, layers.Flatten(dtype="float32")(x), name="discriminator")


@keras.saving.register_keras_serializable(package="tfgans")
class UNetGAN(Adversarial):
    """`pretrain_steps` steps of the generator with L1 only, then adversarial ones. Sections 3 and 4.

    "l1" is the mean absolute difference of the generated channels: a and b of Lab / 50, or RGB in [-1, 1]; "l1_loss" is
    the same weighted, times lambda.
    """

    players = {"g_optimizer": ("generator",), "d_optimizer": ("discriminator",)}
    terms = ("l1", "l1_loss", "adversarial_loss", "d_loss", "d_real", "d_fake")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (256, 256, 3),
        task: str = "colorize",
        part: int = 64,
        width: int = 32,
        discriminator_width: int = 32,
        adversarial: str = "bce",
        pooling: bool = False,
        deeper: int = 0,
        normalized: bool = True,
        pretrain_steps: int = 0,
        rate_after: float = 1.0,
        lambda_start: float = 100.0,
        lambda_end: float = 10.0,
        lambda_steps: int = 10_000,
        early_steps: int = 1_000,
        early_discriminator_steps: int = 3,
        missing_weight: float = 1.0,
        halvings: int = 0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """`part` is the side of the parts, a power of two from 4; if it equals the image's side, there is no partition.
        `adversarial` is "bce", "l2" or "none" (only L1 throughout); `pooling` replaces the generator's strides by
        max-pooling, `deeper` adds convolutions to each of its sizes, and without `normalized` it has no batch
        normalization.

        Lambda is `lambda_start` in pre-training and then falls linearly to `lambda_end` within `lambda_steps` steps; in
        the first `early_steps` of these the discriminator is updated `early_discriminator_steps` times per step. The
        generator's rate after pre-training is multiplied by `rate_after`. In the L1 loss of inpainting, pixels in the
        hole have the weight `missing_weight`. The discriminator halves images `halvings` times and has an output for
        each remaining position, or a single one with 0, as in the report. For inpainting, only those that see the hole
        count.
        """
        sides = image_shape[:2]
        if part < 4 or part & (part - 1) or sides[0] % part or sides[1] % part:
            raise UserError(
                f"part must be a power of two, at least 4, that divides the image's sides {tuple(sides)}, not {part}"
            )
        if image_shape[2] != 3:
            raise UserError("unet_gan generates colour images: image_shape must end with 3")
        if task not in CHANNELS:
            raise UserError(f"task must be {' or '.join(CHANNELS)}, not '{task}'")
        if not 0 <= halvings <= (max(sides) - 1).bit_length():
            raise UserError(f"images of {sides[0]}x{sides[1]} cannot be halved {halvings} times")
        if adversarial not in ("bce", "l2", "none"):
            raise UserError(f"adversarial must be bce, l2 or none, not '{adversarial}'")
        against = (("pretrain", pretrain_steps), ("early", early_steps), ("compete", None))
        super().__init__(seed=seed, stages=(("pretrain", None),) if adversarial == "none" else against, **kwargs)
        self.image_shape, self.task, self.part = image_shape, task, part
        self.width, self.discriminator_width = width, discriminator_width
        self.adversarial, self.pooling, self.deeper, self.normalized = adversarial, pooling, deeper, normalized
        self.pretrain_steps, self.rate_after = pretrain_steps, rate_after
        self.lambda_start, self.lambda_end, self.lambda_steps = lambda_start, lambda_end, lambda_steps
        self.early_steps, self.early_discriminator_steps = early_steps, early_discriminator_steps
        self.generator = UNet(part, CHANNELS[task], width, sides != (part, part), pooling, deeper, normalized)
        self.discriminator = build_discriminator((*sides, sum(CHANNELS[task])), discriminator_width, halvings)
        self.missing_weight, self.halvings = missing_weight, halvings

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        source = (*self.image_shape[:2], CHANNELS[self.task][0])
        spec = {"source": endpoint.image(n, source), "target": endpoint.image(n, self.image_shape)}
        if self.task == "inpaint":
            spec["mask"] = endpoint.Array((n, *self.image_shape[:2], 1), "bool", 0, 1, "mask")
        return spec

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        given, made = {"images": endpoint.images(CHANNELS[self.task][0])}, {"images": endpoint.images(3)}
        if self.task == "colorize":
            return {"restore": endpoint.Endpoint(given, made, keeps_lightness=True, largest=512)}
        masks = endpoint.Array((None, None, None, 1), "bool", 0, 1, "mask")
        return {"fill": endpoint.Endpoint({**given, "masks": masks}, made, hole=HOLE)}

    def updates(self, player: str) -> dict[int, int]:
        if player == "g_optimizer":
            return {0: 1}
        if self.adversarial == "none":
            return {}
        return {self.pretrain_steps: self.early_discriminator_steps, self.pretrain_steps + self.early_steps: 1}

    def falls(self, player: str) -> tuple[Fall, ...]:
        falling = player == "g_optimizer" and self.rate_after < 1.0
        return ((self.pretrain_steps, 0, self.rate_after),) if falling else ()

    def given(self, source: tf.Tensor) -> tf.Tensor:
        """The generator's input for images in [-1, 1]: the L of gray images, or the RGB itself."""
        return gray_to_l(source) / LAB - 1.0 if self.task == "colorize" else source

    def wanted(self, target: tf.Tensor) -> tf.Tensor:
        """The generator's target for RGB images in [-1, 1]: their a and b, or the RGB itself."""
        return rgb_to_lab(target)[..., 1:] / LAB if self.task == "colorize" else target

    # -- losses -----------------------------------------------------------------------------------------------------

    def l1_weight(self, step: tf.Tensor) -> tf.Tensor:
        """Lambda at a given step."""
        share = (tf.cast(step, tf.float32) - self.pretrain_steps) / max(1, self.lambda_steps)
        return self.lambda_start + (self.lambda_end - self.lambda_start) * tf.clip_by_value(share, 0.0, 1.0)

    def l1_loss(self, wanted: tf.Tensor, made: tf.Tensor, mask: tf.Tensor | None) -> dict[str, tf.Tensor]:
        """L1 has gradients of the same size for all pixels, however small their error: without weights, the many known
        pixels, which only need copying, would dominate the few in a hole."""
        errors = tf.reduce_mean(tf.abs(wanted - made), -1)
        self.track({"l1": tf.reduce_mean(errors)})
        if mask is not None:
            errors = tf.where(mask[..., 0], self.missing_weight * errors, errors)
        return {"l1_loss": self.l1_weight(self.steps_done.value) * tf.reduce_mean(errors)}

    def versus(self, label: float, judged: tf.Tensor, seen: tf.Tensor | None) -> tf.Tensor:
        """The loss of D's outputs that count against a label: binary cross-entropy of logits, or squared difference."""
        labels = tf.fill(tf.shape(judged), label)
        cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits
        errors = cross_entropy(labels, judged) if self.adversarial == "bce" else tf.square(labels - judged)
        return tf.reduce_mean(errors) if seen is None else tf.reduce_sum(seen * errors) / tf.reduce_sum(seen)

    def seen(self, mask: tf.Tensor | None) -> tf.Tensor | None:
        """D's outputs that see the hole, (n, k) of 0 and 1; None if there is one output or no hole."""
        if mask is None or not self.halvings:
            return None
        field, stride = 3 * 2**self.halvings - 2, 2**self.halvings
        return layers.Flatten()(tf.nn.max_pool2d(tf.cast(mask, tf.float32), field, stride, "SAME"))

    def composite(self, wanted: tf.Tensor, made: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
        """D's input of generated images: with a mask, generated in the hole and original around it.

        Known pixels are never copied exactly, but exact in real pairs: D would look at nothing else.
        """
        return made if mask is None else tf.where(mask, made, wanted)

    def adversarial_loss(self, given: tf.Tensor, made: tf.Tensor, seen: tf.Tensor | None = None) -> tf.Tensor:
        """Section 3.2, non-saturating: -log D(x, G(x)), or (1 - D(x, G(x)))^2, for D's input: see `composite`."""
        return self.versus(1.0, self.discriminator(tf.concat([given, made], -1), training=True), seen)

    def discriminator_loss(
        self, given: tf.Tensor, wanted: tf.Tensor, made: tf.Tensor, seen: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Section 3.2. Tracks D's mean outputs: `d_real` for real pairs, `d_fake` for G's; probabilities with "bce"."""
        on_real = self.discriminator(tf.concat([given, wanted], -1), training=True)
        on_fake = self.discriminator(tf.concat([given, made], -1), training=True)
        shown = tf.sigmoid if self.adversarial == "bce" else tf.identity
        self.track({"d_real": tf.reduce_mean(shown(on_real)), "d_fake": tf.reduce_mean(shown(on_fake))})
        return {"d_loss": self.versus(1.0, on_real, seen) + self.versus(0.0, on_fake, seen)}

    # -- stages -----------------------------------------------------------------------------------------------------

    def pretrain(self, batch: dict[str, tf.Tensor]) -> None:
        """Only the generator."""
        given, wanted, mask = self.given(batch["source"]), self.wanted(batch["target"]), batch.get("mask")
        self.minimize("g_optimizer", lambda: self.l1_loss(wanted, self.generator(given, training=True), mask))

    def early(self, batch: dict[str, tf.Tensor]) -> None:
        """Several updates of D per update of G. Section 3.1."""
        self.compete(batch, self.early_discriminator_steps)

    def compete(self, batch: dict[str, tf.Tensor], discriminator_steps: int = 1) -> None:
        """One update of G, then those of D, all on the same images."""
        given, wanted, mask = self.given(batch["source"]), self.wanted(batch["target"]), batch.get("mask")
        seen = self.seen(mask)

        def losses() -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            made = self.generator(given, training=True)
            terms, shown = self.l1_loss(wanted, made, mask), self.composite(wanted, made, mask)
            return {**terms, "adversarial_loss": self.adversarial_loss(given, shown, seen)}, shown

        made = tf.stop_gradient(self.minimize("g_optimizer", losses))
        for _ in range(discriminator_steps):
            self.minimize("d_optimizer", lambda: self.discriminator_loss(given, wanted, made, seen))

    # -- use --------------------------------------------------------------------------------------------------------

    def windowed(self, given: tf.Tensor) -> tf.Tensor:
        """Apply the generator to any h and w, in windows of the training size."""

        def network(images: tf.Tensor) -> tf.Tensor:
            return self.generator(images, training=False)

        return in_windows(network, given, self.image_shape[:2], CHANNELS[self.task][1])

    def fill(self, images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        """RGB images (n, h, w, 3) in [0, 1] and masks (n, h, w, 1), True in the hole -> (n, h, w, 3) in [0, 1].

        Any h and w. Pixels in the hole are ignored; known pixels are not changed.
        """
        given = tf.where(masks, 0.0, images) * 2.0 - 1.0
        return tf.where(masks, tf.clip_by_value((self.windowed(given) + 1.0) / 2.0, 0.0, 1.0), images)

    def restore(self, images: tf.Tensor) -> tf.Tensor:
        """Gray images (n, h, w, 1) in [0, 1], any h and w -> RGB (n, h, w, 3) in [0, 1].

        Colours are predicted at as many pixels as in training, with the image's proportions, then enlarged and
        combined with the image's own L.
        """
        given, size = self.given(images * 2.0 - 1.0), tf.shape(images)[1:3]
        sides = tf.cast(size, tf.float32)
        scale = tf.sqrt(self.image_shape[0] * self.image_shape[1] / tf.reduce_prod(sides))
        small = tf.image.resize(given, tf.maximum(1, tf.cast(tf.round(scale * sides), tf.int32)), antialias=True)
        colours = tf.image.resize(self.windowed(small), size, antialias=True)
        return (lab_to_rgb(LAB * tf.concat([given + 1.0, colours], -1)) + 1.0) / 2.0
