# %% [markdown]
# # 10. Context encoders: what belongs into the hole?
#
# Cover the middle of a photograph, and most people can say what is there. Pathak et al. train a network to do that:
# *Context Encoders: Feature Learning by Inpainting*, arXiv:1604.07379. They were after the features that it learns on
# the way, without any label; what it paints is worth a look of its own, and one of the first uses of a GAN to repair
# pictures.
#
# * An **encoder** halves the picture with strided convolutions, down to 512 maps of 4x4.
# * A **channel-wise fully-connected layer** connects each of the 16 positions of a map with the 15 others. Convolutions
#   do not reach so far: without it, nothing would carry information from the left edge to the right one.
# * A **decoder** enlarges the maps to a picture again, in five up-convolutions.
# * The loss is L2, plus a thousandth of that of a discriminator.
#
# Why the discriminator? Many fills are plausible, and L2 is smallest for their mean, which is blurred. A discriminator
# knows that no photograph looks like a mean.

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import numpy as np
import tensorflow as tf

import tfgans
from tfgans import data, metrics
from tfgans.data.degrade import degrade
from tfgans.models import context_encoder
from tfgans.reports.notebook import SMOKE, curves, new_folder, over_time, results, show, sources, verdicts

folder = new_folder("10_context_encoder")
side, hole = (32, 16) if SMOKE else (64, 32)
photos = data.load("photos", "test", image_shape=(side, side, 3), limit=5).images
signed = tf.constant(photos, tf.float32) / 127.5 - 1
center, blocks = f"mask:{hole}:center", "+".join(f"mask:{size * side // 128}" for size in (40, 32, 24, 24, 16))
holes = [np.stack([degrade(kind)(image, [0, i]) for i, image in enumerate(signed)]) for kind in (center, blocks)]
show((np.concatenate([signed, *holes]) + 1) / 2, folder / "regions.png", columns=5, title="the middle; random blocks")

# %% [markdown]
# ## The layer that most copies lack
#
# A fully-connected layer between 512 maps of 4x4 would have $512^2 \cdot 4^4$ weights, 67 million. Inside each map
# alone it takes $512 \cdot 4^4$, which is 131,072; a 1x1 convolution then mixes the maps.

# %%
sources(context_encoder.ChannelwiseDense, context_encoder.build_generator, context_encoder.build_discriminator)
layer = context_encoder.ChannelwiseDense()
layer.build((None, 4, 4, 512))
print(f"{layer.count_params():,} weights in place of {512**2 * 4**4:,}")

# %% [markdown]
# ## Losses and step
#
# The generator makes the whole picture, and three parts of it are treated differently. In the hole, L2 counts once. A
# few pixels around it are known, but are generated all the same: there L2 counts ten times, so that the fill fits its
# surroundings. Farther out nothing counts. The discriminator only gets the hole, without any context: if it saw the
# border, it would look at nothing else.

# %%
sources(
    context_encoder.ContextEncoder.weights_in,
    context_encoder.ContextEncoder.reconstruction_loss,
    context_encoder.ContextEncoder.discriminator_loss,
    context_encoder.ContextEncoder.train_step,
)
gan = context_encoder.ContextEncoder(image_shape=(32, 32, 3), hole=16, width=4, discriminator_width=4, overlap=3)
weights = gan.weights_in(gan.area.missing(tf.zeros((1, 32, 32, 1), tf.bool)))
show(weights.numpy() / 10, folder / "weights.png", columns=1, title="the weight of each pixel")

# %% [markdown]
# ## With and without the adversary
#
# A few photographs and a few minutes: enough for colours, and for the first signs of texture.

# %%
small = dict(dataset="photos", precision="float32", jit="off", degradation=center, image_shape=[side, side, 3])
small |= dict(hole=hole, overlap=2)
if SMOKE:
    settings = {"steps": 4, "batch_size": 2, "width": 4, "discriminator_width": 4}
else:
    settings = {"steps": 400, "batch_size": 16, "width": 32, "discriminator_width": 32}
runs = {}
for name, weight in {"joint": 0.001, "l2": 0.0}.items():
    runs[name] = tfgans.train(
        "context_encoder", recipe="scenes", run=folder / name, adversarial_weight=weight, **settings, **small
    )
    over_time(runs[name], folder / f"over_time_{name}.png")
curves(runs, folder / "curves.png")

# %% [markdown]
# ## Near, or sharp?
#
# Two numbers for what is in the hole: PSNR measures how near it is to the original, and the energy of fine detail how
# much detail there is, right or wrong. Biharmonic filling continues the surroundings of a hole as smoothly as possible,
# and needs no training.

# %%
mask = np.stack([degrade(center).with_mask(image, [0, i])[1][..., 0] for i, image in enumerate(signed)])
smooth = [metrics.fill_biharmonic(image, where) for image, where in zip(photos, mask, strict=True)]
fills = {"biharmonic": np.stack(smooth)}
for name, run in runs.items():
    made = run.load(run.latest()).fill(tf.constant(photos / 255, tf.float32), tf.constant(mask[..., None])).numpy()
    fills[name] = (255 * made).round().astype(np.uint8)
show(
    np.concatenate([photos, *fills.values()]) / 255,
    folder / "fills.png",
    columns=5,
    title="original, biharmonic, fills",
)
for name, images in {"original": photos, **fills}.items():
    near = "" if name == "original" else f", PSNR {metrics.hole_psnr(images, photos, mask).mean():.2f} dB"
    print(f"{name:12} fine detail {metrics.hole_detail(images, mask).mean():.2f}{near}")

# %% [markdown]
# ## The full trainings

# %%
for name in ("context_encoder-imagenette", "context_encoder_l2-imagenette", "context_encoder-scenes"):
    results(name, folder)

# %% [markdown]
# ## What the paper says, and what was measured

# %%
verdicts("10_context_encoder")
