"""Language models of n-grams, which KenLM reads."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any


def check_language_model(path: str) -> None:
    """Refuse a language model that cannot be there.

    Raises:
        ValueError: the file is missing, or KenLM is not installed.
    """
    if not Path(path).is_file():
        raise ValueError(f"language_model: there is no file {path}")
    if find_spec("kenlm") is None:
        raise ValueError(f"language_model: {path} needs KenLM, which is not installed; pip install 'melisma[lm]'")


def read_language_model(path: str) -> Any:  # noqa: ANN401 - KenLM has no types
    """A `kenlm.Model`.

    Args:
        path: of an .arpa file, or of a binary one of KenLM.

    Raises:
        ValueError: it cannot be read.
    """
    # An optional dependency.
    import kenlm

    try:
        return kenlm.Model(path)
    except (OSError, RuntimeError, UnicodeError) as error:
        raise ValueError(f"language_model: {path} is none that KenLM can read: {error}") from error
