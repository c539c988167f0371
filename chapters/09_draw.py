# %% [markdown]
# # 9. DRAW: painting in glimpses
#
# The odd one out: no adversary. Gregor et al. (2015) ask another question than the GANs so far. Those draw an image in
# one go, all pixels at once. People do not: they sketch, look, and add a stroke where one is missing. A survey says of
# DRAW that "these drawing actions seem to progressively refine an initially blurry region of an image to be sharper".
#
# DRAW is a **variational autoencoder** that does so. In each of $T$ glimpses the encoder looks at the image $x$ and at
# what is still wrong with the canvas, and says so in a short code $z_t$; the decoder adds what the code tells it to:
#
# $$\hat x_t = x - \sigma(c_{t-1}), \quad h^{enc}_t = \text{LSTM}([\text{read}(x, \hat x_t), h^{dec}_{t-1}]), \quad
# z_t \sim Q(z_t \mid h^{enc}_t), \quad h^{dec}_t = \text{LSTM}(z_t), \quad c_t = c_{t-1} + \text{write}(h^{dec}_t)$$
#
# The loss (equation 12) is how surprising the image is under the last canvas, plus the information in the codes beyond
# plain noise:
#
# $$L = -\log D(x \mid c_T) + \sum_t KL\big(Q(z_t \mid h^{enc}_t) \,\|\, N(0, 1)\big)$$
#
# This is a bound on $-\log p(x)$ in nats, a number that no GAN can give: how well does the model *explain* test digits?

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import tfgans
from tfgans import data, metrics
from tfgans.models import draw
from tfgans.reports.notebook import SMOKE, finish, measured, new_folder, over_time, results, show, sources, verdicts

folder = new_folder("09_draw")

# %% [markdown]
# ## Where to look: Gaussian filters
#
# With attention the encoder does not see the image but a small patch of it, 2×2 numbers, and the decoder writes a patch
# of 5×5. Five numbers from the decoder determine where the patch is, how large and how blurred. Each row and column of
# the patch is a Gaussian filter over the image, so that all of it has gradients: one can learn where to look.

# %%
sources(draw.filter_banks, draw.read_patch, draw.write_patch)
digit = data.load("mnist5k", "test").images[:1].astype(np.float32) / 255
windows = {
    "everything": [0.0, 0.0, 0.0, 0.0, 0.0],
    "the middle, finely": [0.0, 0.0, -1.0, -1.2, 0.0],
    "lower left, finely": [-0.3, 0.3, -1.0, -1.2, 0.0],
    "the middle, blurred": [0.0, 0.0, 2.0, -0.7, 0.0],
}
figure, row = plt.subplots(2, len(windows), figsize=(10, 5))
for column, (name, window) in zip(row.T, windows.items(), strict=True):
    patch = draw.read_patch(digit, tf.constant([window]), 12)
    column[0].imshow(patch[0, ..., 0], cmap="gray", vmin=0, vmax=1)
    column[0].set_title(f"read: {name}", fontsize=9)
    column[1].imshow(draw.write_patch(patch, tf.constant([window]), 28, 28)[0, ..., 0], cmap="gray")
    column[1].set_title("what writing it gives", fontsize=9)
for axes in row.ravel():
    axes.axis("off")
finish(figure, folder / "windows.png")

# %% [markdown]
# ## One glimpse, and the bound

# %%
sources(draw.DRAW.encode, draw.DRAW.decode, draw.DRAW.parts_of_bound, draw.DRAW.train_step)

# %% [markdown]
# ## Training
#
# A few glimpses, for a few minutes; the full training is `tfgans train draw`.

# %%
small = {"glimpses": 2, "width": 8} if SMOKE else {"glimpses": 10, "width": 128}
run = tfgans.train(
    "draw",
    dataset="mnist5k",
    steps=4 if SMOKE else 1_500,
    **small,
    run=folder / "run",
    precision="float32",
    jit="off",
)
over_time(run, folder / "over_time.png")
rows = run.read_history()
figure, axes = plt.subplots(figsize=(6, 3))
for term in ("reconstruction", "kl", "bound"):
    axes.plot([r["step"] for r in rows], [r[term] for r in rows], label=term)
axes.set(xlabel="step", ylabel="nats per image")
axes.grid(alpha=0.3)
axes.legend(frameon=False)
finish(figure, folder / "curves.png")

# %% [markdown]
# At first only the canvas learns: the mean of all digits, which takes no code (`kl` is near 0). Then codes begin to
# pay: each nat of code saves more than one in the reconstruction.
#
# ## How a digit comes about
#
# A row per digit, the canvas after each glimpse from left to right.

# %%
trained = run.load(run.latest())
canvases = trained.canvases(8, 1).numpy()  # (glimpses, n, h, w, c)
show(np.concatenate(np.swapaxes(canvases, 0, 1)), folder / "canvases.png", columns=len(canvases))
sharp = [float(metrics.sharpness(each).mean()) for each in trained.canvases(100, 2).numpy()]
print("sharpness after each glimpse:", " ".join(f"{v:.2f}" for v in sharp))

# %% [markdown]
# ## The full trainings

# %%
for name in ("draw-mnist", "draw_no_attention-mnist"):
    results(name, folder)
card = measured().get("draw-mnist")
for sharp in card.parts("canvas_sharpness", "tenth") if card else []:
    print("sharpness after each tenth of the glimpses:", " ".join(f"{v:.2f}" for v in sharp))

# %% [markdown]
# The paper's table 2 has 80.97 nats with attention and 87.40 without. Lower is better.
#
# ## What the sources say, and what was measured

# %%
verdicts("09_draw")
