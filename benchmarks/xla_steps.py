"""Training steps compiled by XLA, timed where there is JAX and perhaps a GPU, but no TensorFlow; beside PyTorch twins.

    python benchmarks/xla_steps.py --export DIR [GAN[:RECIPE] ...]    # where TensorFlow is: writes the steps
    python benchmarks/xla_steps.py --run DIR [NAME ...]               # where JAX is: times them, writes the table

Without names all GANs are exported, each with its first recipe, and SRResNet; with `--tiny` all recipes, at the size
of the tests and in float32. A step with `jit_compile=True` is one XLA program; what TensorFlow makes of it before XLA
optimizes it for a device, JAX can take as well. DIR/NAME gets `values.npz` (a batch of noise and the variables of a
fresh model) and, for each precision, PRECISION.hlo (the program) and PRECISION.json: its parameters and results, and
the losses of the first step of each stage of the training, as TensorFlow computes them here.

`--run` compiles each program, compares the losses of its first step with TensorFlow's, and times it. The programs of a
GAN and, where PyTorch is, its twins (twins_torch.py) take turns; medians go to DIR/results.json. The section of this
machine in docs/BENCHMARKS.md (or `--table FILE`) is written after each GAN, so that a run that is cut off keeps its
rows, and a later one adds to them. With `--check` losses are compared and nothing is timed; the exit code is 1 if those
of a float32 program differ by more than 1e-4. A GPU that computes in TensorFloat-32 is farther off, unless
NVIDIA_TF32_OVERRIDE=0 is set.
"""

import argparse
import importlib.util
import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # PyTorch needs memory, too

import numpy as np
from report import ROOT, TABLE, host, quartiles, ratios, table, turns, with_section, write

PRECISIONS = ("float32", "mixed_bfloat16")
EXTRA = ("srgan:srresnet",)  # beside the first recipe of each GAN
TOLERANCE = 1e-4  # of float32 losses, relative
LEAST = 1e-3  # what is smaller counts as this large: a difference of two averages may be nearly 0


# --- where TensorFlow is ----------------------------------------------------------------------------------------------


def export(folder: Path, names: list[str], tiny: bool = False) -> int:
    """Write the steps of these GANs; returns how many could not be compiled."""
    sys.path.insert(0, str(ROOT))
    from tfgans import models

    if not names:
        each = [f"{gan}:{key}" for gan in models.MODELS for key in models.recipes(gan)]
        names = each if tiny else [*models.MODELS, *EXTRA]
    failed = 0
    for gan, _, key in (name.partition(":") for name in names):
        key = key or models.default(gan)
        recipe = models.tiny(gan, key) if tiny else models.recipe(gan, key)
        for precision in PRECISIONS[: 1 if tiny else None]:
            try:
                export_step(folder / f"{gan}-{key}", gan, recipe, precision)
                print(f"{gan}-{key} {precision}", flush=True)
            except Exception as error:  # TensorFlow has many types; the other steps may compile
                reason = next(iter(str(error).splitlines()), "")[:300]
                print(f"{gan}-{key} {precision}: not compiled: {type(error).__name__}: {reason}", flush=True)
                failed += 1
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{size / 2**20:.0f} MiB in {folder}")
    return failed


