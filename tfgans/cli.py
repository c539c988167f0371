"""The command line. Each command imports its modules when it runs, so that --help is quick."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import absl.logging
import typer

from tfgans.errors import Diverged, UserError, abandon_stdout, ending_on_signals, line_of, open_streams
from tfgans.features import command as judge

app = typer.Typer(
    help="Train, measure, export and use generative adversarial networks.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(judge.app, name="judge")


def _use_cache(folder: Path | None) -> Path | None:
    """Make a folder the cache of this process."""
    if folder is not None:
        os.environ["TFGANS_CACHE"] = str(folder.absolute())
    return folder


DataDir = Annotated[str | None, typer.Option(help="folder of TensorFlow Datasets (default: TFDS_DATA_DIR)")]
Cache = Annotated[
    Path | None,
    typer.Option(callback=_use_cache, help="folder for decoded images that do not fit into memory (or TFGANS_CACHE)"),
]
Model = Annotated[str, typer.Argument(help="a SavedModel: a folder, or a name from 'tfgans list'")]
Images = Annotated[list[Path], typer.Argument(help="pictures, or folders of them", metavar="IMAGE...")]
Output = Annotated[
    Path, typer.Option("-o", "--output", help="output folder, or a file such as big.png for a single picture")
]
Sheet = Annotated[bool, typer.Option("--sheet", help="also write NAME-sheet.png, with the pictures before and after")]
Force = Annotated[bool, typer.Option("--force", help="replace existing pictures")]
Strategy = typer.Option(
    help="mirrored: all devices of this machine; multiworker: the workers of TF_CONFIG or Slurm; none: one device"
)
Tile = Annotated[int | None, typer.Option(help="side of a tile in pixels; smaller tiles need less memory")]


@app.command("list")
def list_() -> None:
    """List the saved models, and the GANs that can be trained."""
    from tfgans.reports.listing import lines

    print("\n".join(lines()))


@app.command()
def data(
    name: Annotated[str | None, typer.Argument(help="a data set (default: list all)")] = None,
    data_dir: DataDir = None,
) -> None:
    """List the data sets of the recipes, or print the source and layout of one and check the local copy.

    The check compares the number, the sizes and the contents of the images with the recorded ones. The exit code is 2
    where the copy is absent or different.
    """
    from tfgans.data.command import data_command

    data_command(name, data_dir)


@app.command()
def generate(
    model: Model,
    n: Annotated[int, typer.Option("-n", help="number of images, or of images per label")] = 0,
    labels: Annotated[str | None, typer.Option(help="0-9, or 3,1,4, or names: cat,dog (default: all)")] = None,
    code: Annotated[
        int | None,
        typer.Option(help="for latent codes: the continuous code that varies down the rows (default: 0)"),
    ] = None,
    seed: Annotated[int, typer.Option(help="the same seed gives the same images")] = 0,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="a .png for a grid, otherwise a folder of files")
    ] = Path("samples.png"),
    force: Annotated[bool, typer.Option("--force", help="replace existing files")] = False,
) -> None:
    """Generate images with an exported model."""
    from tfgans.inference.generate import generate as draw

    print(draw(model, n=n, labels=labels, code=code, seed=seed, output=output, force=force))


@app.command()
def restore(
    model: Annotated[
        str,
        typer.Argument(
            help="a SavedModel: a folder or a name from 'tfgans list'; or upscale, which chooses for each file"
        ),
    ],
    images: Images,
    output: Output = Path("restored"),
    sheet: Sheet = False,
    force: Force = False,
    tile: Tile = None,
) -> None:
    """Restore or enlarge pictures of any size.

    IMAGE is a picture or a folder of pictures. Each result keeps its name and format.
    """
    from tfgans.inference.pictures import restore_files, show

    options = dict(output=output, sheet=sheet, force=force, tile=tile, done=show)
    _report(*restore_files(model, images, **options), "restored")


@app.command()
def fill(
    model: Model,
    images: Images,
    mask: Annotated[
        Path | None,
        typer.Option(help="a picture of the same size, light in the hole (default: transparent pixels are the hole)"),
    ] = None,
    output: Output = Path("filled"),
    sheet: Sheet = False,
    force: Force = False,
    tile: Tile = None,
) -> None:
    """Fill holes in pictures of any size.

    Holes are the transparent pixels, or the light pixels of a mask. All other pixels stay.
    """
    from tfgans.inference.pictures import fill_files, show

    options = dict(output=output, sheet=sheet, force=force, tile=tile, done=show)
    _report(*fill_files(model, images, mask=mask, **options), "filled")


@app.command()
def translate(
    model: Model,
    images: Images,
    to: Annotated[str | None, typer.Option(help="target domain of a two-way model (default: its second)")] = None,
    seed: Annotated[int, typer.Option(help="for a model with noise: the same seed gives the same pictures")] = 0,
    instances: Annotated[
        Path | None,
        typer.Option(help="instance map of a label map, or a folder of them (default: touching pixels are one object)"),
    ] = None,
    output: Output = Path("translated"),
    sheet: Sheet = False,
    force: Force = False,
    tile: Tile = None,
) -> None:
    """Translate pictures or label maps into another domain.

    Examples are horses into zebras, or labels into facades.
    """
    from tfgans.inference.pictures import show, translate_files

    options = dict(output=output, sheet=sheet, force=force, tile=tile, done=show)
    _report(*translate_files(model, images, to=to, seed=seed, instances=instances, **options), "translated")


def _report(done: list[Path], failed: list[str], what: str) -> None:
    """Print which pictures failed: a single one as an error, several as a list."""
    if len(failed) == 1 and not done:
        raise UserError(failed[0])
    if failed:
        print(f"tfgans: {len(failed)} pictures were not {what}:", file=sys.stderr)
        for line in failed:
            print(f"  {line}", file=sys.stderr)
        raise typer.Exit(2)


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="a GAN (see 'tfgans list'), or a Python file with a .yaml beside it")],
    recipe: Annotated[
        str | None, typer.Option("--recipe", "--task", help="one of the GAN's recipes (default: the first)")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="a TFDS name, mnist5k, stacked_mnist, gaussians8, gaussians25, folder:PATH, pairs:PATH or domains:PATH"
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="training steps")] = None,
    minutes: Annotated[float | None, typer.Option(help="train for this time instead of --steps")] = None,
    batch_size: Annotated[int | None, typer.Option(help="images in a batch")] = None,
    seed: Annotated[int, typer.Option(help="seed of the weights, the order of the data and the noise")] = 0,
    precision: Annotated[str, typer.Option(help="float32, mixed_bfloat16, mixed_float16 or auto")] = "auto",
    jit: Annotated[str, typer.Option(help="XLA compilation: on, off or auto")] = "auto",
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value, e.g. width=32; repeatable")] = None,
    run: Annotated[Path | None, typer.Option(help="the run folder (default: runs/NAME-RECIPE-sSEED)")] = None,
    every: Annotated[
        int | None, typer.Option(help="steps between checkpoints (default: a twentieth of the run)")
    ] = None,
    data_dir: DataDir = None,
    cache: Cache = None,
    download: Annotated[bool, typer.Option("--download", help="let TensorFlow Datasets download missing data")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only print parameters, FLOPs and time")] = False,
    strategy: Annotated[str, Strategy] = "none",
) -> None:
    """Train a GAN, by default with the settings of its card."""
    from tfgans.recipe import parse_settings
    from tfgans.training.train import train as begin

    settings = parse_settings(set_ or [])
    settings |= {k: v for k, v in {"steps": steps, "batch_size": batch_size}.items() if v is not None}
    made = begin(
        name,
        recipe_key=recipe,
        settings=settings,
        dataset=dataset,
        data_dir=data_dir,
        download=download,
        run_dir=run,
        seed=seed,
        precision=precision,
        jit=jit,
        dry_run=dry_run,
        every=every,
        minutes=minutes,
        strategy=strategy,
    )
    if made is not None:
        _finish(made.path, data_dir)


@app.command()
def resume(
    run: Annotated[Path, typer.Argument(help="a run folder")],
    data_dir: DataDir = None,
    cache: Cache = None,
    strategy: Annotated[str | None, Strategy] = None,
) -> None:
    """Resume an interrupted run from its last checkpoint, by default with its strategy."""
    from tfgans.training.train import resume as go_on

    made = go_on(run, data_dir, strategy)
    if made is not None:
        _finish(made.path, data_dir)


def _finish(run: Path, data_dir: str | None) -> None:
    """Measure a finished run if there is a judge for its data, and write its report."""
    from tfgans.evaluation.evaluate import evaluate_run
    from tfgans.reports.run_page import write_report

    evaluate_run(run, data_dir=data_dir, only_if_possible=True)
    page = write_report(run)
    samples = sorted((run / "samples").glob("step-*.png"))[-1]
    print(f"samples: {samples}\nreport:  {page}")


@app.command()
def evaluate(
    models: Annotated[
        list[Path] | None, typer.Argument(help="runs (one per training seed), or a SavedModel or its name")
    ] = None,
    card: Annotated[Path | None, typer.Option(help="folder of a SavedModel: write card.json of all runs there")] = None,
    add: Annotated[bool, typer.Option("--add", help="add these runs to the existing card as further seeds")] = False,
    update: Annotated[
        bool,
        typer.Option(
            "--update", help="measure a SavedModel again and update its card; with several seeds, add what is missing"
        ),
    ] = False,
    model: Annotated[bool, typer.Option(help="with --card: also export the first run's model")] = True,
    features: Annotated[
        str | None,
        typer.Option(
            help="judge:NAME, squeezenet:PATH, inception or segmenter:NAME; or another and a segmenter, with a comma"
        ),
    ] = None,
    real: Annotated[Path | None, typer.Option(help="a folder of real images, with --fake")] = None,
    fake: Annotated[Path | None, typer.Option(help="a folder of generated images, with --real")] = None,
    n: Annotated[
        int | None, typer.Option("-n", help="number of samples (default: 10,000, or that of the card)")
    ] = None,
    test: Annotated[
        list[str] | None, typer.Option(help="folder:PATH of images to measure a restoration on; repeatable")
    ] = None,
    degradation: Annotated[
        str | None,
        typer.Option(help="degradation of the test images, such as bicubic:4+jpeg:75 (default: the recipe's)"),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Measure runs or a SavedModel, or compare two image folders."""
    from tfgans.evaluation import evaluate as measure
    from tfgans.evaluation.folders import evaluate_folders
    from tfgans.reports.run_page import write_report

    if (real is None) != (fake is None):
        raise UserError("--real and --fake must be given together")
    if real is not None and fake is not None:
        if models or card or add or update or n or test or degradation:
            raise UserError(
                "--real and --fake compare two folders: leave out runs, --card, --add, --update, --test, "
                "--degradation and -n"
            )
        if features is None:
            raise UserError("choose --features to compare the folders in: judge:mnist, squeezenet:PATH or inception")
        found = evaluate_folders(real, fake, features)
        print("{n_fake:,} images against {n_real:,}, in {features}".format(**found["protocol"]))
        measure.show(found["measurements"])
        return
    if not models:
        raise UserError("give a run or a SavedModel, or two folders with --real and --fake")
    protocol: dict[str, Any] = dict(features=features, n=n, data_dir=data_dir, tests=test, degradation=degradation)
    made = measure.evaluate(models, card=card, add=add, update=update, model=model, **protocol)
    measure.show(made.rows)
    for path in models:
        if (path / "config.yaml").exists():
            write_report(path)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="a run folder, or with another --format a SavedModel or its name")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="output folder (default: saved_models/GAN-DATASET, or FORMAT/NAME)"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="replace an existing model")] = False,
    format_: Annotated[
        str, typer.Option("--format", help="savedmodel; onnx or litert: one file for each endpoint")
    ] = "savedmodel",
    blend: Annotated[
        str | None,
        typer.Option(help="another run or SavedModel of the same network for interpolating weights; needs -o"),
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="with --blend: the weight of RUN, 0 to 1")] = None,
) -> None:
    """Export the newest checkpoint of a run as a SavedModel, which loads with TensorFlow alone.

    Other formats are ONNX and LiteRT, for a run or a SavedModel. With --blend, RUN may also be a SavedModel:
    --alpha 0.8 takes 0.8 of its weights and 0.2 of the other's.
    """
    from tfgans.inference.blend import export_blend
    from tfgans.inference.export import export_run

    if format_ != "savedmodel":
        from tfgans.inference.formats import export_as

        if blend is not None or alpha is not None:
            raise UserError("a blend is a SavedModel; export it in another format afterwards")
        for path in export_as(format_, run, output, force):
            print(path)
        return
    if (blend is None) != (alpha is None):
        raise UserError("--blend and --alpha must be given together: the other model, and the weight of this one")
    if blend is None or alpha is None:
        print(export_run(run, output, force))
        return
    if output is None:
        raise UserError("a blend needs an output folder: -o FOLDER")
    print(export_blend(run, blend, alpha, output, force))


