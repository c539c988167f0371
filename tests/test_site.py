"""The site: its navigation has every page, and links out of docs/ lead to the files. MkDocs is not needed."""

import base64
import hashlib
import importlib.util
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tfgans.files import ROOT

CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
SPEC = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
assert SPEC and SPEC.loader
hooks = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(hooks)


def pages(part: Any) -> Iterator[str]:
    """The files of a navigation."""
    if isinstance(part, str):
        yield part
    else:
        for each in part.values() if isinstance(part, dict) else part:
            yield from pages(each)


def test_the_navigation_names_each_page_once() -> None:
    named = list(pages(CONFIG["nav"]))
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(named) == sorted({hooks.START} | there)


def source(module: str) -> str:
    place = ROOT / module.replace(".", "/")
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def test_the_api_names_what_exists() -> None:
    shown = re.compile(r"^::: ([\w.]+)$(?:\n +options:\n +members: \[(.*)\])?", re.MULTILINE)
    for page in sorted((ROOT / "docs" / "api").glob("*.md")):
        for name, members in shown.findall(page.read_text(encoding="utf-8")):
            module, _, last = name.rpartition(".")
            assert source(name) or re.search(rf"^(def|class) {last}\b", source(module), re.MULTILINE), name
            for member in members.split(", ") if members else []:
                assert re.search(rf"^ *(def|class) {member}\b", source(name) or source(module), re.MULTILINE), member


@pytest.mark.parametrize(
    "link, uri, expected",
    [
        ("docs/gans/gan.md", "index.md", "gans/gan.md"),
        ("saved_models/gan-mnist/samples.png", "index.md", "saved_models/gan-mnist/samples.png"),
        ("../../saved_models/gan-mnist/samples.png", "gans/gan.md", "../saved_models/gan-mnist/samples.png"),
        ("../README.md", "RESULTS.md", "index.md"),
        ("../CLAIMS.md#sources", "guides/train.md", "../CLAIMS.md#sources"),
        ("#start", "index.md", "#start"),
        ("https://arxiv.org/abs/1609.04802", "gans/srgan.md", "https://arxiv.org/abs/1609.04802"),
        ("../../tests/toys", "guides/your_own_gan.md", f"{hooks.REPOSITORY}/tree/main/tests/toys"),
        ("CONTRIBUTING.md", "index.md", f"{hooks.REPOSITORY}/blob/main/CONTRIBUTING.md"),
        ("../../tfgans/models/gan.py#L27", "gans/gan.md", f"{hooks.REPOSITORY}/blob/main/tfgans/models/gan.py#L27"),
    ],
)
def test_links(link: str, uri: str, expected: str) -> None:
    assert hooks.address(link, uri) == expected


def test_inline_scripts_are_allowed_by_their_hashes() -> None:
    page = (
        '<head>\n<script>one()</script><script src="a.js"></script><script id="x" type="application/json">{}</script>'
    )
    made = hooks.on_post_page(page, None, None)
    digest = base64.b64encode(hashlib.sha256(b"one()").digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in made and made.endswith(page.removeprefix("<head>"))
