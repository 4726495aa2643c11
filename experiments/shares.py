"""`share`: the option `--share` of commands that an array of jobs can do together."""

from __future__ import annotations

from datamodules.errors import DataError
from datamodules.preparation.sharing import Share


def share(text: str | None) -> Share | None:
    """The value of `--share`.

    Raises:
        DataError: it is not I/N with 0 <= I < N.
    """
    if text is None:
        return None
    task, _, tasks = text.partition("/")
    if not (task.isdecimal() and tasks.isdecimal() and int(task) < int(tasks)):
        raise DataError(f"--share {text}: expected I/N with I from 0 to N - 1, as in 2/8")
    return Share(int(task), int(tasks))