def export_step(folder: Path, gan: str, recipe: Any, precision: str) -> None:
    """Write one program and what it needs. The values are written with the float32 one; the others have the same."""
    import tensorflow as tf

    from tfgans.training.setup import build

    model = build(gan, recipe, 0, precision, jit_compile=True)
    drawn = noise(model, recipe.batch_size)
    batch = {key: tf.constant(value) for key, value in drawn.items()}
    variables = {}
    for owner in (model, *model.metrics, *(getattr(model, player) for player in model.players)):
        variables |= {id(v.value.handle): v for v in owner.variables}
    keys = {handle: f"{i} {v.path}" for i, (handle, v) in enumerate(variables.items())}
    fresh = {keys[handle]: v.numpy() for handle, v in variables.items()}

    step = tf.function(model.train_step, jit_compile=True)
    function = step.get_concrete_function(batch)
    program = step.experimental_get_compiler_ir(batch)
    values = {f"batch {key}": value for key, value in drawn.items()} | fresh
    parameters = [f"batch {key}" for key in sorted(drawn)]  # the order of tf.nest
    for i, captured in enumerate(function.captured_inputs):
        variable = captured.dtype == tf.resource
        parameters.append(keys[id(captured)] if variable else f"constant {i}")
        if not variable:  # weights of a content network
            values[parameters[-1]] = captured.numpy()
    head = program(stage="hlo").split("\n", 1)[0]
    about = {
        "precision": precision,
        "images": recipe.batch_size * (model.group or 1),
        "model": recipe.model,
        "optimizers": recipe.optimizers,
        "parameters": parameters,
        "updates": {int(result): parameters[int(i)] for result, i in re.findall(r"\{(\d+)\}: \((\d+),", head)},
        "terms": sorted(model.terms),
        "stages": [],
        "networks": {
            network: [keys[id(v.value.handle)] for v in getattr(model, network).trainable_variables]
            for network in dict.fromkeys(name for names in model.players.values() for name in names)
        },
    }
    if gan == "dcgan":  # what its twin needs to make the same images
        values |= {f"draw {i}": z for i, z in enumerate(latents(model, recipe))}
    begun = 0
    for name, steps in model.stages or (("step", None),):
        changes = {keys[id(model.steps_done.value.handle)]: begun} if model.stages else {}
        for handle, v in variables.items():
            v.assign(changes.get(keys[handle], fresh[keys[handle]]))
        logs = {term: float(value) for term, value in step(batch).items()}
        about["stages"].append({"name": name, "changes": changes, "logs": logs})
        begun += steps or 0

    folder.mkdir(parents=True, exist_ok=True)
    if precision == "float32":
        np.savez_compressed(folder / "values.npz", **values)
    else:
        with np.load(folder / "values.npz") as written:
            same = [np.array_equal(written[key], value) for key, value in values.items() if key[:4] != "draw"]
        assert all(same), "the precisions have other values"
    (folder / f"{precision}.hlo").write_bytes(program(stage="hlo_serialized"))
    (folder / f"{precision}.json").write_text(json.dumps(about), encoding="utf-8")


def noise(model: Any, n: int) -> dict[str, np.ndarray]:
    """A batch of noise, with the axis of `group`."""
    rng = np.random.default_rng(0)
    parts = [{key: array.noise(rng) for key, array in model.batch_spec(n).items()} for _ in range(model.group or 1)]
    return parts[0] if model.group is None else {key: np.stack([part[key] for part in parts]) for key in parts[0]}


def latents(model: Any, recipe: Any) -> np.ndarray:
    """What a fresh DCGAN draws in its first step, (draws, n, d); compiled, for XLA draws other numbers than a graph."""
    import keras
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def draw() -> tf.Tensor:
        shape = (recipe.batch_size, model.latent_dim)
        return tf.stack([keras.random.normal(shape, seed=model.seed_generator) for _ in range(draws)])

    draws = 1 + model.generator_steps
    return draw().numpy()  # the state that this changes is put back before the step


# --- where JAX is -----------------------------------------------------------------------------------------------------


class Program:
    """A step as JAX's XLA compiles it. Called, it goes on from the variables that the last call left."""

    def __init__(self, about: dict[str, Any], values: dict[str, np.ndarray], hlo: Path) -> None:
        import jax
        from jax._src.lib import xla_client  # JAX has no public way to compile a program that it did not write

        self.about, self.values, self.device = about, values, jax.devices()[0]
        module = xla_client._xla.mlir.xla_computation_to_mlir_module(xla_client.XlaComputation(hlo.read_bytes()))
        began = time.perf_counter()
        self.program = self.device.client.compile_and_load(
            module, xla_client.DeviceList((self.device,)), xla_client.CompileOptions()
        )
        self.compiling = time.perf_counter() - began

    def restart(self, changes: dict[str, int]) -> None:
        """Back to the variables of a fresh model, some of which are changed."""
        import jax

        self.now = {key: jax.device_put(self.values[key], self.device) for key in set(self.about["parameters"])}
        for key, value in changes.items():
            self.now[key] = jax.device_put(np.asarray(value, self.values[key].dtype), self.device)

    def __call__(self) -> None:
        self.results = self.program.execute([self.now[key] for key in self.about["parameters"]])
        for i, key in self.about["updates"].items():
            self.now[key] = self.results[int(i)]

    def wait(self) -> None:
        for result in self.results:
            result.block_until_ready()

    def losses(self) -> dict[str, float]:
        """Those of the last step: the results that are not a variable's new value, in the order of tf.nest."""
        logged = [float(r) for i, r in enumerate(self.results) if str(i) not in self.about["updates"]]
        return dict(zip(self.about["terms"], logged, strict=True))


