"""The words that were typed, also where a command runs others with words of its own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_taken: list[list[str]] = []


def typed_command() -> list[str]:
    """The command line of this process; inside `words_taken` the one before it.

    `python -m MODULE` gives sys.argv the path of a file instead; it is put right.
    """
    return _taken[-1] if _taken else _command_line()


@contextmanager
def words_taken() -> Iterator[None]:
    """Leave no words in sys.argv, for LightningCLI warns if there are some and it is given others."""
    argv = list(sys.argv)
    _taken.append(_command_line())
    sys.argv[1:] = []
    try:
        yield
    finally:
        sys.argv[:] = argv
        _taken.pop()


def _command_line() -> list[str]:
    module = getattr(sys.modules["__main__"], "__spec__", None)
    beginning = sys.argv[:1] if module is None else ["python", "-m", module.name.removesuffix(".__main__")]
    return [*beginning, *sys.argv[1:]]
