"""Whose mistake ended a command: the one rule of all commands, and what is printed.

| what was raised | whose it is | printed | exit code |
|---|---|---|---|
| `DataError`, `CheckpointMismatch`, Lightning's `MisconfigurationException` | the user's | one message | 1 |
| `NotANumber`: a network whose outputs are none | the user's | one message | 1 |
| a run that Weights & Biases does not begin | the user's | one message | 1 |
| a wrong word or key (`mistakes.stop`) | the user's | one message | 2 |
| an `OSError` that a disk, folder or limit explains; no memory; a lost process | the machine's | one message | 1 |
| Ctrl+C | nobody's | `interrupted` | 130 |
| anything else, raised by code that is not ours | the user's class | its traceback, and the file that raised it | 1 |
| anything else | ours | its traceback, and how to report it | 70 |

`melisma --debug ...` prints the traceback behind every message as well.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from callbacks.run.command import typed_command
from datamodules.errors import DataError, cut_lines, machine_fault
from experiments.loggers.wandb_runs import told_of_wandb

OURS = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130
PIPE_CLOSED = 141
DEBUG = "--debug"
_PACKAGES = ("architectures", "callbacks", "datamodules", "experiments", "lightning_modules")
# What a library says of another process that is gone or cannot be, and what its user can do.
_PROCESSES = (
    (
        r"insufficient shared memory|killed by signal: Bus error|shared memory .*(No space|Cannot allocate)|</torch_",
        "/dev/shm is full, through which workers hand over batches; enlarge it (`mount -o remount,size=8G /dev/shm`, "
        "`docker run --shm-size=8g`), or take fewer of data.workers; with --resume.run the same command goes on",
    ),
    (
        r"DataLoader worker .*(killed by signal|exited unexpectedly)",
        "a worker that reads data was killed, by the system most often for want of memory; fewer of data.workers take "
        "less, and with --resume.run the same command goes on from the last checkpoint",
    ),
    (
        r"can't start new thread",
        "no more threads can be started; raise `ulimit -u` or `ulimit -v`, or use fewer jobs or workers",
    ),
    (
        r"(?s)(gloo|NCCL|c10d|TCPStore|ProcessGroup|socket).*(closed by peer|reset by peer|Broken pipe|remote process "
        r"exited|[Tt]imed out|Timeout|failed to recv)",
        "{others} of this run was lost or answers no more, and says itself why if it could; start all again: with "
        "--resume.run the same command goes on from the last checkpoint",
    ),
)
_MEMORY = ("can't allocate memory", "out of memory", "Unable to allocate")

_debugging = False
_FOR_OTHERS = "MELISMA_DEBUG"  # processes that this one starts, of the same run, do not get its words


@contextmanager
def explained(debug: bool = False) -> Iterator[None]:
    """Run a command; what it raises is printed by the rule of this module, and ends the process.

    Args:
        debug: print tracebacks also of what is not our mistake.
    """
    global _debugging
    _debugging = debug or _FOR_OTHERS in os.environ
    before = os.environ.get(_FOR_OTHERS)
    try:
        if debug:
            os.environ[_FOR_OTHERS] = "1"
        yield
        _flush()
    except KeyboardInterrupt:
        print_trace()
        print("melisma: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # who reads what is printed has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)
    except Exception as error:
        sys.exit(report(error))
    finally:
        if before is None:
            os.environ.pop(_FOR_OTHERS, None)


def _flush() -> None:
    """Print what is waiting, now that a device that takes no more can still be named."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise DataError(f"standard output: {error.strerror}") from error


def report(error: Exception) -> int:
    """Print what ended a command.

    Returns:
        The exit code.
    """
    message = told_to_user(error)
    if message is not None:
        print_trace()
        print(f"melisma: {cut_lines(message)}", file=sys.stderr)
        return 1
    traceback.print_exception(error)
    if (file := _foreign_file(error)) is not None:
        print(f"melisma: this was raised by {file}, which is not part of melisma", file=sys.stderr)
        return 1
    print("\n".join(_request(error)), file=sys.stderr)
    return OURS


def print_trace() -> None:
    """Print the traceback of the exception that is handled, if `--debug` asks for it."""
    if _debugging and sys.exc_info()[0] is not None:
        traceback.print_exc()


def told_to_user(error: BaseException) -> str | None:
    """The message that tells the user all; None if only a traceback does."""
    if isinstance(error, DataError):
        return str(error)
    if isinstance(error, OSError):
        return machine_fault(error, _unnamed(error))
    if told := told_of_wandb(error):
        return told
    if (futures := sys.modules.get("concurrent.futures")) and isinstance(error, futures.BrokenExecutor):
        return (
            "a worker was killed, by the system most often for want of memory; fewer --jobs take less, and the same "
            "command goes on: what is finished is kept"
        )
    first = (str(error).strip().splitlines() or [""])[0]
    if is_of_memory(error):
        asked = re.search(r"tried to allocate (\d+) bytes", str(error))  # torch says first where in its code that was
        what = f"{int(asked[1]) / 2**30:.1f} GiB were asked for" if asked else first or "no more was given"
        return f"there is not enough memory ({what}); a smaller model or batch, or fewer jobs take less"
    if isinstance(error, RuntimeError) and (lost := _lost_process(str(error))):
        return lost
    if "lightning" not in sys.modules:  # it loads torch, which most commands do without
        return None
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    from lightning_modules import CheckpointMismatch
    from lightning_modules.outputs import NotANumber

    return str(error) if isinstance(error, (CheckpointMismatch, MisconfigurationException, NotANumber)) else None


def is_of_memory(error: BaseException) -> bool:
    """Whether memory was refused to Python, NumPy or torch."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(w in str(error) for w in _MEMORY))


def _unnamed(error: OSError) -> Path | None:
    """What an error is about that names no file, if that can be told."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return Path("/dev/shm") if any("multiprocessing" in file for file in files) else None


def _lost_process(said: str) -> str | None:
    for pattern, message in _PROCESSES:
        if re.search(pattern, said):
            return message.format(others=_others())
    return None


def _others() -> str:
    """The other processes of a run, by their number where there is but one."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_initialized() and distributed.get_world_size() == 2:
        return f"process {1 - distributed.get_rank()}"
    return "another process"


def _foreign_file(error: BaseException) -> str | None:
    """Where the exception comes from, if that is neither ours nor a library's."""
    ours = [str(Path(str(sys.modules[name].__file__)).parent) for name in _PACKAGES if name in sys.modules]
    libraries = [sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if any(_is_below(frame.filename, folder) for folder in ours):
            return None
        # What Cython compiled names its source as it was called when that was built.
        if os.path.isabs(frame.filename) and not any(_is_below(frame.filename, folder) for folder in libraries):
            return frame.filename
    return None


def _is_below(path: str, folder: str) -> bool:
    return Path(path).is_relative_to(folder)


def _request(error: Exception) -> Sequence[str]:
    versions = ", ".join(f"{name} {_version(name)}" for name in ("melisma", "torch", "lightning", "numpy"))
    return (
        "",
        f"melisma: this {type(error).__name__} is a mistake in melisma, not in your data or configuration.",
        "  Please report it with the lines above and these two:",
        f"  {' '.join(typed_command())}",
        f"  {versions}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
