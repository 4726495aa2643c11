"""What a benchmark ran on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def describe_machine(packages: Sequence[str]) -> str:
    """Processor, cores, load and versions, in a few lines.

    Args:
        packages: distributions whose versions matter.
    """
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return "\n".join(
        [
            f"{_processor()}, {len(os.sched_getaffinity(0))} cores, load averages {load} over 1, 5 and 15 minutes",
            f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
            ", ".join(f"{package} {_version(package)}" for package in packages),
        ]
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
