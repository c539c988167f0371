"""Facts about the machine and the code that a run records."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import tfgans
from tfgans.inference.onednn import has_onednn


def machine() -> dict[str, Any]:
    """The hardware and software that the numbers were computed on."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpus": len(tf.config.list_physical_devices("GPU")),
        "onednn": has_onednn(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "tfgans": tfgans.__version__,
    }


def has_bfloat16(flags: str | Path = "/proc/cpuinfo") -> bool:
    """Whether the processor multiplies bfloat16 (AVX512_BF16, AMX, or Arm's BF16), according to Linux."""
    try:
        words = Path(flags).read_text(encoding="utf-8").split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(words)


def usable_precision(precision: str) -> str:
    """`precision`, or float32, with a line on stderr, for bfloat16 on a processor without instructions for it."""
    slow = precision == "mixed_bfloat16" and not has_bfloat16() and not tf.config.list_physical_devices("GPU")
    if slow:
        print("this processor has no instructions for bfloat16: training in float32", file=sys.stderr)
    return "float32" if slow else precision


def commit() -> str | None:
    """The commit of the checkout that this package runs from, with "+" if files differ from it."""
    root = Path(tfgans.__file__).parent.parent
    if not (root / ".git").exists():
        return None
    try:
        name = subprocess.run(
            ["git", "-C", root, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        )
        dirty = subprocess.run(
            ["git", "-C", root, "status", "--porcelain", "tfgans"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return name.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def duration(seconds: float) -> str:
    """3725 -> "1h02m"; 185 -> "3m05s"."""
    minutes, seconds = divmod(int(round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{seconds:02d}s" if minutes else f"{seconds}s"
