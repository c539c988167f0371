# %% [markdown]
# # 16. DiscoGAN: one to one
#
# A GAN that translates can cheat. Let all men become the same woman: if she looks real, the discriminator has nothing
# to say. Kim et al. (2017) ask what keeps a translation from that. Two generators are trained at once, each with a
# discriminator of its output, and a point that goes there and back must return. Two points that became the same point
# could not both return, and a point that nothing becomes could not return either. So the relation is one to one.
#
# CycleGAN and DualGAN had the same idea in the same months. What this paper adds is an experiment that shows what the
# second way back is for:
#
# $$L_G = \underbrace{-E \log D_B(G_{AB}(a)) + E\, d(G_{BA}(G_{AB}(a)), a)}_{\text{a GAN with reconstruction}}
# \underbrace{- E \log D_A(G_{BA}(b)) + E\, d(G_{AB}(G_{BA}(b)), b)}_{\text{and the same from the other side}}$$

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import tfgans
from tfgans import data
from tfgans.data.points import MIXTURES
from tfgans.metrics import mode_coverage, source_identified
from tfgans.models import discogan
from tfgans.reports.notebook import SMOKE, finish, new_folder, over_time, results, sources, verdicts

folder = new_folder("16_discogan")

# %% [markdown]
# ## Five modes and ten
#
# As in section 3.1: a has five modes, b has ten. Nobody says which belongs to which. A relation that is one to one has
# to cut each mode of a in two.

# %%
points = {name: data.load(name, "test", limit=2_000) for name in ("gaussians5", "gaussians10")}
figure, row = plt.subplots(1, 2, figsize=(7, 3.5), sharex=True, sharey=True)
for axes, (name, each) in zip(row, points.items(), strict=True):
    plane = MIXTURES[name].coordinates((each.images + 1) / 2)
    axes.scatter(*plane.T, s=2, c=each.labels, cmap="tab10")
    axes.set(aspect="equal", title=name)
finish(figure, folder / "points.png")

# %% [markdown]
# ## Losses and step
#
# For images the authors' code adds two things that the paper does not dwell on. Feature matching compares the
# discriminator's mean features of generated and of real images. And at first the reconstruction hardly counts, so
# that the generators may find out what the other side looks like before they promise to come back.

# %%
sources(discogan.DiscoGAN.fooled, discogan.DiscoGAN.generator_loss, discogan.DiscoGAN.discriminator_loss)
sources(discogan.DiscoGAN.train_step)

# %% [markdown]
# ## No way back, one, and both
#
# The models of figure 2: a GAN from a to b; one that must return from b to a; and DiscoGAN, whose points of b must
# return from a, too. The networks are the same.

# %%
small = {"steps": 4, "width": 8, "discriminator_width": 8, "batch_size": 8} if SMOKE else {}
kinds = {"none": "no reconstruction", "one": "one", "both": "both: DiscoGAN"}
runs = {
    kind: tfgans.train(
        "discogan",
        recipe="gaussians",
        reconstruction=kind,
        **small,
        run=folder / f"run_{kind}",
        precision="float32",
        jit="off",
    )
    for kind in kinds
}
over_time(runs["both"], folder / "over_time.png", shown=3)

# %% [markdown]
# In each picture above: a, a as b, and a back again; below, b, b as a, and b back again. Colours show where a point
# began.
#
# ## What becomes of a
#
# A discriminator of single points sees whether each lies where real ones do. It does not see that modes are missing, so
# a GAN without the second way back reaches half of them, one for each mode of a. Points of b that nothing becomes have
# no way to return: that is what the second reconstruction punishes.

# %%
given, target = points["gaussians5"], MIXTURES["gaussians10"]
real = target.coordinates((points["gaussians10"].images + 1) / 2)
figure, row = plt.subplots(1, 3, figsize=(11, 4), sharex=True, sharey=True)
for axes, (kind, name) in zip(row, kinds.items(), strict=True):
    model = runs[kind].load(runs[kind].latest())
    made = model.a_to_b(tf.constant((given.images + 1) / 2)).numpy()
    plane = target.coordinates(made)
    found = mode_coverage(plane, target.means, target.sigma)
    identified = source_identified(found.nearest, given.labels)
    axes.scatter(*real.T, s=2, color="lightgray")
    axes.scatter(*plane.T, s=2, c=given.labels, cmap="tab10")
    axes.set(aspect="equal", title=f"{name}\n{found.modes} modes, {100 * found.high_quality:.0f}% within 3 sigma")
    back = np.abs(model.b_to_a(tf.constant(made)).numpy() - (given.images + 1) / 2).mean()
    print(f"{name:20} the source of {100 * identified:.0f}% of the points is identified; L1 there and back {back:.4f}")
finish(figure, folder / "a_as_b.png")

# %% [markdown]
# In the paper's figure 4 the GANs without the second way back also map different modes of a to the same mode of b. Here
# their modes stay apart.
#
# ## The full trainings

# %%
for name in ("discogan-gaussians", "discogan_one-gaussians", "discogan_none-gaussians"):
    results(name, folder)
for name in ("discogan-horse2zebra", "discogan-emoji", "discogan-facades"):
    results(name, folder)

# %% [markdown]
# ## What the paper says, and what was measured

# %%
verdicts("16_discogan")
