# %% [markdown]
# # 15. DualGAN: the same idea, with critics
#
# In natural-language translation there is *dual learning*: an English sentence goes to French and back, and how much of
# it returns teaches both translators, without a parallel text. Yi et al. (2017) took that to pictures in the same
# months as CycleGAN and DiscoGAN. Their two generators are U-Nets, and their discriminators are the critics of the
# WGAN, whose weights are clipped:
#
# $$l^g(u, v) = \lambda_U\, |u - G_B(G_A(u))| + \lambda_V\, |v - G_A(G_B(v))| - D_A(G_A(u)) - D_B(G_B(v))$$

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import numpy as np
import tensorflow as tf
from PIL import Image

import tfgans
from tfgans import data
from tfgans.models import dualgan, networks
from tfgans.reports.notebook import SMOKE, curves, new_folder, over_time, results, show, sources, verdicts

folder = new_folder("15_dualgan")

# %% [markdown]
# ## Day and night
#
# The paper's first pictures: a scene by day and by night. Here it is a street of houses whose windows are dark by day
# and lit by night. The two piles show different streets; the test has both of each.

# %%
SIDE = 16 if SMOKE else 32


def street(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A street by day and by night, uint8 (SIDE, SIDE, 3)."""
    day, night = (np.empty((SIDE, SIDE, 3)) for _ in range(2))
    day[:], night[:] = (150, 190, 230), (15, 20, 50)
    ground = SIDE - SIDE // 8
    day[ground:], night[ground:] = (110, 110, 110), (40, 40, 45)
    left = 0
    while left < SIDE:
        wide, top = rng.integers(SIDE // 5, SIDE // 3), rng.integers(SIDE // 8, SIDE // 2)
        wall = np.array([190, 140, 110]) + rng.normal(0, 25, 3)
        at = slice(top, ground), slice(left, left + wide - 1)
        day[at], night[at] = wall, 0.25 * wall
        for y in range(top + 1, ground - 2, 4):
            for x in range(left + 1, min(left + wide - 3, SIDE), 4):
                pane = slice(y, y + 2), slice(x, x + 2)
                day[pane], night[pane] = (60, 70, 90), (250, 220, 120)
        left += wide
    pictures = [each + rng.normal(0, 4, each.shape) for each in (day, night)]
    return pictures[0].clip(0, 255).astype(np.uint8), pictures[1].clip(0, 255).astype(np.uint8)


rng = np.random.default_rng(0)
for split, count in (("train", 20 if SMOKE else 600), ("test", 20)):
    for domain in "AB":
        (folder / "streets" / f"{split}{domain}").mkdir(parents=True)
    for i in range(count):
        day, night = street(rng)
        if split == "train":
            _, night = street(rng)  # another street
        Image.fromarray(day).save(folder / "streets" / f"{split}A" / f"{i:03d}.png")
        Image.fromarray(night).save(folder / "streets" / f"{split}B" / f"{i:03d}.png")
dataset = f"domains:{folder / 'streets'}"
test = data.load_domains(dataset, "test", image_shape=(SIDE, SIDE, 3))
day, night = (each.images / np.float32(255) for each in test.sets.values())
show(np.concatenate([day[:10], night[:10]]), folder / "pairs.png", title="test pictures, which have partners")

# %% [markdown]
# ## Generators with skip connections
#
# A U-Net hands the map of each size across, so that edges stay where they are. That helps translations whose two sides
# are aligned. For those that change shapes it is a burden.

# %%
sources(networks.build_unet)

# %% [markdown]
# ## Critics, losses and algorithm 1
#
# The critics are updated several times for each update of the generators, each time on a fresh batch, and their weights
# are clipped after each. They estimate how far both piles of generated pictures are from the real ones.

# %%
sources(dualgan.DualGAN.critic_loss, dualgan.DualGAN.generator_loss, dualgan.DualGAN.clip_weights)
sources(dualgan.DualGAN.train_step)

# %% [markdown]
# ## A few minutes of training

# %%
small = dict(dataset=dataset, precision="float32", jit="off", image_shape=[SIDE, SIDE, 3])
if SMOKE:
    small |= dict(steps=4, batch_size=2, width=4, critic_width=4, patch=16, n_critic=2)
else:
    small |= dict(steps=1_500, batch_size=4, width=12, critic_width=16, patch=16)
run = tfgans.train("dualgan", run=folder / "dual", **small)
over_time(run, folder / "over_time.png", shown=3)
curves({"DualGAN": run}, folder / "curves.png")

# %% [markdown]
# ## Night falls
#
# From the top: streets by day, their translations, and the same streets by night, which the model has not seen. Then
# the other way round.

# %%
model = run.load(run.latest())
for given, translate, back, wanted, name in (
    (day, model.a_to_b, model.b_to_a, night, "day to night"),
    (night, model.b_to_a, model.a_to_b, day, "night to day"),
):
    made = translate(tf.constant(given)).numpy()
    rows = np.concatenate([given[:10], made[:10], wanted[:10]])
    show(rows, folder / f"{name.replace(' ', '_')}.png", title=f"{name}: given, translated, true")
    again = np.abs(back(tf.constant(made)).numpy() - given).mean()
    near, still = np.abs(made - wanted).mean(), np.abs(given - wanted).mean()
    print(f"{name}: L1 to the partner {near:.3f} (left as it is: {still:.3f}), there and back {again:.3f}")

# %% [markdown]
# ## The full trainings

# %%
for name in ("dualgan-emoji", "dualgan-facades"):
    results(name, folder)

# %% [markdown]
# ## What the paper says, and what was measured

# %%
verdicts("15_dualgan")
