"""The machine of a run: what it is called, and what decides the last bits of what it computes."""

import os
import platform
import re
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer

_CPU_INFO = Path("/proc/cpuinfo")


def machine(trainer: Trainer) -> dict[str, Any]:
    """Keys of a record.

    `hardware` says it in words. `threads` (of torch, per process), `cpu_capability` (the vector instructions that torch
    chose) and `processor` decide the order of sums, so figures are bit-equal only where they are.
    """
    return {
        "hardware": _in_words(trainer),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "processor": _processor(),
    }


def _in_words(trainer: Trainer) -> str:
    if trainer.accelerator.name() == "cuda":
        return f"{trainer.num_devices} x {torch.cuda.get_device_name()}"
    return f"{torch.get_num_threads()} threads on {os.cpu_count()} CPU cores"


def _processor() -> str:
    """As Linux names it; elsewhere what Python knows."""
    try:
        named = re.search(r"^model name\s*:\s*(.+)$", _CPU_INFO.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        named = None
    return named[1].strip() if named else platform.processor() or platform.machine()
