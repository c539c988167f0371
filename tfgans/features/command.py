"""`tfgans judge`: training the classifiers and segmenters that score images."""

from pathlib import Path
from typing import Annotated

import typer

from tfgans.errors import UserError

HELP = "Train the classifiers and segmenters that score images."
app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)


@app.command("train")
def train(
    name: Annotated[
        str,
        typer.Argument(help="mnist, fashion_mnist, cifar10 or cifar100; a segmenter: cityscapes, camvid or dsb2018"),
    ],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="saved_models/judge-NAME by default")] = None,
    seed: Annotated[int, typer.Option(help="seed of weights and augmentation")] = 0,
    epochs: Annotated[int | None, typer.Option(help="passes over the training images")] = None,
    dataset: Annotated[str | None, typer.Option(help="for a segmenter: pairs:PATH; pairs:data/NAME by default")] = None,
    data_dir: Annotated[
        str | None, typer.Option(help="where TensorFlow Datasets keeps its data (or TFDS_DATA_DIR)")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="replace the judge that is there")] = False,
) -> None:
    """Train the classifier or segmenter that scores the images of a data set."""
    from tfgans.features.judge_training import train_judge_command
    from tfgans.features.segmenter_networks import SEGMENTERS

    if name in SEGMENTERS:
        from tfgans.features.segmenter_training import train_segmenter_command

        train_segmenter_command(name, out=output, dataset=dataset, seed=seed, epochs=epochs, force=force)
        return
    if dataset is not None:
        raise UserError(f"the judge {name} is trained on the data set of that name: leave --dataset out")
    train_judge_command(name, out=output, data_dir=data_dir, seed=seed, epochs=epochs, force=force)
