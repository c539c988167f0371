# %% [markdown]
# # 3. The LSGAN: a loss that does not let go
#
# The discriminator of chapters 1 and 2 gives a probability, and its loss is a logarithm. Once it is sure of a
# sample, the logarithm is flat: more or less sure makes no difference. That is as it should be for a classifier. For
# the generator, which learns from nothing but this slope, it is a pity. A sample that passes for real *by a wide
# margin*, but lies far from all real images, is left where it is.
#
# Mao et al. (2016) replace the logarithms by squares. The discriminator's output is a plain number, not a probability;
# it should be $b = 1$ for images and $a = 0$ for samples, and the generator aims at $c = 1$ for samples
# (equation 2; these numbers are one of the paper's two choices):
#
# $$\min_D \tfrac12 E_x\left[(D(x) - b)^2\right] + \tfrac12 E_z\left[(D(G(z)) - a)^2\right] \qquad
# \min_G \tfrac12 E_z\left[(D(G(z)) - c)^2\right]$$
#
# A square pulls from both sides: what scores 3 is as wrong as what scores -1.

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import matplotlib.pyplot as plt
import numpy as np

import tfgans
from tfgans.models import lsgan
from tfgans.reports.notebook import SMOKE, curves, finish, new_folder, over_time, results, sources, verdicts

folder = new_folder("03_lsgan")

# %% [markdown]
# ## The two slopes
#
# The generator's loss and its slope as functions of the discriminator's output. The non-saturating loss of chapter 1
# has no slope left on the right; the squared one has, and there it points back.

# %%
output = np.linspace(-4, 6, 300)
figure, row = plt.subplots(1, 2, figsize=(10, 3))
for name, loss, slope in [
    ("-log sigmoid(D)", np.logaddexp(0, -output), -1 / (1 + np.exp(output))),
    ("(D - 1)² / 2", (output - 1) ** 2 / 2, output - 1),
]:
    row[0].plot(output, loss, label=name)
    row[1].plot(output, slope, label=name)
row[0].set(title="loss of the generator", xlabel="D's output for a sample", ylim=(0, 6))
row[1].set(title="its slope", xlabel="D's output for a sample", ylim=(-4, 4))
for axes in row:
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
finish(figure, folder / "slopes.png")

# %% [markdown]
# ## Losses and step
#
# Everything else is the DCGAN of chapter 2, its generator word for word. There is no sigmoid at the end of the
# discriminator: a square of a probability would be flat at both ends again.

# %%
sources(lsgan.build_discriminator, lsgan.LSGAN.discriminator_loss, lsgan.LSGAN.generator_loss, lsgan.LSGAN.train_step)

# %% [markdown]
# ## Training

# %%
run = tfgans.train(
    "lsgan",
    dataset="mnist5k",
    **({"steps": 4, "width": 8} if SMOKE else {"steps": 1_500, "width": 32}),
    run=folder / "run",
    precision="float32",
    jit="off",
)
over_time(run, folder / "over_time.png")

# %% [markdown]
# These losses have a meaning. A discriminator that cannot tell samples from images gives all of them the same number,
# at best 1/2: then its loss is $(0.5^2 + 0.5^2) / 2 = 0.25$, and the generator's $0.5^2 / 2 = 0.125$.

# %%
curves({"LSGAN on mnist5k": run}, folder / "curves.png")

# %% [markdown]
# ## The full training
#
# Beside the DCGAN with the same networks, learning rates and number of steps: the two differ only in the loss.

# %%
results("dcgan-mnist", folder)
results("lsgan-mnist", folder)

# %% [markdown]
# ## What the sources say, and what was measured

# %%
verdicts("03_lsgan")
