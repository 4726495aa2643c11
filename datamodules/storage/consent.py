"""Whether a command, or the URL of a record, may be opened: what stands in a file does not decide that.

A file may be somebody else's. `melisma` opens such a place if the user typed it, or wrote `--trust pipe` or `--trust
url`. Only the command line needs to be asked: who writes Python has written the place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from datamodules.errors import DataError, shown

OPTION = "--trust"
COMMANDS, URLS = "pipe", "url"
TRUSTED = "MELISMA_TRUST"  # what stands behind `--trust`, also for the processes that a command starts
# Of the first command of a tree of processes: what it starts gets words out of files, and they count for nothing.
_TYPED = "MELISMA_TYPED"
_QUOTES = re.compile(r"[\s'\"\\]+")


def is_asked() -> bool:
    """Whether a command line is run already: words of another one stand in files, and cannot permit anything."""
    return _TYPED in os.environ


@contextmanager
def asked_for(typed: Sequence[str]) -> Iterator[None]:
    """While this command line is run, here and in processes that it starts, only what it asks for is opened.

    Args:
        typed: its words.
    """
    if _TYPED in os.environ:
        yield
        return
    os.environ[_TYPED] = "\n".join(word for word in typed if ":" in word)
    try:
        yield
    finally:
        del os.environ[_TYPED]


def require(place: str, label: str, kind: str) -> None:
    """Refuse a place that nobody asked for.

    Args:
        place: as it stands somewhere.
        label: likewise without secrets, for the message.
        kind: `COMMANDS` or `URLS`.

    Raises:
        DataError: it was neither typed nor is its kind trusted.
    """
    typed = os.environ.get(_TYPED)
    if typed is None or _bare(place) in _bare(typed) or kind in os.environ.get(TRUSTED, "").split(","):
        return
    what = "a command" if kind == COMMANDS else "a URL"
    raise DataError(
        f"{shown(label)}: {what} that a file names, which may be somebody else's; if it is right, give the same "
        f"command again with {OPTION} {kind}, or write the place on the command line"
    )


def _bare(text: str) -> str:
    """Without what quoting adds: a shell, YAML and JSON write one place in several ways."""
    return _QUOTES.sub("", text)
