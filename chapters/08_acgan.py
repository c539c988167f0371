# %% [markdown]
# # 8. The ACGAN: a discriminator that also names what it sees
#
# The CGAN of chapter 5 shows its discriminator the label, and hopes that it compares. Odena, Olah and Shlens (2016)
# turn that round: the discriminator is not shown the label, it has to *say* it. A second output, the **auxiliary
# classifier**, gives the class of the image, real or not, and both players are paid when it is right:
#
# $$L_S = E[\log P(\text{real} \mid x)] + E[\log P(\text{fake} \mid G(c, z))] \qquad
# L_C = E[\log P(c \mid x)] + E[\log P(c \mid G(c, z))]$$
#
# The discriminator maximizes $L_S + L_C$, the generator $L_C - L_S$ (equations 2 and 3). What the generator gains from
# $L_C$ is that its images are easily *classified*. Is that all one wants of a 7? A generator that draws the one most
# 7-like 7 there is, every time, is paid in full. The paper looks for that, with a measure of how alike the images of a
# class are. So do we, below.

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import numpy as np
import tensorflow as tf

import tfgans
from tfgans import data, metrics
from tfgans.models import acgan
from tfgans.reports.notebook import SMOKE, curves, new_folder, over_time, results, show, sources, verdicts

folder = new_folder("08_acgan")

# %% [markdown]
# ## Networks and losses

# %%
sources(acgan.build_generator, acgan.build_discriminator, acgan.ACGAN.discriminator_loss, acgan.ACGAN.generator_loss)

# %% [markdown]
# ## Another reading
#
# A survey (and much code on the web) has an ACGAN that differs in two places: the noise is *multiplied* by a learned
# embedding of the label, and the classifier has one class more, for generated images. In the suite that is the recipe
# `mnist_survey`, the arguments `embed` and `fake_class` of the functions above. We train both, for a few minutes.

# %%
sources(acgan.ACGAN.train_step)
common = dict(dataset="mnist5k", precision="float32", jit="off")
settings = {"steps": 4, "width": 8} if SMOKE else {"steps": 1_200, "width": 32}
runs = {
    "paper": tfgans.train("acgan", run=folder / "paper", **settings, **common),
    "survey": tfgans.train("acgan", recipe="mnist_survey", run=folder / "survey", **settings, **common),
}
curves(runs, folder / "curves.png")
asked = np.tile(np.arange(10, dtype=np.int32), 20)
samples = {}
for name, run in runs.items():
    over_time(run, folder / f"over_time_{name}.png")
    samples[name] = run.load(run.latest()).sample(tf.constant(asked), tf.constant(1)).numpy()
    show(samples[name][:50], folder / f"samples_{name}.png", title=f"{name}: a column per label")

# %% [markdown]
# ## Are the images of a class alike?
#
# The paper's measure: the multi-scale structural similarity of pairs of images of one class, 1 if they are the same.
# Real digits are a bar to hold it against: a 1 is much like another 1.

# %%
test = data.load("mnist5k", "test")
alike = {"real": metrics.ms_ssim_within(test.images, test.labels)}
alike |= {name: metrics.ms_ssim_within(images, asked) for name, images in samples.items()}
print("class   " + "".join(f"{c:7d}" for c in range(10)))
for name, values in alike.items():
    print(f"{name:8}" + "".join(f"{v:7.2f}" for v in values))

# %% [markdown]
# ## The full trainings

# %%
results("acgan-mnist", folder)
results("acgan_survey-mnist", folder)

# %% [markdown]
# ## What the sources say, and what was measured

# %%
verdicts("08_acgan")
