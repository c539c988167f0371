"""Training the models listed in saved_models/seeds.yaml, one by one: `make seeds`.

saved_models/seeds.yaml lists cards by priority, each with its recipe and number of training seeds; keys that begin with
a dot hold settings that cards share. First seeds come before second ones. An interrupted training continues from its
last checkpoint. If a card's settings differ from its recipe, it is made again from seed 0. Two of these commands may
run side by side: they work on different cards.
"""

import argparse
import contextlib
import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tfgans import models
from tfgans.card import read_card
from tfgans.errors import UserError, abandon_stdout
from tfgans.files import ROOT
from tfgans.recipe import load
from tfgans.run import Run

LIST = ROOT / "saved_models" / "seeds.yaml"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A card to be made. With `model`, its first run is also exported. `evaluate` holds further arguments of
    `tfgans evaluate`."""

    card: str
    gan: str
    recipe: str
    seeds: int
    model: bool = True
    evaluate: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return ROOT / "saved_models" / self.card

    def next_seed(self) -> int | None:
        """The first training seed that the card lacks, or None; 0 if there is no card or its settings differ from the
        recipe."""
        card, recipe = read_card(self.folder), models.recipe(self.gan, self.recipe)
        if card is None or card.recipe != self.recipe or recipe.departures(card.settings):
            return 0
        return next((seed for seed in range(self.seeds) if seed not in card.training_seeds), None)

    def commands(self, seed: int) -> list[list[str]]:
        """The arguments of the `tfgans` commands that train or resume this seed and add it to the card. A finished
        training is only measured.

        Raises UserError if the run's folder holds a training with other settings.
        """
        run = ROOT / "runs" / f"{self.card}-s{seed}"
        recipe = models.recipe(self.gan, self.recipe)
        train = ["train", self.gan, "--recipe", self.recipe, "--seed", str(seed), "--run", f"runs/{run.name}"]
        if run.exists():
            departures = recipe.departures(Run.open(run).config["recipe"])
            if departures:
                raise UserError(f"runs/{run.name} has other settings: {' '.join(departures)} Delete it")
            train = ["resume", f"runs/{run.name}"] if (Run(run).latest() or 0) < recipe.steps else []
        evaluate = ["evaluate", f"runs/{run.name}", "--card", f"saved_models/{self.card}", *self.evaluate]
        evaluate += ["--add"] if seed else []
        evaluate += [] if self.model or seed else ["--no-model"]
        return [each for each in (train, evaluate) if each]

    def made(self, seed: int) -> bool:
        """Train a seed and add it to the card. Returns whether the card then has it."""
        try:
            done = not any(run_tfgans(arguments) for arguments in self.commands(seed))
        except UserError as error:
            print(f"{self.card}: {error}", file=sys.stderr)
            return False
        return done and self.next_seed() != seed


def read_list(path: Path = LIST) -> list[Wanted]:
    """The listed cards in order. Raises UserError for an invalid list or unknown names."""
    try:
        entries = load(path.read_text(encoding="utf-8"))
        wanted = [
            Wanted(card, **{**fields, "evaluate": tuple(fields.get("evaluate", ()))})
            for card, fields in entries.items()
            if not card.startswith(".")
        ]
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    for each in wanted:
        models.recipe(each.gan, each.recipe)
    return wanted


@contextlib.contextmanager
def taken(card: str) -> Iterator[bool]:
    """Holds a lock on a card; yields whether this process has it. The system releases it when the process ends."""
    run = Run(ROOT / "runs" / ".seeds" / card)
    run.path.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(run.alone())
        except UserError:
            yield False
            return
        yield True


def work(wanted: list[Wanted], only: list[str] | None = None) -> int:
    """Train and measure what is missing: first seeds before second ones, then in the order of the list. Cards whose
    training failed are skipped. Returns their number."""
    left = [each for each in wanted if not only or each.card in only]
    failed = 0
    while lacking := sorted((seed, i) for i, each in enumerate(left) if (seed := each.next_seed()) is not None):
        for _, i in lacking:
            each = left[i]
            with taken(each.card) as mine:
                seed = each.next_seed()  # another process may have added it in the meantime
                if not mine or seed is None:
                    continue
                print(f"{each.card}: seed {seed}", flush=True)
                if not each.made(seed):
                    failed += 1
                    left.remove(each)
                break
        else:
            return failed  # other processes work on the rest
    return failed


def run_tfgans(arguments: list[str]) -> int:
    """The exit status of `tfgans ARGUMENTS` in a new process, run from the repository's root."""
    return subprocess.run([sys.executable, "-m", "tfgans", *arguments], cwd=ROOT).returncode


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Train the seeds listed in saved_models/seeds.yaml.")
    parser.add_argument("cards", nargs="*", help="only these cards; all by default")
    parser.add_argument("--dry-run", action="store_true", help="print what is missing, and stop")
    options: Any = parser.parse_args(arguments)
    try:
        wanted = read_list()
        unknown = set(options.cards) - {each.card for each in wanted}
        if unknown:
            raise UserError(f"{LIST.name} has no card {', '.join(sorted(unknown))}")
        if options.dry_run:
            for each in wanted:
                seed = each.next_seed()
                line = "complete" if seed is None else f"seed {seed} of {each.seeds} is next"
                print(f"{each.card:32} {line}", flush=True)
            return 0
        return 1 if work(wanted, options.cards) else 0
    except UserError as error:
        print(f"seeds: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader has closed the pipe
        abandon_stdout()
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
