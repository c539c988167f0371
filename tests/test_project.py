"""The files about the project agree with each other: versions, requirements, templates."""

import configparser
import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import tfgans
from tfgans.files import ROOT

SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
PYTHONS = ["3.10", "3.13"]


def requirements(text: str) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line]


def locked(name: str, python: str) -> dict[str, Requirement]:
    """The requirements of a file that hold for a version of Python, by name."""
    found = requirements((ROOT / name).read_text(encoding="utf-8"))
    return {each.name: each for each in found if not each.marker or each.marker.evaluate({"python_version": python})}


def version(pinned: Requirement) -> str:
    """The one version that a requirement with == allows."""
    (only,) = pinned.specifier
    assert only.operator == "==", f"{pinned} is not pinned"
    return only.version


@pytest.mark.parametrize("python", PYTHONS)
def test_requirements_lock_what_is_installed(python: str) -> None:
    lock = locked("requirements.txt", python)
    for needed in requirements(SETUP["options"]["install_requires"]):
        assert needed.name in lock, f"requirements.txt lacks {needed.name} for Python {python}"
        assert needed.specifier.contains(version(lock[needed.name])), needed


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("extra", ["dev", "notebooks"])
def test_requirements_lock_the_extras_of_development(extra: str, python: str) -> None:
    lock = locked("requirements-dev.txt", python)
    for needed in requirements(SETUP["options.extras_require"][extra]):
        assert needed.name in lock, f"requirements-dev.txt lacks {needed.name} of the extra {extra}"
        assert needed.specifier.contains(version(lock[needed.name])), needed


def test_hooks_run_the_locked_versions() -> None:
    lock = locked("requirements-dev.txt", PYTHONS[-1])
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    revisions = {each["repo"].rpartition("/")[2]: each["rev"] for each in hooks}
    assert revisions["ruff-pre-commit"] == f"v{version(lock['ruff'])}"
    assert revisions["codespell"] == f"v{version(lock['codespell'])}"


def test_the_workflow_tests_the_first_and_the_last_python() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["check"]["strategy"]["matrix"]["python-version"] == PYTHONS
    names = re.findall(r"Python :: (3\.\d+)", SETUP["metadata"]["classifiers"])
    assert [names[0], names[-1]] == PYTHONS
    assert SETUP["options"]["python_requires"] == ">=3.10, <3.14"


def test_the_version_is_that_of_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == tfgans.__version__ and citation["license"] == SETUP["metadata"]["license"]
    assert tfgans.__version__ in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted((ROOT / ".github").glob("ISSUE_TEMPLATE/*.yml")), ids=lambda path: path.stem)
def test_templates_have_what_github_asks_for(path: Path) -> None:
    template = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.stem == "config":
        links = [link["url"].partition("/blob/main/")[2] for link in template["contact_links"]]
        assert links and all((ROOT / link).is_file() for link in links)
        return
    assert template["name"] and template["description"]
    ids = [each["id"] for each in template["body"]]
    assert len(set(ids)) == len(ids) and all(each["attributes"]["label"] for each in template["body"])
