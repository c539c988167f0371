"""README and docs/: short enough, links that lead somewhere, commands that exist. Nothing here loads TensorFlow."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tfgans import models
from tfgans.cli import app
from tfgans.files import ROOT
from tfgans.recipe import parse_settings
from tfgans.reports import gan_page

WORDS = 800
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
WITH_COMMANDS = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
OF_THE_READER = ("my_", "saved_models/my_", "MODEL", "upscale")  # models that a reader makes, or chooses


def commands(text: str) -> Iterator[list[str]]:
    """The words of each `tfgans ...` of a text, in code blocks and between backticks."""
    blocks = re.sub(r"\\\n\s*", "", "\n".join(re.findall(r"^    (.*)$", text, re.MULTILINE)))
    for line in [*blocks.splitlines(), *re.findall(r"`(tfgans [^`]+)`", text)]:
        words = shlex.split(line, comments=True) if line.startswith("tfgans ") else []
        if words and words[1] != "COMMAND":
            yield words[1:]


EVERY = [(path, words) for path in WITH_COMMANDS for words in commands(path.read_text(encoding="utf-8"))]


def parsed(words: list[str]) -> tuple[str, dict[str, Any]]:
    """The command's name and its arguments, as the command line reads them; nothing is run."""
    found: Any = typer.main.get_command(app)
    while hasattr(found, "commands"):
        found, words = found.commands[words[0]], words[1:]
    return found.name, found.make_context(found.name, list(words)).params


def test_the_readme_is_short() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    prose = re.sub(r"<!-- results.*?<!-- end of results -->", "", readme, flags=re.DOTALL)
    prose = re.sub(r"\]\([^)]*\)", "]", prose)  # addresses are not read
    assert len(prose.split()) <= WORDS


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if "://" not in link:
            place, _, line = link.partition("#L")
            target = path.parent / place
            assert target.exists(), link
            assert not line or int(line) <= len(target.read_text(encoding="utf-8").splitlines()), link


@pytest.mark.parametrize("path, words", EVERY, ids=lambda each: " ".join(each)[:60] if isinstance(each, list) else "")
def test_commands_are_those_of_the_command_line(path: Path, words: list[str]) -> None:
    command, given = parsed(words)
    if command == "train" and given["name"] in models.MODELS:
        settings = parse_settings(list(given["set_"] or []))
        models.recipe(given["name"], given["recipe"]).override(settings)
    if command in ("generate", "restore", "fill", "translate") and not given["model"].startswith(OF_THE_READER):
        assert (ROOT / "saved_models" / Path(given["model"]).name / "saved_model.pb").is_file(), given["model"]


def test_commands_are_found() -> None:
    assert {words[0] for _, words in EVERY} >= {
        "list", "train", "resume", "generate", "restore", "fill", "translate", "evaluate", "export", "judge"
    }  # fmt: skip
    assert list(commands("    tfgans train a \\\n        --seed 1   # a comment\n\nand `tfgans list`.\n")) == [
        ["train", "a", "--seed", "1"],
        ["list"],
    ]
    with pytest.raises(Exception, match="[Nn]o such option"):
        parsed(["train", "gan", "--epochs", "3"])


def test_sentences_of_docstrings_and_recipes() -> None:
    assert gan_page._first_sentence("-log D(x), as Goodfellow et al. 2014 have it. More.\n\nEven more.") == (
        "-log D(x), as Goodfellow et al. 2014 have it."
    )
    assert gan_page._first_sentence("(n, h, w)\n-> (n,)") == "(n, h, w) -> (n,)"
    assert gan_page._text("a * b < `c * d`") == "a \\* b \\< `c * d`"
    texts = {"one": ("All.", "One."), "two": ("All.", "Two."), "three": ("All.", "Two.")}
    assert gan_page._shared(texts) == ["All.", "One. (`one`)", "Two. (all but `one`)"]


def test_a_page_links_to_the_lines_of_its_source() -> None:
    items = list(gan_page._implementation("dcgan"))
    source = (ROOT / "tfgans/models/dcgan.py").read_text(encoding="utf-8").splitlines()
    name, line = re.match(r"\[`(\w+)`\]\(\S+/dcgan.py#L(\d+)\)", items[0]).groups()  # type: ignore[union-attr]
    assert source[int(line) - 1].startswith(f"def {name}(")
    assert any("`DCGAN.generator_loss`" in item and "-log D(G(z))." in item for item in items)
    assert any("`build_generator`" in item and "dcgan.py" in item for item in gan_page._implementation("wgan"))


def test_an_unmeasured_gan_is_called_that() -> None:
    assert "No model is measured yet" in gan_page._trained("pix2pix", {})