def _import_tensorflow() -> None:
    """Import TensorFlow without its messages about absent accelerators, which ignore the log level."""
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow  # noqa: F401
    except (AssertionError, AttributeError, TypeError, ValueError) as error:  # TensorFlow and Keras read this file
        file = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
        if not file.exists():
            raise
        raise UserError(f"TensorFlow does not load with {file}; correct or delete it") from error
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


@app.callback()
def _before(context: typer.Context) -> None:
    if context.invoked_subcommand in ("train", "resume", "judge"):
        import tfgans.training  # noqa: F401  (sets how TensorFlow is loaded)
    if "--help" not in sys.argv and context.invoked_subcommand != "list":
        _import_tensorflow()


def main() -> None:
    """The console script: errors of the input or the system are one line and exit code 2."""
    open_streams()
    logging.basicConfig(format="tfgans: %(message)s", level=logging.WARNING)
    absl.logging.set_verbosity(absl.logging.ERROR)  # TensorFlow Datasets warns about its own deprecations
    try:
        with ending_on_signals():
            try:
                app()
            finally:
                sys.stdout.flush()  # raise errors now, not after the process has ended
    except BrokenPipeError:  # the reader has closed the pipe
        abandon_stdout()
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        line = line_of(error)
        if line is None:
            raise
        print(f"tfgans: {line}", file=sys.stderr)
        if isinstance(error, OSError) and not error.filename:
            abandon_stdout()
        sys.exit(1 if isinstance(error, Diverged) else 2)
