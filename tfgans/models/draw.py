"""DRAW: a recurrent neural network for image generation. Gregor et al. 2015, arXiv:1502.04623.

A variational autoencoder that draws in several glimpses: an LSTM reads a patch of the image and of the canvas's error,
and its code determines what a second LSTM adds to the canvas, and where. There is no adversary: one player minimizes a
bound on the images' negative log-likelihood.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from tfgans import endpoint
from tfgans.adversarial import Adversarial

State = tuple[tf.Tensor, ...]


def build_lstm(inputs: int, units: int, name: str) -> keras.Model:
    """(n, inputs), hidden state and cell (n, units) each -> hidden state and cell; all four gates in one product."""
    x, h, c = (keras.Input((size,)) for size in (inputs, units, units))
    gates = ops.cast(layers.Dense(4 * units)(layers.Concatenate()([x, h])), "float32")
    take, keep, show, new = ops.split(gates, 4, axis=-1)
    cell = ops.sigmoid(keep + 1.0) * c + ops.sigmoid(take) * ops.tanh(new)  # a bias of 1 for remembering
    return keras.Model([x, h, c], [ops.sigmoid(show) * ops.tanh(cell), cell], name=name)


def build_heads(units: int, biases: list[list[float]], name: str) -> keras.Model:
    """(n, units) hidden states -> linear functions of them, (n, len(bias)) each, with these initial biases.

    The functions are returned as a list, but a single one is returned bare, because Keras unpacks lists of one.
    """
    h = keras.Input((units,))
    heads = [
        layers.Dense(
            len(bias),
            dtype="float32",
            bias_initializer=lambda shape, dtype, bias=bias: ops.convert_to_tensor(bias, dtype),
        )
        for bias in biases
    ]
    return keras.Model(h, [head(h) for head in heads], name=name)


def even_window(side: int, size: int) -> list[float]:
    """A window of `size` x `size` filters, each over its share of an image of `side` pixels. With all values at 0, 2x2
    filters would look at the image's corners, which are black for digits, and the model would not learn."""
    step = side / size
    return [0.0, 0.0, 2.0 * math.log(step / 2.0), math.log(step * max(size - 1, 1) / (side - 1)), 0.0]


@keras.saving.register_keras_serializable(package="tfgans")
class Start(layers.Layer):
    """The learned initial values of both hidden states and of the canvas (section 2.1)."""

    def __init__(self, sizes: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes = sizes
        self.starts = [self.add_weight(shape=(size,), initializer="zeros", name=f"start_{size}") for size in sizes]
        self.built = True

    def call(self, n: Any) -> list[Any]:
        return [tf.repeat(tf.cast(start, tf.float32)[None], n, axis=0) for start in self.starts]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "sizes": self.sizes}


