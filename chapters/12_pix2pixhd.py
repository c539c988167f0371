# %% [markdown]
# # 12. Pix2PixHD: large pictures from maps
#
# Pix2pix makes pictures of 256 pixels. Wang et al. (2017) want streets of 2048×1024, and change nearly everything but
# the idea of a pair:
#
# * **coarse to fine**: a generator learns the picture at half its size. Then a second one learns the step from there to
#   the full size, and at last both learn together.
# * **three discriminators** judge the picture, its half and its quarter. The last sees the most of the scene at once.
# * **feature matching**: the discriminators' layers should respond to a generated picture as to the true one. This
#   replaces L1, and does not ask for any pixel to be the same.
# * **boundaries**: a map of classes does not say where one car ends and the next begins. A map of objects does.
# * **features of objects**: an encoder looks at each object in the true picture. What it finds decides how the object
#   looks.

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import numpy as np
import tensorflow as tf
from PIL import Image

import tfgans
from tfgans import data
from tfgans.models import instance_maps, networks, pix2pixhd, pix2pixhd_networks
from tfgans.reports.notebook import SMOKE, curves, new_folder, over_time, results, show, sources, verdicts

folder = new_folder("12_pix2pixhd")

# %% [markdown]
# ## Coins on a table
#
# There are two classes, coin and table, and coins lie side by side and on each other. Three metals, which no map names.

# %%
SIDE = 64
METALS = np.array([[196, 110, 70], [190, 192, 198], [222, 178, 60]])


