# %% [markdown]
# # 14. CycleGAN: translation without pairs
#
# Pix2pix needs pairs, and most things have none: nobody has a photograph of this very horse as a zebra. Zhu et al.
# (2017) need two piles of pictures. One generator turns horses into zebras, another zebras into horses, and a
# discriminator on each side judges whether the result looks like the pile.
#
# That alone says nothing about *which* zebra a horse should become. A generator could draw the same zebra every time.
# So a picture that is translated there and back must be itself again:
#
# $$\min_{G, F} \max_{D_X, D_Y}\; L_{GAN}(G, D_Y) + L_{GAN}(F, D_X)
# + 10\, \big( E\, |F(G(x)) - x| + E\, |G(F(y)) - y| \big)$$

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from PIL import Image

import tfgans
from tfgans import data, layers
from tfgans.models import cyclegan, networks
from tfgans.reports.notebook import SMOKE, curves, finish, new_folder, over_time, results, show, sources, verdicts

folder = new_folder("14_cyclegan")

# %% [markdown]
# ## A meadow with known answers
#
# Brown beasts in one folder, striped ones in another, on meadows that differ from picture to picture. No picture has a
# partner. Only the test has both: the same beast in the same place, brown and striped, so that translations can be
# compared with the right answer.

# %%
SIDE = 16 if SMOKE else 32
Y, X = np.mgrid[:SIDE, :SIDE] / SIDE