def run(folder: Path, names: list[str], options: argparse.Namespace) -> int:
    """Check the steps and, without `options.check`, time them and write the table; returns how many failed."""
    import jax

    jax.config.update("jax_enable_x64", True)  # optimizers count in 64 bits
    twins = {} if options.check else torch_twins()
    wrong, until = 0, time.monotonic() + 60 * options.minutes
    for name in names:
        if time.monotonic() > until:
            print(f"{options.minutes:g} minutes are over before {name}", flush=True)
            break
        programs, failures = compiled(folder / name, PRECISIONS[: 1 if options.check else None])
        about = next(iter(programs.values())).about if programs else {"stages": []}
        rows: dict[str, Any] = {}
        for stage in (each["name"] for each in about["stages"]):
            label = f"{name} {stage}" if len(about["stages"]) > 1 else name
            twin = twins.get(name)
            steps = {**programs, **(torch_steps(twin, programs) if twin and twin.stage == stage else {})}
            rows[label] = {"images": about["images"], "errors": {}, "compiling": {}}
            for what, step in list(steps.items()):
                try:
                    rows[label]["compiling"][what], rows[label]["errors"][what] = first_step(step, stage)
                except Exception as error:  # such as too little memory, of many types; the others may run
                    failures[what] = told(error)
                    del steps[what]
            errors = rows[label]["errors"]
            wrong += options.check and not errors.get("XLA float32", 0.0) <= TOLERANCE  # NaN is wrong
            print(f"{label}: losses differ by", *(f"{e:.1e} ({what})" for what, e in errors.items()), flush=True)
            if not options.check and steps:
                rows[label] |= timings(steps, options.seconds, options.rounds)
        wrong += len(failures)
        for what, reason in failures.items():
            print(f"{name} {what}: failed: {reason}", flush=True)
        if not options.check and rows:
            keep(folder, rows, options.table)
    return wrong


def compiled(folder: Path, precisions: Iterable[str]) -> tuple[dict[str, Program], dict[str, str]]:
    """The programs of a step by name, and why the others cannot be compiled."""
    programs, failures = {}, {}
    with np.load(folder / "values.npz") as file:
        values = dict(file)
    for precision in precisions:
        about = folder / f"{precision}.json"
        if about.is_file():
            what = f"XLA {short(precision)}"
            try:
                program = Program(json.loads(about.read_text(encoding="utf-8")), values, about.with_suffix(".hlo"))
            except Exception as error:  # JAX's have many types
                failures[what] = told(error)
            else:
                programs[what] = program
    return programs, failures


def torch_twins() -> dict[str, Any]:
    try:
        from twins import TWINS
    except ImportError as error:
        print(f"without the twins: {error}; pip install torch", file=sys.stderr)
        return {}
    return {name: TWINS[name] for name in ("dcgan-mnist", "srgan-srresnet")}  # whose draws are exported


def torch_steps(twin: Any, programs: dict[str, Program]) -> dict[str, Any]:
    """The twins of these programs, eager and compiled."""
    found = {}
    for eager in (True, False):
        for program in programs.values():
            what = f"PyTorch {'eager' if eager else 'compiled'} {short(program.about['precision'])}"
            found[what] = twin(program.about, program.values, compiled=not eager)
    return found


def short(precision: str) -> str:
    return precision.removeprefix("mixed_")


