# %% [markdown]
# # 19. ResGAN: sixteen numbers, and a digit
#
# A digit of 28×28 pixels, averaged over squares of 7×7, leaves 16 numbers. What was it? A report, *Generative
# Adversarial Network based on Resnet for Conditional Image Restoration*, restores images from that little, with two
# ideas:
#
# * **A classifier inside the discriminator.** From one trunk it predicts whether an image is real and what it shows,
#   and the generator is paid for restored images that are classified correctly (equations 4 to 8).
# * **A way past the layers.** The coarse image is the generator's input *and* is handed on to each scale, where it is
#   joined to the output of the layers: by concatenation, "to prevent the overwhelm of each other by the adding
#   operation" of a ResNet.
#
# It compares itself with four other GANs on four data sets (its table 1) and wins everywhere.
#
# A restored image is a *guess*. Nothing that pooling has thrown away comes back; the generator adds what images of this
# kind usually have. So how well can it be classified at best? As well as the 16 numbers themselves, by a classifier
# that was trained on those. That is the line to hold a restoration against, and the report leaves it out.

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import numpy as np

import tfgans
from tfgans import data
from tfgans.features import load_features
from tfgans.inference.export import export_run
from tfgans.inference.exported import Exported
from tfgans.models import coarse_gan, resgan
from tfgans.reports.notebook import SMOKE, curves, new_folder, over_time, results, show, sources, verdicts
from tfgans.tasks.small_restoration import coarse, coarse_accuracy, enlarged, restored

folder = new_folder("19_resgan")
train_set, test_set = (data.load("mnist5k", split) for split in ("train", "test"))
small = coarse(test_set.images, "pool:7")
pairs = np.stack([enlarged(small[:10], 7), test_set.images[:10]]).reshape(20, 28, 28, 1) / 255
show(pairs, folder / "coarse.png", title="16 numbers, enlarged; the digit")

# %% [markdown]
# How much is in the 16 numbers? A small network learns to read them:

# %%
line = coarse_accuracy(coarse(train_set.images, "pool:7"), train_set.labels, small, test_set.labels)
print(f"{100 * line:.1f}% of coarse digits are classified correctly, after training on {len(train_set):,} of them")

# %% [markdown]
# ## The networks

# %%
sources(resgan.unit, resgan.block, resgan.build_generator, resgan.build_discriminator)

# %% [markdown]
# ## The losses
#
# The classifier is trained on real images only. If it were trained on restored ones too, it would learn to read them
# however they look.

# %%
sources(resgan.ResGAN.discriminator_loss, resgan.ResGAN.generator_loss, resgan.ResGAN.train_step)

# %% [markdown]
# The four that it is compared with are in one file, because they differ only a little: dense or convolutional, clipped
# weights or not, the coarse image beside the fine one in the discriminator or not. None has a way past its layers; on
# digits and photographs the convolutional ones are smaller than ResGAN.

# %%
sources(coarse_gan.build_dense_generator, coarse_gan.build_generator, coarse_gan.CoarseGAN.train_step)

# %% [markdown]
# ## Two trainings
#
# ResGAN, and the DCGAN that restores; 4,500 digits, a few minutes.

# %%
common = dict(dataset="mnist5k", precision="float32", jit="off")
if SMOKE:
    settings = [{"steps": 4, "width": 8, "discriminator_width": 8}, {"steps": 4, "width": 8}]
else:
    settings = [{"steps": 1_000, "width": 16, "discriminator_width": 24}, {"steps": 1_000, "width": 24}]
runs = {
    "ResGAN": tfgans.train("resgan", recipe="mnist", run=folder / "resgan", **settings[0], **common),
    "DCGAN": tfgans.train("coarse_gan", recipe="dcgan_mnist", run=folder / "dcgan", **settings[1], **common),
}
over_time(runs["ResGAN"], folder / "over_time.png")
curves(runs, folder / "curves.png")

# %% [markdown]
# Where the curves of the two players cross, says the report, "the balance is reached that indicates the best solution".
# Losses of two players are not on one scale, and a crossing is no optimum; whether they cross is in the ledger.
#
# ## Looking
#
# From above: coarse, ResGAN, DCGAN, the original.

# %%
made = {}
for name, run in runs.items():
    made[name] = restored(Exported(export_run(run.path, folder / f"{name}-exported")), small)
rows = [enlarged(small[:10], 7), *(images[:10] for images in made.values()), test_set.images[:10]]
show(np.concatenate(rows).astype(np.float32) / 255, folder / "restored.png", title="coarse, ResGAN, DCGAN, original")

# %% [markdown]
# A guess can be a good digit and the wrong one. The accuracy in the report's table is that of the classifier that was
# trained *with* the generator; our judge never saw a restored digit.

# %%
judge = load_features("judge:mnist")
for name, images in {"originals": test_set.images, "enlarged": enlarged(small, 7), **made}.items():
    right = judge.logits(images).argmax(axis=1) == test_set.labels
    print(f"the judge reads {100 * right.mean():5.1f}% of {name}")
print(f"a classifier of coarse digits {100 * line:5.1f}%")

# %% [markdown]
# ## The full trainings

# %%
for name in ("resgan-mnist", "coarse_gan_dcgan-mnist", "resgan-cifar10", "resgan-cifar100", "resgan-faces"):
    results(name, folder)

# %% [markdown]
# ## What the report says, and what was measured

# %%
verdicts("19_resgan")