def meadow(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A brown beast and the same one striped, uint8 (SIDE, SIDE, 3)."""
    ground = np.array([90, 140, 60]) + rng.normal(0, 20, 3)
    sky = np.array([170, 200, 230]) + rng.normal(0, 15, 3)
    horizon, x, y = rng.uniform(0.2, 0.4), rng.uniform(0.3, 0.7), rng.uniform(0.55, 0.75)
    long, tall = rng.uniform(0.2, 0.3), rng.uniform(0.1, 0.16)
    picture = np.where((Y < horizon)[..., None], sky, ground) + rng.normal(0, 4, (SIDE, SIDE, 3))
    body = ((X - x) / long) ** 2 + ((Y - y) / tall) ** 2 < 1
    for leg in (-0.6, 0.6):
        body |= (np.abs(X - x - leg * long) < 0.035) & (y < Y) & (y + 2 * tall > Y)
    light = rng.uniform(0.8, 1.2)
    stripes = np.where(np.sin(2 * np.pi * (X - x) * 8) > 0, 235, 30)[..., None]
    pair = (
        np.where(body[..., None], light * np.array([120, 70, 40]), picture),
        np.where(body[..., None], stripes, picture),
    )
    return pair[0].clip(0, 255).astype(np.uint8), pair[1].clip(0, 255).astype(np.uint8)


rng = np.random.default_rng(0)
for split, count in (("train", 20 if SMOKE else 600), ("test", 20)):
    for domain in "AB":
        (folder / "beasts" / f"{split}{domain}").mkdir(parents=True)
    for i in range(count):
        brown, striped = meadow(rng)
        if split == "train":
            _, striped = meadow(rng)  # another beast
        Image.fromarray(brown).save(folder / "beasts" / f"{split}A" / f"{i:03d}.png")
        Image.fromarray(striped).save(folder / "beasts" / f"{split}B" / f"{i:03d}.png")
dataset = f"domains:{folder / 'beasts'}"
test = data.load_domains(dataset, "test", image_shape=(SIDE, SIDE, 3))
brown, striped = (each.images / np.float32(255) for each in test.sets.values())
show(np.concatenate([brown[:10], striped[:10]]), folder / "pairs.png", title="test pictures, which have partners")

# %% [markdown]
# ## The generator
#
# It halves the picture twice, works on the small map in residual blocks, and doubles it again. Each block adds
# something to its input, so that a generator begins near "leave it as it is", which is right for most of a picture.
# Borders are mirrored, not black, and each picture is normalized by itself.

# %%
sources(networks.build_residual, networks.residual_block)

# %% [markdown]
# ## Losses
#
# Least squares, as in LSGAN. The last term asks a generator to leave alone what is already of its kind; the paper uses
# it where colours should stay.

# %%
sources(cyclegan.CycleGAN.generator_loss, cyclegan.CycleGAN.discriminator_loss, cyclegan.CycleGAN.train_step)

# %% [markdown]
# ## A pool of earlier pictures
#
# Two players that only look at each other's newest move may go round in circles. So the discriminators get pictures
# from a pool of fifty, of this step and of earlier ones.

# %%
sources(layers.ImagePool.exchange)

# %% [markdown]
# ## With and without the cycle

# %%
small = dict(recipe="emoji", dataset=dataset, precision="float32", jit="off", image_shape=[SIDE, SIDE, 3])
if SMOKE:
    small |= dict(steps=4, batch_size=2, width=4, blocks=1, discriminator_width=4, patch=16, pool=2)
else:
    small |= dict(steps=1_500, batch_size=4, width=16, blocks=2, discriminator_width=16, patch=16)
runs = {
    "GAN alone": tfgans.train("cyclegan", run=folder / "gan", cycle_weight=0.0, identity_weight=0.0, **small),
    "CycleGAN": tfgans.train("cyclegan", run=folder / "cycle", **small),
}
over_time(runs["CycleGAN"], folder / "over_time.png", shown=3)
curves(runs, folder / "curves.png")

# %% [markdown]
# ## Does it draw this very beast?
#
# From the top: brown beasts, the GAN alone, the CycleGAN, and the partners that neither has seen.

# %%
models = {name: run.load(run.latest()) for name, run in runs.items()}
made = {name: model.a_to_b(tf.constant(brown)).numpy() for name, model in models.items()}
rows = [images[:10] for images in (brown, *made.values(), striped)]
show(np.concatenate(rows), folder / "translations.png", title="brown, " + ", ".join(made) + ", true")
print(f"{'as it is':12} L1 to the partner {np.abs(brown - striped).mean():.3f}")
for name, images in made.items():
    back = models[name].b_to_a(tf.constant(images)).numpy()
    near, again = np.abs(images - striped).mean(), np.abs(back - brown).mean()
    print(f"{name:12} L1 to the partner {near:.3f}, there and back {again:.3f}")

# %% [markdown]
# ## What the way back reads
#
# A stripe has no brown in it: how does the way back know how light the beast was? Chu et al. (2017) found that the
# first generator writes it into the picture, as a pattern too faint to see. If so, a little noise wipes it out. A
# translation that hides nothing loses about as much as the noise adds.

# %%
rng, sigmas = np.random.default_rng(1), (0.0, 0.01, 0.03, 0.1)
figure, axes = plt.subplots(figsize=(5, 3))
for name, model in models.items():
    found = []
    for sigma in sigmas:
        noisy = np.clip(made[name] + rng.normal(0, sigma, brown.shape), 0, 1).astype(np.float32)
        found.append(np.abs(model.b_to_a(tf.constant(noisy)).numpy() - brown).mean())
    axes.plot(sigmas, found, marker="o", label=name)
    print(f"{name:12} L1 there and back with noise of {sigmas}: {', '.join(f'{each:.3f}' for each in found)}")
axes.set(xlabel="noise on the image between", ylabel="L1 there and back", ylim=(0, None))
axes.legend()
finish(figure, folder / "noise.png")

# %% [markdown]
# ## The full trainings

# %%
for name in ("cyclegan-horse2zebra", "cyclegan-cityscapes", "cyclegan-emoji"):
    results(name, folder)

# %% [markdown]
# ## What the paper says, and what was measured

# %%
verdicts("14_cyclegan")

# %% [markdown]
# Two folders of your own, `mine/trainA` and `mine/trainB`, take one command:
# `tfgans train cyclegan --dataset domains:mine`. Then `tfgans translate` turns pictures of one into the other.
