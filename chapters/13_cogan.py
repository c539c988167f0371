# %% [markdown]
# # 13. CoGAN: pairs that nobody showed
#
# Pix2pix learns from pairs. Often there are none: a thousand photographs of rooms, a thousand maps of depth, of other
# rooms. Each set says what its own images look like, $p(x_1)$ and $p(x_2)$, and neither says what goes with what,
# $p(x_1, x_2)$. Many joint distributions have these two margins; one of them is that everything goes with everything.
#
# Liu and Tuzel (2016) choose among them by the form of the networks. Two generators are given the same noise, and
# **their first layers are the same layers**. These decide what is shown: which digit, how slanted, how bold. The last
# layers, each generator's own, only decide how it looks. Nothing else ties the two together:
#
# $$\max_{G_1, G_2} \min_{D_1, D_2}\; \sum_{i=1,2} E[-\log D_i(x_i)] + E[-\log(1 - D_i(G_i(z)))]$$
#
# The discriminators share their *last* layers, which look at the images' meaning.

# %%
import dataclasses

import tfgans.training  # isort: skip  (before TensorFlow, so that it uses oneDNN)
import numpy as np

import tfgans
from tfgans import data, models
from tfgans.inference.export import export_run
from tfgans.inference.exported import Exported
from tfgans.inference.invert import invert
from tfgans.models import cogan
from tfgans.reports.notebook import SMOKE, curves, new_folder, over_time, results, show, sources, verdicts
from tfgans.tasks import Subject, joint_generation

folder = new_folder("13_cogan")

# %% [markdown]
# ## Two domains
#
# Digits, and the edges of digits. One half of the images is left as it is, the other half is reduced to edges: no digit
# is in both sets. There is a right answer, the edges of the very digit, but it is only used for measuring.

# %%
recipe = models.recipe("cogan")  # edges
dataset = "domains:mnist5k"
halves = data.load_domains(dataset, "train", pairing="halves", degradation=recipe.degradation)
a, b = (each.images[:20] / np.float32(255) for each in halves.sets.values())
show(np.concatenate([a, b]), folder / "domains.png", title="digits, and edges of other digits")

# %% [markdown]
# ## Networks
#
# The output of the shared layers is computed once; then the two ways part.

# %%
sources(cogan.build_generators, cogan.build_discriminators)

# %% [markdown]
# ## Losses and step
#
# Each is a GAN of its own. Both generators take one step, both discriminators another one.

# %%
sources(cogan.CoGAN.generator_loss, cogan.CoGAN.train_step)

# %% [markdown]
# ## With and without shared layers
#
# The same networks twice: with all hidden layers of the generators shared, and with none.

# %%
small = dict(dataset=dataset, precision="float32", jit="off")
if SMOKE:
    small |= dict(steps=4, batch_size=2, width=2, discriminator_width=2)
else:
    small |= dict(steps=1_500, batch_size=32, width=16, discriminator_width=10)
runs = {
    "shared": tfgans.train("cogan", run=folder / "shared", **small),
    "apart": tfgans.train("cogan", recipe="edges_shared_0", run=folder / "apart", **small),
}
for name, run in runs.items():
    over_time(run, folder / f"over_time_{name}.png", shown=3)
curves(runs, folder / "curves.png")

# %% [markdown]
# ## Do the pairs agree?
#
# From the same noise, from the top: digits and edges with shared layers, digits and edges without. Both look at home in
# their domains, more or less; only with shared layers do they have to do with each other.
#
# The paper counts pixels that agree: we take the edges of the generated digit and compare them with the generated
# edges, light with light and dark with dark. Most of an image is dark, so even edges of other digits agree in many
# pixels. That number is printed for comparison.

# %%
exported = {name: Exported(export_run(run.path, folder / f"{name}-model")) for name, run in runs.items()}
drawn = [model.sample(10, seed=1) for model in exported.values()]
rows = np.concatenate([each[side] for each in drawn for side in ("a", "b")])
show(rows, folder / "pairs.png", title="digits and edges: shared, then apart")
subject = Subject(dataclasses.replace(recipe, dataset=dataset), n=100 if SMOKE else 500)
for name, model in exported.items():
    measured = joint_generation.measure(model, subject)
    agreed = {row.of: row.values[0] for row in measured.rows if row.measure == "pixel_agreement"}
    print(
        f"{name:8} pixels that agree {agreed['model']:.3f}, with the edges of another sample {agreed['shuffled']:.3f}"
    )

# %% [markdown]
# ## Translating by looking for the noise
#
# There is no encoder: a CoGAN cannot be shown an image to change. But one can look for the noise that makes a digit,
# $z^* = \arg\min_z \lVert G_1(z) - x_1 \rVert$, and let the other generator draw that. From the top: digits that no
# training has seen, the nearest images of the first generator, and those of the second one for the same noise. The
# search can find only what the generator is able to draw.

# %%
test = data.load_domains(dataset, "test", pairing="halves", degradation=recipe.degradation)
digits = next(iter(test.sets.values())).images[:10] / np.float32(255)
found = invert(exported["shared"], digits, steps=5 if SMOKE else 200)
show(np.concatenate([digits, found.made["a"], found.made["b"]]), folder / "translations.png", title="by their noise")
print(f"mean squared difference of what was found: {found.distances.mean():.3f}")

# %% [markdown]
# ## A classifier for images without labels
#
# Digits of MNIST have labels here, digits of the post office (USPS) have none. A softmax on the discriminators' shared
# hidden layer learns the labels of the first. The layers below it learn from both domains, because the game goes on in
# both. So it may also work on the second.

# %%
sources(cogan.CoGAN.discriminator_loss, cogan.CoGAN.classify_b)

# %% [markdown]
# ## The full trainings

# %%
for name in ("cogan-edges", "cogan-negative", "cogan-rotation", "cogan-usps"):
    results(name, folder)

# %% [markdown]
# ## What the paper says, and what was measured

# %%
verdicts("13_cogan")

# %% [markdown]
# `tfgans generate cogan-edges` draws pairs, `tfgans translate cogan-edges digit.png --to edges` looks for the noise.
