# %% [markdown]
# # 17. SRGAN: detail that was never there
#
# A photograph is shrunk to a quarter of its sides: one of 16 pixels is left. Which 16 were they? Many images shrink to
# the same small one. A network trained on squared errors answers with their **mean**: of all hairs that might have
# been there, a grey patch. That is the best answer by PSNR and looks like fog. Ledig et al. (2016) want *one* of the
# possible images instead, and a discriminator says whether it could be a photograph:
#
# $$l = \underbrace{l_{content}}_{\text{what is in the picture}} + 10^{-3}
# \underbrace{(-\log D(G(x_{small})))}_{\text{does it look like a photograph}}$$
#
# The content loss compares images in the features of a network that was trained to recognize things (the paper: VGG19;
# here SqueezeNet, whose weights were available). There a patch of fog and a patch of hair lie far apart, but two
# patches of hair near each other, even if no hair is in the same place.

# %%
import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import tfgans
from tfgans import data, metrics
from tfgans.data.degrade import bicubic_down, bicubic_up
from tfgans.metrics import legibility as writing
from tfgans.models import srgan
from tfgans.reports.notebook import SMOKE, curves, finish, new_folder, over_time, results, show, sources, verdicts

folder = new_folder("17_srgan")

# %% [markdown]
# ## The networks
#
# The generator works at the small size, where that is cheap: residual blocks whose sums let the image pass through
# unharmed. At its end a *pixel shuffle* turns four channels into a square of 2×2 pixels, twice. Weights that only ever
# see 24×24 pixels enlarge pictures of any size.

# %%
sources(srgan.build_generator, srgan.build_discriminator)

# %% [markdown]
# ## Two stages
#
# First the pixel loss alone (SRResNet), then the game. A pre-trained generator meets the discriminator on equal terms;
# one that starts from noise loses at once, and learns to fool rather than to restore.

# %%
sources(srgan.SRGAN.train_step, srgan.SRGAN.compete, srgan.SRGAN.generator_losses)

# %% [markdown]
# ## Trying it
#
# Small networks, and the photographs that come with scikit-image: enough to see the stages. SqueezeNet's weights are
# a download that not everybody has; without them the content loss here is the pixel loss, the paper's "SRGAN-MSE".

# %%
small = {"width": 4, "blocks": 1, "image_shape": (32, 32, 3)} if SMOKE else {"width": 32, "blocks": 4}
before, steps = (2, 4) if SMOKE else (600, 900)
common = dict(dataset="photos", precision="float32", jit="off")
settings = {"content": "none", "pixel_weight": 0.0, "content_weight": 1.0, "discriminator_width": 8, **small}
runs = {
    "two stages": tfgans.train("srgan", run=folder / "a", pretrain_steps=before, steps=steps, **settings, **common),
    "from scratch": tfgans.train("srgan", run=folder / "b", pretrain_steps=0, steps=steps, **settings, **common),
}
over_time(runs["two stages"], folder / "over_time.png", shown=3)
curves(runs, folder / "curves.png")

# %% [markdown]
# ## Looking
#
# A photograph that neither has seen. From the left: enlarged bicubically, the two restorations, the original. By PSNR
# the bicubic enlargement is ahead of both: a handful of photographs and a few minutes do not teach a network fidelity.
# The full training, below, passes it.

# %%
photo = data.load("photos", "test", keep_size=True).image(0)
photo = photo[: photo.shape[0] // 4 * 4, : photo.shape[1] // 4 * 4].astype(np.float32) / 127.5 - 1
poor = bicubic_down(tf.constant(photo), 4)
images = {"bicubic": (bicubic_up(poor, 4).numpy() + 1) / 2}
for name, run in runs.items():
    model = run.load(run.latest())
    images[name] = model.restore((poor[None] + 1) / 2).numpy()[0]
images["original"] = (photo + 1) / 2
top, left = (np.array(photo.shape[:2]) - 128) // 2
crops = np.stack([image[top : top + 128, left : left + 128] for image in images.values()])
show(crops.clip(0, 1), folder / "crops.png", columns=4, title=", ".join(images))
for name, image in images.items():
    if name != "original":
        score = metrics.psnr(image[None].clip(0, 1), images["original"][None], border=4, y_channel=True)[0]
        print(f"{name:14} {score:.2f} dB")

# %% [markdown]
# ## Where the detail is
#
# Shrinking to a quarter removes every wave that is shorter than eight pixels. Right of the line, all that a
# restoration has is invented. An enlargement has next to nothing there; a network trained on errors has too little; one
# that has to look like a photograph has about as much as a photograph.

# %%
figure, axes = plt.subplots(figsize=(6, 3.5))
frequencies = (np.arange(32) + 0.5) / 64
for name, image in images.items():
    axes.semilogy(frequencies, metrics.spectrum(image[None].clip(0, 1))[0], label=name)
axes.axvline(1 / 8, color="grey")
axes.set(xlabel="cycles per pixel", ylabel="power")
axes.legend(frameon=False)
finish(figure, folder / "spectra.png")

# %% [markdown]
# ## Small writing
#
# Hair may be any hair, but a letter is right or wrong. Random capitals are shrunk, restored and read by an ideal reader
# who knows all thirty of them and where each one stands. These small networks spoil letters that the blur leaves
# legible; the results of the full training are at the end.

# %%
pages = {}
for height in writing.HEIGHTS[:1] if SMOKE else writing.HEIGHTS:
    sheet, letters, shifts = writing.page(height)
    small_page = bicubic_down(tf.constant(sheet, tf.float32) / 127.5 - 1, 4)
    versions = {"bicubic": bicubic_up(small_page, 4).numpy()}
    versions |= {n: r.load(r.latest()).generator(small_page[None], training=False).numpy()[0] for n, r in runs.items()}
    pages[height] = versions["two stages"]
    shares = {name: np.mean(writing.read(page, height, shifts) == letters) for name, page in versions.items()}
    print(f"{height:3} pixels high: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
cut = np.stack([(page[:96, :288] + 1) / 2 for page in pages.values()])
show(cut.clip(0, 1), folder / "writing.png", columns=2, title="8, 12, 16 and 24 pixels high")

# %% [markdown]
# ## The full trainings
#
# On 256 photographs, with SqueezeNet's features in the content loss.

# %%
for name in ("srresnet-photos", "srgan-photos", "srgan_scratch-photos"):
    results(name, folder)

# %% [markdown]
# `tfgans restore srgan-photos holiday.jpg` enlarges your own pictures.
#
# ## What the sources say, and what was measured

# %%
verdicts("17_srgan")

# %% [markdown]
# What PSNR cannot say, a person can: open the crop sheets of both cards side by side. And what no number here says: the
# detail is *plausible*, not true. A restored face is nobody's face, a restored number plate is no evidence.