def filter_banks(window: tf.Tensor, height: int, width: int, size: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Equations 19 to 26: F_Y (n, size, height), F_X (n, size, width) and gamma (n, 1, 1, 1) of `window` (n, 5).

    A window is (g_X, g_Y, log sigma^2, log delta, log gamma): centre, blur, stride and intensity of a grid of `size` x
    `size` Gaussian filters. Pixels are counted from 1; each filter sums to 1.
    """
    g_x, g_y, log_variance, log_stride, log_gamma = tf.split(window, 5, axis=1)
    # trained windows are far from these bounds; beyond them a single jump would make gradients NaN
    log_variance = tf.clip_by_value(log_variance, -8.0, 16.0)
    log_stride, log_gamma = (tf.clip_by_value(each, -10.0, 10.0) for each in (log_stride, log_gamma))
    stride = (max(width, height) - 1) / max(size - 1, 1) * tf.exp(log_stride)
    offsets = (tf.range(1.0, size + 1.0) - size / 2 - 0.5) * stride  # (n, size)

    def bank(centre: tf.Tensor, pixels: int) -> tf.Tensor:
        means = (pixels + 1) / 2 * (centre + 1.0) + offsets
        distance = tf.range(1.0, pixels + 1.0) - means[..., None]
        # the softmax divides by the sum safely even if a filter lies far outside the image
        return tf.nn.softmax(-(distance**2) / (2.0 * tf.exp(log_variance)[..., None]), axis=-1)

    return bank(g_y, height), bank(g_x, width), tf.exp(log_gamma)[..., None, None]


def read_patch(images: tf.Tensor, window: tf.Tensor, size: int) -> tf.Tensor:
    """Equation 27: (n, h, w, c) -> the patch (n, size, size, c) under the window."""
    f_y, f_x, gamma = filter_banks(window, images.shape[1], images.shape[2], size)
    return gamma * tf.einsum("niwc,njw->nijc", tf.einsum("nih,nhwc->niwc", f_y, images), f_x)


def write_patch(patch: tf.Tensor, window: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Equation 29: a patch (n, size, size, c) -> its addition to the canvas (n, height, width, c)."""
    f_y, f_x, gamma = filter_banks(window, height, width, patch.shape[1])
    return tf.einsum("nhjc,njw->nhwc", tf.einsum("nih,nijc->nhjc", f_y, patch), f_x) / gamma


def kl_from_standard_normal(mean: tf.Tensor, log_std: tf.Tensor) -> tf.Tensor:
    """KL(N(mean, std^2) || N(0, 1)) in nats, summed over the last axis: one glimpse's part of equation 11."""
    return 0.5 * tf.reduce_sum(mean**2 + tf.exp(2.0 * log_std) - 2.0 * log_std - 1.0, axis=-1)


@keras.saving.register_keras_serializable(package="tfgans")
class DRAW(Adversarial):
    """Equations 3 to 12. Without `attention` both LSTMs see and write the whole image (equations 17 and 18).

    Images are binary: every pixel p in [0, 1] is black or white, white with probability p.
    """

    players = {"draw_optimizer": ("encoder", "encoder_heads", "decoder", "decoder_heads", "start")}
    terms = ("reconstruction", "kl", "bound")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        latent_dim: int = 100,
        width: int = 256,
        glimpses: int = 64,
        attention: bool = True,
        read_size: int = 2,
        write_size: int = 5,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.latent_dim, self.width, self.glimpses = image_shape, latent_dim, width, glimpses
        self.attention, self.read_size, self.write_size = attention, read_size, write_size
        height, wide, channels = image_shape
        pixels = math.prod(image_shape)
        read = 2 * read_size**2 * channels if attention else 2 * pixels
        written = [[0.0] * pixels]
        if attention:  # patch, write window, read window
            windows = [even_window(max(height, wide), size) for size in (write_size, read_size)]
            written = [[0.0] * (write_size**2 * channels), *windows]
        self.encoder = build_lstm(read + width, width, "encoder")
        self.encoder_heads = build_heads(width, [[0.0] * latent_dim] * 2, "encoder_heads")
        self.decoder = build_lstm(latent_dim, width, "decoder")
        self.decoder_heads = build_heads(width, written, "decoder_heads")
        self.start = Start((width, width, pixels), name="start")

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        return {"image": endpoint.image(n, self.image_shape)}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        latents = endpoint.latents(self.glimpses, self.latent_dim, normal=True)
        return endpoint.generator(self.image_shape, latents)

    # -- one glimpse ------------------------------------------------------------------------------------------------

    def beginning(self, n: Any) -> tuple[State, State]:
        """(canvas, h, c of the decoder) and (h, c of the encoder) before the first glimpse."""
        encoder, decoder, canvas = self.start(n)
        canvas = tf.reshape(canvas, (-1, *self.image_shape))
        return (canvas, decoder, tf.zeros_like(decoder)), (encoder, tf.zeros_like(encoder))

    def encode(self, x: tf.Tensor, state: State, memory: State) -> tuple[tf.Tensor, tf.Tensor, State]:
        """Mean and log deviation (n, latent_dim) of this glimpse's code, and the encoder's state: equations 3 to 5."""
        canvas, h_decoder, _ = state
        seen = tf.concat([x, x - tf.sigmoid(canvas)], axis=-1)
        if self.attention:
            seen = read_patch(seen, self.decoder_heads(h_decoder)[2], self.read_size)
        flat = tf.reshape(seen, (-1, math.prod(seen.shape[1:])))
        memory = tuple(self.encoder([tf.concat([flat, h_decoder], axis=1), *memory]))
        mean, log_std = self.encoder_heads(memory[0])
        return mean, tf.clip_by_value(log_std, -10.0, 10.0), memory

    def decode(self, z: tf.Tensor, state: State) -> State:
        """Update the canvas by the code (n, latent_dim): equations 7 and 8."""
        canvas, h, cell = state
        h, cell = self.decoder([z, h, cell])
        heads = self.decoder_heads(h)
        height, wide, channels = self.image_shape
        if self.attention:
            patch = tf.reshape(heads[0], (-1, self.write_size, self.write_size, channels))
            return canvas + write_patch(patch, heads[1], height, wide), h, cell
        return canvas + tf.reshape(heads, (-1, *self.image_shape)), h, cell

    def repeat(self, glimpse: Callable[..., Any], *values: Any) -> Any:
        """values = glimpse(t, *values) for every glimpse: a loop in the graph, traced and compiled once."""
        return tf.while_loop(
            lambda t, *_: t < self.glimpses,
            lambda t, *now: (t + 1, *glimpse(t, *now)),
            (tf.constant(0), *values),
            maximum_iterations=self.glimpses,
        )[1:]

    # -- training ---------------------------------------------------------------------------------------------------

    def parts_of_bound(self, x: tf.Tensor, noise: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Reconstruction and KL term, (n,) each in nats, of binary images x; noise: (glimpses, n, latent_dim).

        Equation 9: -log D(x | c_T), a Bernoulli distribution for each pixel. Equation 11: the divergences of all codes.
        """

        def glimpse(t: tf.Tensor, state: State, memory: State, kl: tf.Tensor) -> tuple[Any, ...]:
            mean, log_std, memory = self.encode(x, state, memory)
            state = self.decode(mean + tf.exp(log_std) * noise[t], state)
            return state, memory, kl + kl_from_standard_normal(mean, log_std)

        state, _, kl = self.repeat(glimpse, *self.beginning(tf.shape(x)[0]), tf.zeros_like(x[:, 0, 0, 0]))
        surprise = tf.nn.sigmoid_cross_entropy_with_logits(x, state[0])
        return tf.reduce_sum(surprise, axis=(1, 2, 3)), kl

    def losses(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Equation 12, mean over images; their pixels are sampled anew each time."""
        chance = keras.random.uniform(image.shape, seed=self.seed_generator, dtype="float32")
        x = tf.cast(chance < (image + 1.0) / 2.0, tf.float32)
        shape = (self.glimpses, image.shape[0], self.latent_dim)
        noise = keras.random.normal(shape, seed=self.seed_generator, dtype="float32")
        reconstruction, kl = (tf.reduce_mean(part) for part in self.parts_of_bound(x, noise))
        self.track({"bound": reconstruction + kl})
        return {"reconstruction": reconstruction, "kl": kl}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        self.minimize("draw_optimizer", lambda: self.losses(batch["image"]))
        return self.logs()

    def bound(self, images: tf.Tensor, seed: int = 0) -> tf.Tensor:
        """A bound on -log p in nats, (n,), for binary images (n, h, w, c), 0 or 1; the codes are sampled once."""
        noise = tf.random.stateless_normal((self.glimpses, tf.shape(images)[0], self.latent_dim), (seed, 0))
        reconstruction, kl = self.parts_of_bound(images, noise)
        return reconstruction + kl

    # -- drawing (section 2.3) --------------------------------------------------------------------------------------

    def canvases(self, n: int, seed: int) -> tf.Tensor:
        """The stages of drawing `n` images: (glimpses, n, h, w, c) in [0, 1], the canvas after each glimpse."""
        codes = tf.random.stateless_normal((self.glimpses, n, self.latent_dim), (seed, 0))
        state, drawn = self.beginning(tf.constant(n))[0], []
        for z in tf.unstack(codes):
            state = self.decode(z, state)
            drawn.append(tf.sigmoid(state[0]))
        return tf.stack(drawn)

    def sample(self, n: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """`n` images in [0, 1], the last canvas: each pixel's probability of being white, not a sample of it."""
        codes = tf.random.stateless_normal((self.glimpses, n, self.latent_dim), (seed, 0))
        return self.generate(tf.transpose(codes, (1, 0, 2)))

    def generate(self, latents: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] for the codes of all its glimpses: (n, glimpses, latent_dim)."""
        codes, start = tf.transpose(latents, (1, 0, 2)), self.beginning(tf.shape(latents)[0])[0]
        (state,) = self.repeat(lambda t, state: (self.decode(codes[t], state),), start)
        return tf.sigmoid(state[0])
