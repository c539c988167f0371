# %% [markdown]
# # 7. The InfoGAN: codes that nobody explained
#
# The CGAN of chapter 5 was *told* what a digit is. Can a GAN find out by itself? Nothing in the game of chapter 1 asks
# that a number in $z$ mean anything: the generator may use its noise in as tangled a way as it likes.
#
# Chen et al. (2016) give the generator some extra inputs $c$, the **codes**: one category out of ten, and two numbers
# in $[-1, 1]$. And they demand that one can tell from the image which codes it was made with: the *mutual information*
# $I(c; G(z, c))$ should be large. It cannot be computed, but anybody who tries to read the codes from images, a network
# $Q$, gives a lower bound (equation 5):
#
# $$I(c; G(z, c)) \ge L_I(G, Q) = E[\log Q(c \mid x)] + H(c)$$
#
# The game becomes $\min_{G, Q} \max_D V(D, G) - \lambda L_I(G, Q)$ (equation 6). No label is used anywhere. If the ten
# categories become the ten digits, it is because ten kinds of digits are the easiest to draw, and to read.

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import numpy as np
import tensorflow as tf

import tfgans
from tfgans import data, metrics
from tfgans.models import infogan
from tfgans.reports.notebook import SMOKE, curves, new_folder, over_time, results, show, sources, verdicts

folder = new_folder("07_infogan")

# %% [markdown]
# ## The networks
#
# $Q$ and the discriminator share all layers but the last, the *trunk*: knowing what digits look like helps both.

# %%
sources(infogan.build_trunk, infogan.build_discriminator, infogan.build_recognition)

# %% [markdown]
# ## The information
#
# For the category, $Q$ is a softmax, and $\log Q$ its cross-entropy. For the numbers it is a Gaussian: a squared error.
# $L_I$ is at most $H(c)$, log 10 = 2.30 nats for the category; at that value, every category can be read.
#
# As it stands, $L_I$ has a loophole: $Q$ sees every pixel exactly, and can read a number from a detail that nobody
# would notice. So here, unlike in the paper, $Q$ reads images with noise: a code must be visible to be read.

# %%
sources(infogan.InfoGAN.generate, infogan.InfoGAN.read_from, infogan.InfoGAN.information_loss)
sources(infogan.InfoGAN.train_step)

# %% [markdown]
# ## Training
#
# On 4,500 digits, for a few minutes; the full training is `tfgans train infogan`.

# %%
small = {"width": 8, "dense_width": 32} if SMOKE else {"width": 32, "dense_width": 256}
run = tfgans.train(
    "infogan",
    dataset="mnist5k",
    steps=4 if SMOKE else 1_500,
    **small,
    run=folder / "run",
    precision="float32",
    jit="off",
)
over_time(run, folder / "over_time.png")
curves({"InfoGAN on mnist5k": run}, folder / "curves.png")
print(f"information about the category: {run.read_history()[-1]['category_information']:.2f} of {np.log(10):.2f} nats")

# %% [markdown]
# ## What do the categories mean?
#
# A column per category. Nobody named them, so we may: each category gets the digit that suits it best, no digit twice
# (the best assignment). Then $Q$ is a classifier of digits that never saw a label.

# %%
trained = run.load(run.latest())
columns = np.tile(np.eye(10, dtype=np.float32), (10, 1))
codes = np.concatenate([columns, np.zeros((100, 2), np.float32)], axis=1)
show(
    trained.sample(tf.constant(codes), tf.constant(0)).numpy(), folder / "categories.png", title="a column per category"
)
test = data.load("mnist5k", "test")
read = trained.recognize(tf.constant(test.images.astype(np.float32) / 255)).numpy()
print(
    f"{100 * metrics.category_accuracy(read, test.labels):.1f}% of real test digits are in the category of their class"
)

# %% [markdown]
# ## What do the numbers mean?
#
# The same noise in each column, one of the continuous codes from -2 to 2 down the rows (in training it was -1 to 1).

# %%
for k in range(2):
    codes = np.concatenate([columns, np.zeros((100, 2), np.float32)], axis=1)
    codes[:, 10 + k] = np.repeat(np.linspace(-2, 2, 10), 10)
    images = trained.sample(tf.constant(codes), tf.constant(3)).numpy()
    show(images, folder / f"code_{k}.png", title=f"continuous code {k}, from -2 (top) to 2")

# %% [markdown]
# Turning, thickening and widening can be measured: the slope of a digit's centre line, its ink, how far its ink lies
# from that line.

# %%
rng = np.random.default_rng(0)
drawn = np.concatenate([np.tile(columns, (4, 1)), rng.uniform(-1, 1, (400, 2)).astype(np.float32)], axis=1)
images = trained.sample(tf.constant(drawn), tf.constant(1)).numpy()
for name, values in metrics.code_effects(drawn[:, 10:], drawn[:, :10].argmax(axis=1), images).items():
    print(f"{name:9} rank correlation with the two codes: {values[0]:+.2f} {values[1]:+.2f}")

# %% [markdown]
# ## The full training

# %%
results("infogan-mnist", folder)

# %% [markdown]
# ## What the sources say, and what was measured

# %%
verdicts("07_infogan")
