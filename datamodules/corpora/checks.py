"""Refuse a corpus' options before anything is read or drawn."""

from __future__ import annotations

from datamodules.corpora.base import Corpus
from datamodules.errors import DataError


def require(corpus: Corpus, key: str, condition: bool, hint: str) -> None:
    """Refuse the value of an option.

    Args:
        corpus: whose option it is.
        key: the option, which the corpus holds under this name.
        condition: what has to be true.
        hint: what the value has to be.

    Raises:
        DataError: the condition is false; the message names corpus, key and value.
    """
    if not condition:
        raise DataError(f"{type(corpus).__name__}: {key} = {getattr(corpus, key)!r}: {hint}")
