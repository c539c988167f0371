# %% [markdown]
# # 0. Keras idioms: the loop of 2018, and why it fails in silence today
#
# Most GANs in Keras that one finds were written for Keras 2, and all in the same way: two models, one of them frozen
# inside the other, and a loop that calls `train_on_batch` for the discriminator and then for the generator. The rest of
# this book writes a `train_step` instead. This chapter shows
#
# 1. what the old idiom does, and what becomes of it in Keras 3;
# 2. that the loop, done right, and our `train_step` make the *same* update, to a millionth;
# 3. the same with `add_loss` and `compile(loss=None)`.

# %%
import warnings

import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

import tfgans
from tfgans.models import gan
from tfgans.reports.notebook import SMOKE, finish, new_folder, sources, verdicts

folder = new_folder("00_keras_idioms")

# %% [markdown]
# ## The idiom
#
# `Sequential` for both networks, noise from U(0, 1), a sigmoid at the end of the discriminator. The generator has no
# loss of its own: it is trained through a second model, *noise to verdict*, in which the discriminator is frozen.

# %%
LATENT, SIDE = 16, 8


def networks(seed=0):
    keras.utils.set_random_seed(seed)
    generator = keras.Sequential(
        [keras.Input((LATENT,)), layers.Dense(64, activation="relu"), layers.Dense(SIDE * SIDE, activation="tanh")]
    )
    discriminator = keras.Sequential(
        [keras.Input((SIDE * SIDE,)), layers.Dense(64, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    return generator, discriminator


def adam():
    return keras.optimizers.Adam(2e-4, beta_1=0.5)


def old_idiom(generator, discriminator):
    """As it stands in hundreds of repositories."""
    discriminator.compile(loss="binary_crossentropy", optimizer=adam())
    discriminator.trainable = False  # "only for the combined model"
    z = keras.Input((LATENT,))
    combined = keras.Model(z, discriminator(generator(z)))
    combined.compile(loss="binary_crossentropy", optimizer=adam())
    return combined


def moved(network, before):
    return max(float(np.abs(a - b).max()) for a, b in zip(network.get_weights(), before, strict=True))


# %% [markdown]
# In Keras 2 `compile` remembered which weights were trainable *then*. The discriminator, compiled before it was frozen,
# went on learning, and the combined model, compiled after, left it alone.
#
# Keras 3 looks at `trainable` when it traces the training function, at the first `train_on_batch`. By then the
# discriminator is frozen:

# %%
rng = np.random.default_rng(0)
real = rng.normal(size=(32, SIDE * SIDE)).astype("float32")
generator, discriminator = networks()
combined = old_idiom(generator, discriminator)

before = discriminator.get_weights()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # "The model does not have any trainable weights": the one hint that one gets
    discriminator.train_on_batch(real, np.ones((32, 1)))
frozen = moved(discriminator, before)
print(f"the discriminator's weights moved by {frozen}")

# %% [markdown]
# Not at all. The loop runs, losses are printed, samples change, and the generator learns to please a network that
# never saw an image. The only hint is one warning on stderr.
#
# The opposite happens, too. If the *combined* model is traced while the discriminator happens to be trainable, the
# generator's step moves the discriminator, towards taking samples for real:

# %%
generator, discriminator = networks()
combined = old_idiom(generator, discriminator)
discriminator.trainable = True
before = discriminator.get_weights()
combined.train_on_batch(rng.uniform(size=(32, LATENT)), np.ones((32, 1)))
leaked = moved(discriminator, before)
print(f"a step of the generator moved the discriminator by {leaked:.1e}")

# %% [markdown]
# ## The same update, three times
#
# Freezing is not needed where each player's gradients are taken for that player's weights alone. That is what
# `minimize` does in this suite, and the GAN's step reads like the paper's algorithm 1:

# %%
sources(gan.GAN.discriminator_loss, gan.GAN.generator_loss, gan.GAN.train_step, tfgans.adversarial.Adversarial.minimize)

# %% [markdown]
# The old loop still works if each function is traced in the right state: the discriminator's *before* it is frozen,
# the combined one's after. Half a batch of ones and half a batch of zeros in one call is the mean of both losses, which
# is the paper's loss halved.


# %%
def twins():
    """Two GANs with equal weights and an equal stream of noise, without dropout."""
    found = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        settings = dict(image_shape=(SIDE, SIDE, 1), latent_dim=LATENT, generator_width=64, discriminator_width=16)
        model = gan.GAN(**settings, dropout=0.0, seed=0)
        model.compile(g_optimizer=adam(), d_optimizer=adam())
        found.append(model)
    return found


ours, theirs = twins()
bce = keras.losses.BinaryCrossentropy(from_logits=True)


def noise(n):
    return keras.random.uniform((n, LATENT), -1.0, 1.0, seed=theirs.seed_generator)


batches = [rng.uniform(-1, 1, (32, SIDE, SIDE, 1)).astype("float32") for _ in range(3 if SMOKE else 20)]

start = {net: getattr(ours, net).get_weights() for net in ("generator", "discriminator")}
theirs.discriminator.compile(loss=bce, optimizer=adam())
z = keras.Input((LATENT,))
combined = keras.Model(z, theirs.discriminator(theirs.generator(z)))
gaps = []
for step, images in enumerate(batches):
    theirs.discriminator.trainable = True
    samples = theirs.generator.predict(noise(32), verbose=0)
    half = np.concatenate([np.ones((32, 1)), np.zeros((32, 1))])
    theirs.discriminator.train_on_batch(np.concatenate([images, samples]), half)

    theirs.discriminator.trainable = False
    if step == 0:  # compiled once: a new compile would forget Adam's moments
        combined.compile(loss=bce, optimizer=adam())
    combined.train_on_batch(noise(32), np.ones((32, 1)))

    ours.train_step({"image": keras.ops.convert_to_tensor(images)})
    theirs.discriminator.trainable = True
    gaps.append(max(moved(getattr(ours, net), getattr(theirs, net).get_weights()) for net in start))

changed = min(moved(getattr(ours, net), before) for net, before in start.items())
print(f"after {len(batches)} steps weights of both networks have moved by {changed:.1e} and more")
print(f"and the largest difference between the two ways is {gaps[-1]:.1e}, a rounding error")

# %%
figure, axes = plt.subplots(figsize=(6, 2.5))
axes.semilogy(range(1, len(gaps) + 1), np.maximum(gaps, 1e-9), marker="o")
axes.axhline(1e-6, color="gray", linestyle=":")
axes.set(xlabel="step", ylabel="largest difference", title="train_step and train_on_batch")
finish(figure, folder / "gaps.png")

# %% [markdown]
# ## `add_loss`, and a model that is its own loss
#
# The survey page has a third form: a model whose loss is computed inside, by `add_loss`, and which is compiled with
# `loss=None`. In Keras 3 `add_loss` belongs into a layer's `call`. The number is the same.


# %%
class DiscriminatorLoss(layers.Layer):
    def call(self, logits):
        on_real, on_fake = logits
        self.add_loss((bce(keras.ops.ones_like(on_real), on_real) + bce(keras.ops.zeros_like(on_fake), on_fake)) / 2)
        return on_real


x_in, fake_in = keras.Input((SIDE, SIDE, 1)), keras.Input((SIDE, SIDE, 1))
judged = DiscriminatorLoss()([theirs.discriminator(x_in), theirs.discriminator(fake_in)])
alone = keras.Model([x_in, fake_in], judged)
alone.compile(loss=None, optimizer=adam())
samples = theirs.generator.predict(noise(32), verbose=0)
on_real, on_fake = theirs.discriminator(batches[0]), theirs.discriminator(samples)
by_hand = float((bce(np.ones((32, 1)), on_real) + bce(np.zeros((32, 1)), on_fake)) / 2)
by_add_loss = float(np.ravel(alone.train_on_batch([batches[0], samples]))[0])
print(f"by hand {by_hand:.6f}, by add_loss {by_add_loss:.6f}")

# %% [markdown]
# Why, then, a `train_step`? It needs no order of calls and no flag that must be right at a certain moment; the whole
# step is one graph, in which the generator's samples can serve both players; and it reads like the paper.

# %%
verdicts("00_keras_idioms")
