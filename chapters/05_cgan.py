# %% [markdown]
# # 5. The conditional GAN: digits on demand
#
# A GAN draws what it likes. Which $z$ gives a seven? Nobody knows before trying. Mirza and Osindero (2014) found the
# simplest remedy: tell both players the label $y$.
#
# * The forger gets $z$ *and* $y$: "draw a seven". What is left for $z$ to decide is slant, weight, size: the style.
# * The detective gets the image *and* $y$: "is this a real seven?" A beautiful three with the label 7 is a forgery.
#
# The second part makes it work. If only the forger knew the label, nothing would reward it for obeying. The formula
# is that of chapter 1 with a condition (equation 2):
#
# $$\min_G \max_D \; \mathbb{E}_{x, y}[\log D(x \mid y)] + \mathbb{E}_{z, y}[\log(1 - D(G(z \mid y) \mid y))]$$

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import tfgans
from tfgans import data, metrics
from tfgans.models import cgan
from tfgans.reports.notebook import SMOKE, curves, finish, new_folder, over_time, results, show, sources, verdicts

folder = new_folder("05_cgan")
digits = data.load("mnist5k", "train")
real = digits.images.astype(np.float32) / 255
print("an image and its label:", digits.images[7].shape, digits.labels[7])

# %% [markdown]
# ## The networks
#
# A label is not a quantity: 8 is not twice 4. It enters as a *one-hot* vector, ten numbers of which one is 1. Noise
# and label go through layers of their own and then meet in a joint layer. The label is given five times as many
# units as the noise, as in section 4.1. In the discriminator, image and label meet in the same way.

# %%
sources(cgan.build_generator, cgan.build_discriminator)

# %% [markdown]
# ## Losses and step
#
# Compare with chapter 1: the label is passed along, nothing else. Note what the discriminator does *not* learn
# here: it never sees a real image with a wrong label. It has to notice by itself that real images and labels agree.

# %%
sources(cgan.CGAN.discriminator_loss, cgan.CGAN.generator_loss, cgan.CGAN.train_step)

# %% [markdown]
# ## Training
#
# The full recipe is `tfgans train cgan`. In the pictures each column is a label, each row has noise of its own.

# %%
small = dict(generator_width=36, discriminator_width=10) if SMOKE else {}
run = tfgans.train(
    "cgan",
    dataset="mnist5k",
    steps=4 if SMOKE else 3_000,
    **small,
    run=folder / "run",
    precision="float32",
    jit="off",
)
over_time(run, folder / "over_time.png")
curves({"cGAN on mnist5k": run}, folder / "curves.png")

# %% [markdown]
# ## One noise, ten labels
#
# Each row keeps its $z$, each column its label. If $z$ had come to mean style, the digits of a row would be written
# by the same hand. In the rows of the second picture the label stays and the noise walks from one end to another.

# %%
trained = run.load(run.latest())
labels = tf.tile(tf.range(10), [5])
z = tf.random.stateless_uniform((2, 5, trained.latent_dim), (0, 0), -1.0, 1.0)
same = tf.repeat(z[0], 10, axis=0)
show((trained.generator([same, labels], training=False).numpy() + 1) / 2, folder / "styles.png", title="a style a row")
way = tf.linspace(0.0, 1.0, 10)[None, :, None]
walk = tf.reshape((1 - way) * z[0][:, None] + way * z[1][:, None], (50, -1))
fives = trained.generator([walk, tf.fill([50], 5)], training=False).numpy()
show((fives + 1) / 2, folder / "walk.png", title="five walks through the fives")

# %% [markdown]
# ## Does it obey?
#
# This needs no trained judge: look up the nearest real digit of each sample, and its label. Rows are labels that were
# asked for, columns labels that were found. An obedient generator has a bright diagonal.

# %%
asked = np.tile(np.arange(10, dtype=np.int32), 20 if SMOKE else 100)
samples = trained.sample(tf.constant(asked), tf.constant(1)).numpy()
near = metrics.nearest_neighbours(samples.reshape(len(asked), -1), real.reshape(len(real), -1))
found = digits.labels[near.indices[:, 0]]
table = np.zeros((10, 10), int)
np.add.at(table, (asked, found), 1)
print(f"the nearest real digit has the label asked for in {100 * np.mean(asked == found):.1f}% of the samples")
figure, axes = plt.subplots(figsize=(4, 4))
axes.imshow(table)
axes.set(xlabel="label of the nearest real digit", ylabel="label asked for", xticks=range(10), yticks=range(10))
finish(figure, folder / "obeys.png")

# %% [markdown]
# ## The full training
#
# Here a classifier labels the samples: see "label accuracy".

# %%
results("cgan-mnist", folder)

# %% [markdown]
# ## What the paper says, and what was measured
#
# Table 1 of the paper gives 132 ± 1.8 nats by Parzen windows, *less* than the 225 of the unconditional GAN; the
# authors call their results a proof of concept. As in chapter 1 that number is not computed here, because the
# method is unreliable. What the abstract claims, digits conditioned on class labels, can be tested.

# %%
verdicts("05_cgan")

# %% [markdown]
# Is a GAN with labels also safe from *mode collapse*, from drawing the same digit again and again?
# Chapter 6 tests a report that says so.
