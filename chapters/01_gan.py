# %% [markdown]
# # 1. The GAN: a forger and a detective
#
# Ian Goodfellow and his colleagues asked in 2014 how a network could learn to *draw*: not to say what is in a
# picture, but to make new pictures that could have come from the same pile. Writing down the probability of a
# picture is hard. Their way around it is a game between two networks.
#
# * The **generator** $G$ is a forger. It is given random numbers $z$ and turns them into an image $G(z)$. It never
#   sees a real image.
# * The **discriminator** $D$ is a detective. It is given an image, a real one or a forged one, and says how likely
#   it is to be real: $D(x)$ between 0 and 1.
#
# The detective learns from both piles; the forger learns from the detective. When neither gets better any more, the
# forgeries are as good as the real thing, and $D$ can only guess: $D(x) = \tfrac12$. In one formula (equation 1):
#
# $$\min_G \max_D \; \mathbb{E}_{x \sim p_{\text{data}}}[\log D(x)] + \mathbb{E}_{z \sim p_z}[\log(1 - D(G(z)))]$$
#
# The latent vector $z$ has no meaning at first. The game gives it one: similar $z$ come to mean similar digits.

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import tfgans
from tfgans import data, metrics
from tfgans.models import gan
from tfgans.reports.notebook import SMOKE, curves, finish, new_folder, over_time, results, show, sources, verdicts

folder = new_folder("01_gan")
digits = data.load("mnist5k", "train")  # 4,500 digits that come with an installed package: nothing to download
real = digits.images.astype(np.float32) / 255
show(real[:50], folder / "real.png", title="real digits")

# %% [markdown]
# ## Two networks
#
# In 2014 both were multilayer perceptrons: every pixel is connected with everything, and nothing tells the networks
# that neighbouring pixels belong together. What you see here is the source that the suite runs, not a copy of it.

# %%
sources(gan.build_generator, gan.build_discriminator)

# %% [markdown]
# The discriminator's hidden units are *maxout* units: each is the largest of five linear functions, and so learns
# its own bent activation function. Dropout keeps the detective from learning the real digits by heart. Its
# last layer gives a *logit*, $D = \text{sigmoid}(\text{logit})$: cross-entropy can be computed from logits without
# rounding to $\log 0$.

# %%
model = gan.GAN()
for network in (model.generator, model.discriminator):
    print(
        f"{network.name:14} {network.count_params():>10,} parameters, {network.input_shape} -> {network.output_shape}"
    )

# %% [markdown]
# ## Two losses
#
# The detective's loss is ordinary cross-entropy: real images are to be called 1, forged ones 0. For the forger the
# formula says: minimize $\log(1 - D(G(z)))$. But at the start every forgery is recognized, $D(G(z)) \approx 0$, and
# there that curve is flat: the forger learns nothing just when it has most to learn. So section 3 of the paper
# turns it round: maximize $\log D(G(z))$. The goal is the same and the slope is steep where it is needed.

# %%
d = np.linspace(0.01, 0.99, 99)
figure, axes = plt.subplots(figsize=(5, 3))
axes.plot(d, np.log(1 - d), label="log(1 - D(G(z))): flat where D(G(z)) is small")
axes.plot(d, -np.log(d), label="-log D(G(z)): steep there")
axes.set(xlabel="D(G(z))", ylabel="the generator's loss")
axes.legend(frameon=False)
finish(figure, folder / "losses_of_the_generator.png")
sources(gan.GAN.discriminator_loss, gan.GAN.generator_loss)

# %% [markdown]
# ## One step of the game
#
# Algorithm 1 of the paper: $k$ steps of the discriminator, one of the generator; $k = 1$ there and here. `minimize`
# moves only the weights of the player it is given, with that player's own optimizer.

# %%
sources(gan.GAN.train_step)

# %% [markdown]
# ## Training
#
# A short one: it shows the game within a few minutes on two cores. The full recipe is `tfgans train gan`.

# %%
small = dict(generator_width=32, discriminator_width=8) if SMOKE else {}
run = tfgans.train(
    "gan",
    dataset="mnist5k",
    steps=4 if SMOKE else 3_000,
    **small,
    run=folder / "run",
    precision="float32",
    jit="off",
)
over_time(run, folder / "over_time.png")

# %% [markdown]
# The same 100 latents at each of these moments. First comes the rough place of the ink, then strokes, then digits.
#
# The losses of a GAN do not fall to zero, and should not: they are a score between two players who both get better.
# If the detective could only guess, both would be at $\log 2 \approx 0.69$. A rising loss of the generator does not
# mean worse pictures: perhaps the detective has become stricter.

# %%
curves({"GAN on mnist5k": run}, folder / "curves.png")

# %% [markdown]
# ## Walking through the latent space
#
# Each row goes in a straight line from one latent to another. If the generator had only learned some digits by
# heart, the picture would stay the same and then jump. Where it has understood how digits vary, it bends one into
# the other.

# %%
trained = run.load(run.latest())
ends = tf.random.stateless_uniform((2, 5, 1, trained.latent_dim), (0, 0), -1.0, 1.0)
way = tf.linspace(0.0, 1.0, 10)[None, :, None]
z = tf.reshape((1 - way) * ends[0] + way * ends[1], (50, -1))
show((trained.generator(z, training=False).numpy() + 1) / 2, folder / "walk.png", title="from one latent to another")

# %% [markdown]
# Is a sample perhaps just a copy? Above: samples. Below each one: the real digit that is nearest to it, pixel by
# pixel. (The paper does the same in the last column of its figure 2.)

# %%
samples = trained.sample(tf.constant(10), tf.constant(1)).numpy()
near = metrics.nearest_neighbours(samples.reshape(10, -1), real.reshape(len(real), -1))
show(np.concatenate([samples, real[near.indices[:, 0]]]), folder / "nearest.png", title="samples, and what is nearest")

# %% [markdown]
# ## The full training
#
# Numbers from its card, which `tfgans evaluate` wrote. The Fréchet distance compares a classifier's features of samples
# and of test images; its *floor* is the same score for real training images. Precision is the share of samples that
# look like real digits, recall the share of real digits that the samples cover.

# %%
results("gan-mnist", folder)

# %% [markdown]
# ## What the paper says, and what was measured
#
# The paper reports 225 ± 2 nats of log-likelihood on MNIST, estimated with Parzen windows. That number cannot be
# compared here, and is not: the method was later shown to rank models wrongly (Theis et al., arXiv:1511.01844); a
# model that only stores cluster centres beats the data themselves. What can be tested is the point of figure 2.

# %%
verdicts("01_gan")

# %% [markdown]
# The weak spot is in the networks: a perceptron does not know what a neighbouring pixel is, and its digits have
# specks and frayed edges. The next chapter changes nothing about the game and everything about the networks.