def told(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')[:300]}"


def first_step(step: Any, stage: str) -> tuple[float, float]:
    """Take the first step of a stage: the seconds of compiling, and the largest relative difference of a loss.

    A twin compiles in its first step, and has only the losses that are minimized in its stage.
    """
    expected = next(each for each in step.about["stages"] if each["name"] == stage)
    began = time.perf_counter()
    step.restart(expected["changes"])
    step()
    found, logs = step.losses(), expected["logs"]
    seconds = time.perf_counter() - began
    error = max(abs(value - logs[term]) / max(LEAST, abs(logs[term])) for term, value in found.items())
    return getattr(step, "compiling", seconds), error


def timings(steps: dict[str, Any], seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    """The median time of a step of each, and of its ratio to the first one's in the same round."""
    took = turns(steps, seconds, rounds)
    base = next(iter(took.values()))
    return {
        "seconds": {what: quartiles(values)[0] for what, values in took.items()},
        "ratios": {what: quartiles(ratios(values, base))[0] for what, values in took.items()},
    }


# --- the table --------------------------------------------------------------------------------------------------------


def machine() -> dict[str, str]:
    """The device, and what the programs ran on besides."""
    import jax
    import jaxlib

    device = jax.devices()[0]
    software = [f"Python {platform.python_version()}", f"JAX {jax.__version__}", f"jaxlib {jaxlib.__version__}"]
    if "torch" in sys.modules:
        software.append(f"PyTorch {sys.modules['torch'].__version__}")
    return {
        "device": "CPU" if device.platform == "cpu" else device.device_kind,
        "host": host(),
        "software": ", ".join(software),
        "runtime": " ".join(str(getattr(device.client, "platform_version", "")).split()),
        "load": f"{os.getloadavg()[1]:.1f}" if hasattr(os, "getloadavg") else "",
    }


def keep(folder: Path, rows: dict[str, Any], page: Path) -> None:
    """Add rows to DIR/results.json, and write this machine's section of the table."""
    path = folder / "results.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    here = machine()
    key = f"{here['device']} ({here['host']})"
    before = results.get(key, {"machine": here, "rows": {}})
    kept = {**before["machine"], "software": here["software"], "runtime": here["runtime"]}  # and the load at first
    results[key] = {"machine": kept, "rows": {**before["rows"], **rows}}
    write(path, json.dumps(results, indent=1) + "\n")
    text = page.read_text(encoding="utf-8") if page.is_file() else "# Benchmarks\n"
    body = section(kept, results[key]["rows"])
    write(page, with_section(text, f"XLA programs: {key}", body, "benchmarks/xla_steps.py"))


def section(machine: dict[str, str], rows: dict[str, Any]) -> str:
    """The results of a machine in Markdown."""
    base = "XLA float32"
    columns = [base, *dict.fromkeys(what for row in rows.values() for what in row["errors"] if what != base)]

    def ratio(row: dict[str, Any], what: str) -> str:
        return f"{row['ratios'][what]:.2f}" if what in row["ratios"] and base in row["ratios"] else ""

    times, errors = [], []
    for name, row in rows.items():
        errors.append([name, *(f"{row['errors'][what]:.0e}" if what in row["errors"] else "" for what in columns)])
        if "seconds" in row:
            own = f"{1000 * row['seconds'][base]:.1f}" if base in row["seconds"] else "failed"
            compiling = f"{row['compiling'][base]:.0f}" if base in row["compiling"] else ""
            times.append([name, str(row["images"]), own, compiling, *(ratio(row, what) for what in columns[1:])])
    load = f" The load average was {machine['load']} before the first step." if machine["load"] else ""
    return "\n".join(
        [
            f"{machine['host']}; {machine['software']}; {machine['runtime']}.{load}",
            "",
            f"A step's time, of {base} in milliseconds; of the others as many times that.",
            "",
            *table(["step", "images", f"{base}, ms", "compiled in s", *columns[1:]], times),
            "",
            "How far the losses of the first step are from TensorFlow's, which XLA compiled on the CPU; relative.",
            "",
            *table(["step", *columns], errors),
        ]
    )


# --- the command ------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--export", type=Path, metavar="DIR", help="write the steps, with TensorFlow")
    action.add_argument("--run", type=Path, metavar="DIR", help="time them, with JAX and PyTorch")
    parser.add_argument("names", nargs="*", help="GAN[:RECIPE] to export, or folders of DIR to run (default: all)")
    parser.add_argument("--tiny", action="store_true", help="export at the size of the tests")
    parser.add_argument("--check", action="store_true", help="compare the losses and time nothing")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn (default: 1)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each step (default: 5)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no other GAN after so long")
    parser.add_argument("--table", type=Path, default=TABLE, metavar="FILE")
    options = parser.parse_args()
    needed = "tensorflow" if options.export else "jax"
    if importlib.util.find_spec(needed) is None:
        parser.error(f"{needed} is not installed; pip install -e .[benchmarks]")
    if options.export:
        sys.exit(1 if export(options.export, options.names, options.tiny) else 0)
    names = options.names or sorted(path.parent.name for path in options.run.glob("*/values.npz"))
    absent = [name for name in names if not (options.run / name / "values.npz").is_file()]
    if absent or not names:
        parser.error(f"there is no step {', '.join(absent) or 'at all'} in {options.run}; write it with --export")
    sys.exit(1 if run(options.run, names, options) else 0)


if __name__ == "__main__":
    main()
