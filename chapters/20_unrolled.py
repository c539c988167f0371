# %% [markdown]
# # 20. The unrolled GAN: think before you move
#
# Why does a generator collapse? Take chapter 1's game, and suppose that the discriminator has found out that samples
# near one mode look real. The generator's best answer to *this* discriminator is to put **all** samples there. Then the
# discriminator learns that too much of that mode is fake, and the generator moves all samples to the next one. Neither
# is at fault: each answers the other as it is *now*.
#
# Metz et al. (2016) let the generator think ahead. It is judged not by the discriminator as it is, but as it will be
# after $K$ more of its own updates (equation 7):
#
# $$\theta_D^0 = \theta_D, \qquad \theta_D^{k+1} = \theta_D^k + \eta \frac{d f(\theta_G, \theta_D^k)}{d \theta_D^k},
# \qquad f_K(\theta_G, \theta_D) = f(\theta_G, \theta_D^K(\theta_G, \theta_D))$$
#
# $K = 0$ is the GAN of chapter 1. With $K > 0$ the gradient has two parts: how the samples fool that later
# discriminator, and how the samples *change* it (equation 9). The second is the foresight: whoever puts all samples on
# one mode sees the discriminator turn against it.

# %%
import statistics

import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import matplotlib.pyplot as plt

import tfgans
from tfgans import data
from tfgans.data.points import MIXTURES
from tfgans.metrics import mode_coverage
from tfgans.models import unrolled
from tfgans.reports.notebook import SMOKE, finish, measured, new_folder, over_time, results, sources, verdicts

folder = new_folder("20_unrolled")

# %% [markdown]
# ## Data whose modes can be seen
#
# Eight narrow Gaussians on a ring. A sample within three standard deviations of one of them counts as good.

# %%
mixture = MIXTURES["gaussians8"]
points = mixture.coordinates((data.load("gaussians8", "train", limit=2_000).images + 1) / 2)
figure, axes = plt.subplots(figsize=(3, 3))
axes.scatter(*points.T, s=2)
axes.set(aspect="equal", title="gaussians8")
finish(figure, folder / "real.png")

# %% [markdown]
# ## Unrolling
#
# The updates of the discriminator are written out, Adam's moments included, so that they can be differentiated. Its own
# weights stay as they are: what the generator imagines does not happen.

# %%
sources(unrolled.UnrolledGAN.unrolled, unrolled.UnrolledGAN.generator_loss, unrolled.UnrolledGAN.train_step)

# %% [markdown]
# ## Training
#
# The same small networks without foresight and with it, for some minutes. Unrolling costs: each of the $K$ updates is
# run forwards and differentiated twice.

# %%
settings = {"steps": 4, "generator_width": 8, "discriminator_width": 8} if SMOKE else {"steps": 8_000}
runs = {
    unroll: tfgans.train(
        "unrolled",
        recipe="gaussians8",
        unroll=unroll,
        **settings,
        run=folder / f"run_{unroll}",
        precision="float32",
        jit="off",
    )
    for unroll in (0, 5)
}
for unroll, run in runs.items():
    print(f"K = {unroll}: {run.config['seconds']:.0f} s")
    over_time(run, folder / f"over_time_{unroll}.png")

# %%
figure, row = plt.subplots(1, 2, figsize=(8, 4), sharex=True, sharey=True)
for axes, (unroll, run) in zip(row, runs.items(), strict=True):
    drawn = mixture.coordinates(run.load(run.latest()).sample(2_000, 1).numpy())
    coverage = mode_coverage(drawn, mixture.means, mixture.sigma)
    axes.scatter(*points.T, s=2, color="lightgray")
    axes.scatter(*drawn.T, s=2)
    axes.set(aspect="equal", title=f"K = {unroll}: {coverage.modes} modes, {100 * coverage.high_quality:.0f}% good")
finish(figure, folder / "samples.png")

# %% [markdown]
# ## The full trainings
#
# The ring without foresight and with ten steps of it; and **stacked MNIST**, three digits in the three colours of an
# image, which makes 1,000 modes to be counted by a judge of digits.

# %%
for name in ("unrolled_plain-gaussians8", "unrolled-gaussians8"):
    results(name, folder)
for k in (0, 1, 5, 10):
    results(f"unrolled_{k}-stacked_mnist", folder)

# %% [markdown]
# How many of the 1,000 modes 25,600 samples cover, beside table 1 of the paper (with a discriminator of a quarter of
# the generator's size). The judge also finds digits in samples that show none, so look at them as well.

# %%
paper = {0: 30.6, 1: 65.4, 5: 236.4, 10: 327.2}
found = {k: measured().get(f"unrolled_{k}-stacked_mnist") for k in paper}
ours = {k: statistics.fmean(card.values("modes")) for k, card in found.items() if card}
figure, axes = plt.subplots(figsize=(5, 3))
for label, modes in (("paper", paper), ("measured here", ours)):
    axes.plot(list(modes), list(modes.values()), marker="o", label=label)
axes.set(xlabel="unrolled steps", ylabel="modes of 1,000", ylim=(0, 1_000))
axes.legend(frameon=False)
axes.grid(alpha=0.3)
finish(figure, folder / "stacked.png")

# %% [markdown]
# ## What the sources say, and what was measured

# %%
verdicts("20_unrolled")
