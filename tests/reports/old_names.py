"""Names that metrics had before they were rows, such as psnr_scenes_bicubic: short ones, of cards made up by tests."""

import re
from typing import Any

from tfgans.card import Card, Row

NAME = re.compile(
    r"(?P<measure>[a-z_]+?)(_(?P<height>\d+)px)?(__(?P<test>\w+?))?(_(?P<of>real|bicubic|source|mean|biharmonic|floor))?"
)
OF = {None: "model", "source": "input", "mean": "mean_fill", "floor": "train"}
KINDS = {"class_histogram": "class", "ms_ssim_within": "class", "canvas_sharpness": "tenth"}
MEASURES = {"class_histogram": "class_share", "frechet": "frechet_distance", "hole_psnr": "psnr"}


def rows(name: str, values: list[Any], tests: list[str]) -> list[Row]:
    """The rows of an old metric whose values, of each training seed, are numbers or lists."""
    given = next((test for test in tests if re.search(f"_{re.escape(test)}(_[a-z]+)?$", name)), None)
    found = NAME.fullmatch(name.replace(f"_{given}", f"__{given}", 1) if given else name)
    assert found is not None, name
    old, of = found["measure"], OF.get(found["of"], found["of"])
    test, measure = found["test"] or tests[0], MEASURES.get(old, old)
    if measure == "coarse_accuracy":
        of = "input"
    if found["height"]:
        return [Row("letters", measure, of, f"{found['height']} px", values=values)]
    if not isinstance(values[0], list):
        return [Row(test, measure, of, "hole" if old == "hole_psnr" else None, values=values)]
    kind = KINDS.get(old, "code")
    first = 1 if kind == "tenth" else 0
    each = zip(*values, strict=True)
    return [Row(test, measure, of, f"{kind} {i}", values=list(part)) for i, part in enumerate(each, first)]


def card(gan: str = "dcgan", tests: tuple[str, ...] = (), **values: Any) -> Card:
    """A card; a tuple is a metric under its old name, or with "loss_" a statistic of both losses, with a value for each
    seed. All else is a field, a setting or an entry of the protocol."""
    n = max([len(v) for v in values.values() if isinstance(v, tuple)], default=1)
    metrics = {k: list(v) for k, v in values.items() if isinstance(v, tuple) and not k.startswith("loss_")}
    statistics = {k[5:]: list(v) for k, v in values.items() if k.startswith("loss_")}
    own = {k: v for k, v in values.items() if not isinstance(v, tuple)}
    sets = list(tests) or ["mnist"]
    protocol = {"features_sha256": "ab", "split": "mnist test", "n_real": 100, "n_fake": 100, "sample_seed": 1}
    protocol |= {"degradation": "bicubic:4", "tests": sets} if tests else {}
    facts: dict[str, Any] = {
        "gan": gan,
        "recipe": "mnist",
        "task": "restoration" if tests else "generation",
        "dataset": "mnist",
        "image_shape": [28, 28, 1],
        "classes": None,
        "endpoints": {"restore": ["images"]} if tests else {"sample": ["n", "seed"]},
        "commands": [f"tfgans train {gan} --seed {seed}" for seed in range(n)],
        "commit": "1234",
        "training_seeds": list(range(n)),
        "exported_seed": 0,
        "parameters": {},
        "precision": "float32",
        "jit_compile": False,
        "train_seconds": [1.0] * n,
        "machine": {"cpu": "one"},
        "cores": [2] * n,
        "protocol": protocol,
        "measurements": [row for k, v in {"frechet_floor": [0.5], **metrics}.items() for row in rows(k, v, sets)],
        "losses": {"d_loss": statistics, "g_loss": statistics},
    }
    settings = {"dataset": "mnist", "model": {}, "optimizers": {}, "steps": 9_380, "batch_size": 128, "decay": 0.0}
    settings |= {k: own.pop(k) for k in list(own) if k in settings and k != "dataset"}
    return Card(**{**facts, "settings": settings, **own})
