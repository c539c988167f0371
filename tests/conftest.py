"""Shared by all tests: a folder of small images, and the global precision is put back after each test."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as training has it, in the tests' own processes and in new ones
os.environ["TFGANS_CACHE"] = os.devnull  # neither read nor written
os.environ["TFGANS_MODELS"] = os.devnull  # nothing is downloaded

import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares fixtures runs in one worker: a file, or what the contract tests group themselves."""
    for item in items:
        if item.path.name != "test_contract.py":
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(HERE).as_posix()))


def pytest_collection_finish() -> None:
    """What was imported stays: the garbage collector need not go through its million objects again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def float32_policy() -> Iterator[None]:
    """Leaves the process at float32, whatever a test trained in."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].config.set_dtype_policy("float32")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 60 gray images of 28x28 in three class folders."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for i in range(60):
        (folder / f"class{i % 3}").mkdir(exist_ok=True)
        pixels = rng.integers(0, 100, (28, 28), dtype=np.uint8)
        pixels[9 * (i % 3) : 9 * (i % 3) + 9] += 120
        Image.fromarray(pixels).save(folder / f"class{i % 3}" / f"{i:02d}.png")
    return folder