def coins(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A picture, uint8 (SIDE, SIDE, 3), the map of its classes and that of its objects, (SIDE, SIDE)."""
    y, x = np.mgrid[:SIDE, :SIDE]
    picture = np.full((SIDE, SIDE, 3), (70, 90, 80)) + 8 * np.sin(x / 3 + rng.uniform(0, 6))[..., None]
    objects = np.zeros((SIDE, SIDE), np.uint16)
    for number in range(1, rng.integers(6, 11)):
        radius, (top, left) = rng.uniform(7, 12), rng.uniform(6, SIDE - 6, 2)
        away = np.hypot(y - top, x - left) / radius
        shine = 1.05 - 0.25 * away + 0.2 * (away < 0.6) - 0.5 * (away > 0.88)  # a relief, and a dark rim
        inside = away <= 1
        picture[inside] = (rng.choice(METALS) * shine[..., None])[inside]
        objects[inside] = number
    noisy = picture + rng.normal(0, 4, picture.shape)
    return {
        "image": noisy.clip(0, 255).astype(np.uint8),
        "label": (objects > 0).astype(np.uint8),
        "instance": objects,
    }


rng = np.random.default_rng(0)
for split, count in (("train", 20 if SMOKE else 400), ("test", 12)):
    for i in range(count):
        for name, pixels in coins(rng).items():
            place = folder / "coins" / split / name
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place / f"{i:03d}.png")
(folder / "palette.txt").write_text("table 70 90 80\ncoin 222 178 60\n")
dataset, palette = f"pairs:{folder / 'coins'}", str(folder / "palette.txt")
sets = {"source": ["label", "instance"], "target": "image"}
test = data.load_domains(dataset, "test", roles=sets, palette=palette, image_shape=(SIDE, SIDE, 3))
labels, objects = (tf.constant(test.sets[name].images.astype(np.int32)) for name in ("label", "instance"))
pictures = test.sets["image"].images / np.float32(255)

# %% [markdown]
# From the top: the classes, the boundaries of the objects, the pictures.

# %%
edges = instance_maps.boundaries(objects).numpy()
classes = labels.numpy().astype(np.float32)
rows = [np.repeat(each[:8], 3, axis=-1) for each in (classes, edges)]
show(np.concatenate([*rows, pictures[:8]]), folder / "pairs.png", columns=8, title="classes, boundaries, pictures")
sources(instance_maps.boundaries)

# %% [markdown]
# ## Two generators
#
# G1 halves its input several times, works on the small map in residual blocks, and doubles it again. G2 is like
# it, but shallow. In its middle it adds G1's last map.

# %%
sources(networks.build_residual, pix2pixhd_networks.build_enhancer)

# %% [markdown]
# ## Three discriminators, and their layers

# %%
sources(pix2pixhd_networks.build_discriminators, pix2pixhd.matching)

# %% [markdown]
# ## Three stages
#
# A model with stages uses the step of the base class, which counts steps and calls the method of the current stage.

# %%
sources(
    pix2pixhd.Pix2PixHD.train_step,
    pix2pixhd.Pix2PixHD.coarse,
    pix2pixhd.Pix2PixHD.enhance,
    pix2pixhd.Pix2PixHD.joint,
    pix2pixhd.Pix2PixHD.generator_loss,
    pix2pixhd.Pix2PixHD.discriminator_loss,
)

# %% [markdown]
# ## With and without boundaries

# %%
small = dict(dataset=dataset, palette=palette, precision="float32", jit="off", image_shape=[SIDE, SIDE, 3])
small |= dict(load_shape=SIDE + 2, downsamplings=2, scales=2, patch=16, feature_channels=3, feature_width=8)
if SMOKE:
    small |= dict(steps=4, coarse_steps=1, enhance_steps=1, batch_size=2, width=4, discriminator_width=4, blocks=1)
else:
    small |= dict(steps=1_500, coarse_steps=500, enhance_steps=100, batch_size=4, width=16, discriminator_width=16)
    small |= dict(blocks=4)
runs = {
    name: tfgans.train("pix2pixhd", run=folder / name.split()[0], boundary=boundary, **small)
    for name, boundary in (("with boundaries", True), ("without", False))
}
over_time(runs["with boundaries"], folder / "over_time.png", shown=3)
curves(runs, folder / "curves.png")

# %% [markdown]
# Maps that neither has seen. From the top: the classes, the pictures without and with boundaries, the true pictures.
# Coins have dark rims. How bright are the generated pictures where two coins touch?

# %%
made = {}
for name, run in runs.items():
    model = run.load(run.latest())
    made[name] = model.translate(labels, objects, tf.constant(1)).numpy()
rows = [rows[0], made["without"][:8], made["with boundaries"][:8], pictures[:8]]
show(np.concatenate(rows), folder / "translations.png", columns=8, title="classes, without, with boundaries, true")
seams = (edges * classes)[..., 0] * (1 - instance_maps.boundaries(labels).numpy()[..., 0]) > 0
inside = (classes * (1 - edges))[..., 0] > 0
for name, images in {**made, "true": pictures}.items():
    light = images.mean(-1)
    print(f"{name:16} {light[seams].mean():.2f} of 1 where coins touch, {light[inside].mean():.2f} within them")

# %% [markdown]
# ## The looks of an object
#
# In training the encoder sees the true coin. Afterwards there is none; its features are then those of a cluster of
# coins, another one for each seed. The clusters are found while the encoder learns.

# %%
model = runs["with boundaries"].load(runs["with boundaries"].latest())
seeds = [model.translate(labels[:1], objects[:1], tf.constant(seed)).numpy()[0] for seed in range(8)]
show(np.stack(seeds), folder / "seeds.png", columns=8, title="one map, eight seeds")
print(f"standard deviation over seeds: {np.std(seeds, axis=0).mean():.3f} of 1")

# %% [markdown]
# ## The full trainings
#
# Nuclei of cells, and streets.

# %%
for name in ("pix2pixhd_short-dsb2018", "pix2pixhd-dsb2018", "pix2pixhd-camvid"):
    results(name, folder)

# %% [markdown]
# ## What the paper says, and what was measured

# %%
verdicts("12_pix2pixhd")

# %% [markdown]
# There is no trained model to download yet. `tfgans translate MODEL map.png --instances objects.png` makes a picture of
# your own map with a model that you trained and exported. Without a map of objects, touching pixels are one object.
