"""The composition root: the command line, and one YAML for each experiment. The only folder that imports all others.

`load` makes a model of ours ready for recordings, in Python.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# With AMX, oneDNN 3.10 of torch 2.11 computes convolutions in bfloat16 wrongly where few channels meet long kernels, by
# as much as the values themselves. It reads this when it computes first; `precision` looks whether it has helped.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")

if TYPE_CHECKING:
    from experiments.transcription.loading import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 -- imported when it is first asked for: commands do without torch
    if name == "load":
        from experiments.transcription.loading import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
