# %% [markdown]
# # 11. Pix2pix: one picture becomes another
#
# A plan of a house becomes a photograph of it, a photograph becomes a map, an outline a shoe. Each of these had methods
# of its own; Isola et al. (2016) have one for all of them. It is given pairs, $x$ and what should become of it, $y$,
# and knows nothing else about the task.
#
# Why not simply minimize the distance to $y$? Because $x$ does not determine $y$. The plan does not show whether the
# wall behind the windows is red or yellow. A network that pays for each wrong pixel answers with a colour in the
# middle, and blurs whatever may lie here or there. A discriminator sees at once that no house looks like that. Both
# together make the loss:
#
# $$\min_G \max_D\; \underbrace{E \log D(x, y) + E \log(1 - D(x, G(x, z)))}_{\text{does it look like a pair}}
# + 100\, \underbrace{E\, |y - G(x, z)|}_{\text{is it near the true one}}$$

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import numpy as np
import tensorflow as tf
from PIL import Image

import tfgans
from tfgans import data, metrics
from tfgans.models import networks, pix2pix
from tfgans.reports.notebook import SMOKE, curves, new_folder, over_time, results, show, sources, verdicts

folder = new_folder("11_pix2pix")

# %% [markdown]
# ## Houses
#
# A small world in which we know what the plan does not say: the paint of the walls, one of four, and the curtains. As
# in the paper's data the picture is on the left, the plan on the right of one file.

# %%
SIDE = 16 if SMOKE else 32
PAINTS = np.array([[190, 60, 50], [220, 180, 70], [70, 110, 180], [90, 150, 80]])
PLAN = {"sky": (0, 0, 222), "wall": (0, 48, 255), "window": (0, 128, 255), "door": (0, 207, 255)}


def house(rng: np.random.Generator) -> np.ndarray:
    """A picture and its plan side by side, uint8 (SIDE, 2 SIDE, 3)."""
    picture, plan = (np.empty((SIDE, SIDE, 3)) for _ in range(2))
    left, right = rng.integers(1, SIDE // 6, 2)
    top = rng.integers(SIDE // 8, SIDE // 3)
    plan[:], picture[:] = PLAN["sky"], (200, 220, 240)
    walls = slice(top, None), slice(left, SIDE - right)
    plan[walls], picture[walls] = PLAN["wall"], rng.choice(PAINTS)
    size, step = max(2, SIDE // 8), SIDE // 4
    for y in range(top + size // 2, SIDE - step - size, step):
        for x in range(left + size // 2, SIDE - right - size, step):
            pane = slice(y, y + size), slice(x, x + size)
            plan[pane], picture[pane] = PLAN["window"], (40, 45, 60)
            if rng.random() < 0.5:  # curtains are drawn
                picture[pane] = 235
    at = rng.integers(left + 1, SIDE - right - size)
    door = slice(SIDE - step, None), slice(at, at + size)
    plan[door], picture[door] = PLAN["door"], (90, 60, 40)
    noisy = picture + rng.normal(0, 6, picture.shape)
    return np.concatenate([noisy, plan], axis=1).clip(0, 255).astype(np.uint8)


rng = np.random.default_rng(0)
for split, count in (("train", 20 if SMOKE else 400), ("test", 20)):
    (folder / "houses" / split).mkdir(parents=True)
    for i in range(count):
        Image.fromarray(house(rng)).save(folder / "houses" / split / f"{i:03d}.png")
dataset = f"pairs:{folder / 'houses'}"
test = data.load_domains(dataset, "test", roles={"source": "right", "target": "left"}, image_shape=(SIDE, SIDE, 3))
plans, pictures = (test.sets[name].images / np.float32(255) for name in ("right", "left"))
show(np.concatenate([plans[:10], pictures[:10]]), folder / "pairs.png", title="plans, and the houses built by them")

# %% [markdown]
# ## The generator: a U-Net
#
# The picture is halved until a single pixel is left, and doubled again. What lies where need not pass through that
# pixel: at each size the way down hands its map across to the way up.
#
# ## The discriminator: patches
#
# L1 takes care of the layout at large. The discriminator only has to see whether details look right, so it judges
# patches: each of its outputs sees a patch of pixels and no more. For images of 256 pixels these are 30×30 outputs,
# each for 70×70 pixels.

# %%
sources(networks.build_unet, networks.build_patchgan)

# %% [markdown]
# ## Losses and step
#
# The discriminator sees both, the plan and the picture: a fine house that was not built by this plan is no pair.

# %%
sources(pix2pix.Pix2pix.generator_loss, pix2pix.Pix2pix.discriminator_loss, pix2pix.Pix2pix.train_step)

# %% [markdown]
# ## With and without an adversary
#
# The same generator twice.

# %%
small = dict(dataset=dataset, precision="float32", jit="off", image_shape=[SIDE, SIDE, 3], patch=16)
if SMOKE:
    small |= dict(steps=4, batch_size=2, width=4, discriminator_width=4, load_shape=18)
else:
    small |= dict(steps=2_000, batch_size=4, width=16, discriminator_width=16, load_shape=34)
runs = {
    "L1": tfgans.train("pix2pix", run=folder / "l1", adversarial=False, **small),
    "L1 and cGAN": tfgans.train("pix2pix", run=folder / "both", **small),
}
over_time(runs["L1 and cGAN"], folder / "over_time.png", shown=3)
curves(runs, folder / "curves.png")

# %% [markdown]
# ## What they build
#
# Plans that neither has seen. From the top: the plans, L1 alone, both losses, the true houses. With L1 alone all houses
# have the same paint, between the four, and no windows: those are dark or light, and halfway between lies the wall. The
# adversary asks for windows and for bright paint. But its patches of 16 pixels are smaller than a house, so it does not
# see that one wall has several paints. (With `patch=34` it sees all of the house.)
#
# How colourful images are is a number, too, and so is the distance to the true ones: L1 alone is best at what it was
# trained for.

# %%
made = {}
for name, run in runs.items():
    model = run.load(run.latest())
    made[name] = model.translate(tf.constant(plans), tf.constant(1)).numpy()
rows = [images[:10] for images in (plans, *made.values(), pictures)]
show(np.concatenate(rows), folder / "translations.png", title="plans, " + ", ".join(made) + ", true")
for name, images in {**made, "true": pictures}.items():
    colours = metrics.colourfulness((255 * images).round().astype(np.uint8)).mean()
    print(f"{name:12} colourfulness {colours:5.1f}, L1 {np.abs(images - pictures).mean():.3f}")

# %% [markdown]
# ## Where is the noise?
#
# A plan has many houses, so the generator needs noise. The authors report that it learnt to ignore a vector of noise,
# so they used dropout, and left it on after training. The seed decides which units are dropped. Here it moves the
# paints about. In the authors' trainings it changed little, and they leave open how to get more variety.

# %%
seeds = [model.translate(tf.constant(plans[:1]), tf.constant(seed)).numpy()[0] for seed in range(10)]
show(np.stack(seeds), folder / "seeds.png", title="one plan, ten seeds")
print(f"standard deviation over seeds: {np.std(seeds, axis=0).mean():.4f} of 1")

# %% [markdown]
# ## The full trainings
#
# Facades of real houses, and streets both ways.

# %%
for name in ("pix2pix-facades", "pix2pix-labels_to_photo-cityscapes", "pix2pix-photo_to_labels-cityscapes"):
    results(name, folder)

# %% [markdown]
# ## What the paper says, and what was measured

# %%
verdicts("11_pix2pix")

# %% [markdown]
# `tfgans translate pix2pix-labels_to_photo-cityscapes map.png` draws a street from your own map.
