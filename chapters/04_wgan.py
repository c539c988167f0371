# %% [markdown]
# # 4. The WGAN: a loss that means something
#
# The losses of chapters 1 to 3 do not show whether samples got better, only who is ahead. And the better the
# discriminator, the less it teaches. If it separates all samples from all images, the two distributions do not overlap
# for it, and the Jensen-Shannon divergence, which the game minimizes, is the same constant, log 2, whether the samples
# are close to the images or far away.
#
# Arjovsky, Chintala and Bottou (2017) ask for another distance: how much "earth" has to be moved how far to turn one
# distribution into the other. It falls as samples come nearer, overlap or not. By the Kantorovich-Rubinstein duality
# it is
#
# $$W(P_r, P_g) = \sup_{\|f\|_L \le 1} E_{x \sim P_r}[f(x)] - E_{x \sim P_g}[f(x)]$$
#
# over all functions $f$ whose slope is at most 1 everywhere. So a network is trained to be that $f$. It does not say
# "real" or "fake"; it gives numbers, and is called a **critic**.
#
# How does one bound the slope of a network? The WGAN clips each weight to $[-0.01, 0.01]$ after every step ("clearly a
# terrible way to enforce a Lipschitz constraint", the authors say). Gulrajani et al. (2017) penalize the slope itself:
# at points between images and samples, its distance from 1 is added to the loss:
#
# $$L = E[f(G(z))] - E[f(x)] + \lambda\, E_{\hat x}\left[(\|\nabla_{\hat x} f(\hat x)\| - 1)^2\right]$$

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

import tfgans
from tfgans.evaluation.loss_vs_quality import QUALITY, read_quality
from tfgans.models import wgan, wgan_gp
from tfgans.reports.notebook import SMOKE, finish, kept, measured, new_folder, over_time, results, sources, verdicts

folder = new_folder("04_wgan")

# %% [markdown]
# ## An earth mover and a divergence
#
# Two heaps of sand, one of them moved aside. The divergence of the original game does not notice until they touch.

# %%
grid = np.linspace(-10, 10, 4001)
step = grid[1] - grid[0]


def heap(at):
    density = np.exp(-((grid - at) ** 2) / 0.18)
    return density / density.sum() / step


def js(p, q):
    middle = (p + q) / 2
    parts = [np.where(x > 1e-30, x * np.log(np.maximum(x, 1e-30) / np.maximum(middle, 1e-30)), 0) for x in (p, q)]
    return step * (parts[0].sum() + parts[1].sum()) / 2


def earth(p, q):
    return step * np.abs(np.cumsum(p - q) * step).sum()


moves = np.linspace(-6, 6, 121)
distances = {
    "Jensen-Shannon": [js(heap(0), heap(m)) for m in moves],
    "Wasserstein": [earth(heap(0), heap(m)) for m in moves],
}
figure, row = plt.subplots(1, 2, figsize=(10, 2.8))
for axes, (name, values) in zip(row, distances.items(), strict=True):
    axes.plot(moves, values)
    axes.set(title=name, xlabel="moved by")
    axes.grid(alpha=0.3)
finish(figure, folder / "distances.png")

# %% [markdown]
# ## The critic, clipped
#
# The generator is the DCGAN's of chapter 2. The critic is trained *well*: five steps, each on fresh images, for one of
# the generator, because its estimate is only a distance once it is near the supremum. According to the paper, momentum
# disturbed that; hence RMSprop, with the small rate of 0.00005.

# %%
sources(
    wgan.build_critic, wgan.WGAN.critic_loss, wgan.WGAN.generator_loss, wgan.WGAN.clip_weights, wgan.WGAN.train_step
)

# %% [markdown]
# ## The critic, with a penalty
#
# Now the loss contains a gradient, and is itself differentiated: twice the work. Batch normalization has to leave the
# critic, because with it the slope at one image would depend on the other images of the batch.

# %%
sources(wgan_gp.build_critic, wgan_gp.WGANGP.critic_loss, wgan_gp.WGANGP.slope_loss)

# %% [markdown]
# ## Training
#
# A short one of each, to see the estimate fall; the full ones are `tfgans train wgan` and `tfgans train wgan_gp`.

# %%
settings = {"steps": 4, "width": 8} if SMOKE else {"steps": 600, "width": 16}
common = dict(dataset="mnist5k", precision="float32", jit="off")
runs = {
    "clipped": tfgans.train("wgan", run=folder / "wgan", **settings, **common),
    "penalty": tfgans.train("wgan_gp", run=folder / "wgan_gp", **settings, **common),
}
for name, run in runs.items():
    over_time(run, folder / f"over_time_{name}.png")

# %%
figure, row = plt.subplots(1, 2, figsize=(10, 3))
for axes, (name, run) in zip(row, runs.items(), strict=True):
    rows = run.read_history()
    axes.plot([r["step"] for r in rows], [r["distance"] for r in rows])
    axes.set(title=f"the critic's estimate, {name}", xlabel="step")
    axes.grid(alpha=0.3)
finish(figure, folder / "estimates.png")

# %% [markdown]
# The scales differ: the slope of a clipped critic is some unknown number, and its estimate is that multiple of the
# distance. Early on an estimate may rise: the critic itself is still learning.
#
# ## The full trainings: does the loss show how good the samples are?
#
# Samples of every checkpoint of the full trainings were measured. Here is the critic's estimate against their Fréchet
# distance:

# %%
folders = {name: kept(name, QUALITY) for name in ("wgan-mnist", "wgan_gp-mnist")}
figure, row = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
for axes, (name, place) in zip(row, folders.items(), strict=True):
    axes.set(title=name, xlabel="the critic's estimate", ylabel="Fréchet distance", xscale="log", yscale="log")
    if place is not None:
        _, steps, estimates, distances = np.array(read_quality(place)).T
        points = axes.scatter(estimates, distances, c=steps)
        figure.colorbar(points, ax=axes, label="step")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
        print(f"{name}: rank correlation {measured()[name].values('quality_correlation')[0]:.2f}")
    else:
        axes.text(0.5, 0.5, "no card here", transform=axes.transAxes, ha="center")
finish(figure, folder / "quality.png")

# %%
for name in ("dcgan-mnist", "wgan-mnist", "wgan_gp-mnist"):
    results(name, folder)

# %% [markdown]
# ## What the sources say, and what was measured

# %%
verdicts("04_wgan")
