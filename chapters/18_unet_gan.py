# %% [markdown]
# # 18. One small U-Net GAN for two tasks
#
# Most networks that restore images are large and made for one task. A report, *A Generative Adversarial Network Model
# For Different Image generation Tasks*, asks how far a small GAN gets with several of them, unchanged: 4 million
# parameters, 8,000 photographs. It colourizes gray images and repairs images with a hole.
#
# * The generator is a **U-Net**: convolutions down, transposed convolutions up, and the maps of the way down are handed
#   across to the way up at each size.
# * To stay small it works on **parts**: the image is cut into tiles, each is encoded together with a shrunken whole (or
#   it would not know that the blue above is sky), decoded, and a last learned layer joins them.
# * The discriminator sees input and output, and gives a single number, real or not.
# * The loss is adversarial, plus $\lambda$ times the L1 distance to the original; $\lambda$ falls in the course of
#   training. Before that, the generator is **pre-trained** with L1 alone.
#
# Why a GAN at all? A gray car may have been red or blue. L1 is smallest for the median of what is likely, and that is
# grayish: it pays for being careful. A discriminator does not let gray cars pass.

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import numpy as np
import tensorflow as tf

import tfgans
from tfgans import data, metrics
from tfgans.data.degrade import degrade
from tfgans.models import unet_gan
from tfgans.reports.notebook import SMOKE, curves, new_folder, over_time, results, show, sources, verdicts

folder = new_folder("18_unet_gan")
photos = data.load("photos", "test", image_shape=(128, 128, 3), limit=5).images
signed = tf.constant(photos, tf.float32) / 127.5 - 1
gray = np.repeat(np.stack([degrade("lightness")(image, [0, i]) for i, image in enumerate(signed)]), 3, axis=-1)
holes = np.stack([degrade("mask:32:0")(image, [0, i]) for i, image in enumerate(signed)])
show(
    (np.concatenate([photos / 127.5 - 1, gray, holes]) + 1) / 2, folder / "tasks.png", columns=5, title="the two tasks"
)

# %% [markdown]
# ## Parts
#
# The layer that cuts and the layer that joins have no weights; they only move pixels.

# %%
sources(unet_gan.UNet, unet_gan.build_discriminator)

# %% [markdown]
# ## Losses and step
#
# Colours live in Lab: the lightness L is the input, a and b are the output. In the beginning the discriminator gets
# several updates for each of the generator. Pixels of a hole count 16 times in the L1 loss: its gradient is as large
# for a pixel that is nearly right as for one that is all wrong, and the many that only need copying would drown the few
# that are missing.

# %%
sources(
    unet_gan.UNetGAN.l1_weight,
    unet_gan.UNetGAN.l1_loss,
    unet_gan.UNetGAN.discriminator_loss,
    unet_gan.UNetGAN.train_step,
)

# %% [markdown]
# ## Two trainings
#
# A few photographs and a few minutes: enough to see the stages, not to see good colours.

# %%
small = dict(dataset="photos", precision="float32", jit="off")
if SMOKE:
    settings = {
        "steps": 4,
        "batch_size": 2,
        "width": 4,
        "discriminator_width": 4,
        "image_shape": [32, 32, 3],
        "part": 16,
    }
    settings |= {"pretrain_steps": 2, "early_steps": 1}
else:
    settings = {"steps": 300, "batch_size": 8, "width": 16, "image_shape": [64, 64, 3], "part": 32}
    settings |= {"pretrain_steps": 100, "early_steps": 30, "lambda_steps": 200}
runs = {}
for task, change in {"colorize": {}, "inpaint": {"degradation": "mask:8:0" if SMOKE else "mask:16:0"}}.items():
    runs[task] = tfgans.train("unet_gan", recipe=task, run=folder / task, **settings, **change, **small)
    over_time(runs[task], folder / f"over_time_{task}.png")
curves(runs, folder / "curves.png")

# %% [markdown]
# ## How colourful?
#
# A number for it: the spread of the colours around gray (Hasler and Suesstrunk 2003). It does not ask whether colours
# are right: after this short training pictures tend to one hue, which is colourful, and wrong.

# %%
made = (
    runs["colorize"].load(runs["colorize"].latest()).restore(tf.constant((gray[..., :1] + 1) / 2, tf.float32)).numpy()
)
show(np.concatenate([photos / 255, made]), folder / "colours.png", columns=5, title="originals, coloured")
for name, images in {"originals": photos, "coloured": (255 * made).round().astype(np.uint8)}.items():
    print(f"colourfulness of {name}: {metrics.colourfulness(images).mean():.1f}")

# %% [markdown]
# ## The full trainings

# %%
for name in ("unet_gan-colorize-scenes", "unet_gan-inpaint-scenes"):
    results(name, folder)

# %% [markdown]
# ## What the report says, and what was measured

# %%
verdicts("18_unet_gan")
