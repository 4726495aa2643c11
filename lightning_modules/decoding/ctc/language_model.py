"""KenLM's n-gram language models."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any


def check_language_model(path: str) -> None:
    """Raise ValueError if the file of a language model is missing, or KenLM is not installed."""
    if not Path(path).is_file():
        raise ValueError(f"language_model: there is no file {path}")
    if find_spec("kenlm") is None:
        raise ValueError(f"language_model: {path} needs KenLM, which is not installed; pip install 'melisma[lm]'")


def read_language_model(path: str) -> Any:  # noqa: ANN401 - KenLM has no types
    """A `kenlm.Model` from an .arpa file or KenLM's binary format; ValueError if the file cannot be read."""
    import kenlm  # an optional dependency

    try:
        return kenlm.Model(path)
    except (OSError, RuntimeError, UnicodeError) as error:
        raise ValueError(f"language_model: {path} is not a file that KenLM can read: {error}") from error
