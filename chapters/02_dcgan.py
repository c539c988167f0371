# %% [markdown]
# # 2. The DCGAN: networks that know what a neighbour is
#
# The game of chapter 1 stays as it is: the same two players, the same losses. Radford, Metz and Chintala (2015)
# changed the players. Convolutional networks had long won every contest in *recognizing* images, but whoever put
# them into a GAN found that training broke down. After much trying they wrote down which convolutional networks do
# not break. These guidelines (section 3) are the paper:
#
# | guideline | why |
# |---|---|
# | strided convolutions, no pooling | the networks learn their own way of shrinking and growing |
# | batch normalization in both networks | poorly scaled layers stop learning; it also hinders collapse to one point |
# | ... but not at $G$'s output and $D$'s input | there it made the samples oscillate |
# | no hidden dense layers | position is kept all the way |
# | ReLU in $G$, tanh at its end | images live in $[-1, 1]$ |
# | LeakyReLU in $D$ | a gradient comes through even where a unit is off: it is all the generator learns from |
#
# A *transposed* convolution is a convolution run backwards. With stride 2, each pixel of a small map paints a 4×4
# patch of a map that is twice as large, and where patches overlap they add up:
#
# $$z \in \mathbb{R}^{100} \;\to\; 7 \times 7 \times c_2 \;\to\; 14 \times 14 \times c_1 \;\to\; 28 \times 28 \times 1$$

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import numpy as np
import tensorflow as tf

import tfgans
from tfgans import data
from tfgans.models import dcgan
from tfgans.reports.notebook import SMOKE, curves, new_folder, over_time, results, show, sources, verdicts

folder = new_folder("02_dcgan")
real = data.load("mnist5k", "train").images.astype(np.float32) / 255
show(real[:50], folder / "real.png", title="real digits")

# %% [markdown]
# ## The networks
#
# `halvings` counts how often the image's sides halve until about 7 pixels are left: twice for 28.

# %%
sources(dcgan.build_generator, dcgan.build_discriminator)
small = {"width": 8} if SMOKE else {"width": 32}
model = dcgan.DCGAN(**small)
for network in (model.generator, model.discriminator):
    print(f"\n{network.name}: {network.count_params():,} parameters")
    for layer in network.layers:
        print(f"  {type(layer).__name__:20} {layer.output.shape}")

# %% [markdown]
# Kernels are 4×4 with stride 2. The paper's 5×5 does not divide by 2: some pixels of the output would be painted
# over more often than others, which leaves a checkerboard (Odena et al. 2016). Weights start from a normal
# distribution with deviation 0.02, as in the paper's section 4.
#
# ## Losses and step
#
# As in chapter 1. One thing to notice: real and forged images go through the discriminator as two batches,
# not as one. Batch normalization subtracts the mean of a batch; were they mixed, each image's value would give away
# how many of the others are forged.

# %%
sources(dcgan.DCGAN.discriminator_loss, dcgan.DCGAN.generator_loss, dcgan.DCGAN.train_step)

# %% [markdown]
# ## Training
#
# Adam with a learning rate of 0.0002 and $\beta_1 = 0.5$: the paper found the usual 0.001 too high, and with the
# usual 0.9 training oscillated. The full recipe is `tfgans train dcgan`; there the learning rates fall to zero over
# the second half, which calms the last steps of the game.

# %%
run = tfgans.train(
    "dcgan",
    dataset="mnist5k",
    steps=4 if SMOKE else 1_500,
    **small,
    run=folder / "run",
    precision="float32",
    jit="off",
)
over_time(run, folder / "over_time.png")

# %% [markdown]
# Compare the strokes with those of chapter 1: here they hold together, because a kernel paints a piece of stroke
# wherever it is needed, instead of learning every position anew.

# %%
curves({"DCGAN on mnist5k": run}, folder / "curves.png")

# %% [markdown]
# ## Walking through the latent space
#
# The paper's section 6.1. Points of a high-dimensional normal distribution lie near a sphere; a straight line cuts
# through its empty inside, where the generator was never trained. So the walk goes along an arc:
#
# $$z(t) = \cos(t)\, a + \sin(t)\, b, \qquad 0 \le t \le \pi / 2$$

# %%
trained = run.load(run.latest())
a, b = tf.random.stateless_normal((2, 5, 1, trained.latent_dim), (0, 0))
t = tf.linspace(0.0, np.pi / 2, 10)[None, :, None]
z = tf.reshape(tf.cos(t) * a + tf.sin(t) * b, (50, -1))
show((trained.generator(z, training=False).numpy() + 1) / 2, folder / "walk.png", title="along an arc")

# %% [markdown]
# ## The full training
#
# Side by side with the GAN of chapter 1, under the same protocol.

# %%
results("gan-mnist", folder)
results("dcgan-mnist", folder)

# %% [markdown]
# ## What the sources say, and what was measured
#
# The paper shows that training is stable and what the latent space is like, and gives hardly any number that MNIST
# could be compared with. Surveys sum it up as "DCGAN greatly improves a GAN's stability and results". Both halves
# can be tested: results by the Fréchet distance, stability by how much it differs from one training seed to the
# next.

# %%
verdicts("02_dcgan")

# %% [markdown]
# These guidelines were found by trying, for these losses. Chapter 6 comes back to this network with less fortunate
# settings. And one wish is left: to say *which* digit. That is chapter 5.
