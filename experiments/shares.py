"""`share`: the option `--share` of commands that an array of jobs can do together; ranges of what several take."""

from __future__ import annotations

from datamodules.errors import DataError, check_range, cut, shown
from datamodules.preparation.sharing import Share

MOST_JOBS = 1000
MOST_SEED = 2**63 - 1


def check_jobs(jobs: int, option: str = "--jobs") -> None:
    """Refuse a number of processes or threads that no machine has.

    Raises:
        DataError: names the option.
    """
    check_range(option, jobs, 1, MOST_JOBS)


def check_seed(seed: int) -> None:
    """Refuse a seed that random generators do not take.

    Raises:
        DataError: names the option.
    """
    check_range("--seed", seed, 0, MOST_SEED)


def check_device(device: str) -> None:
    """Refuse a device that torch does not know or this machine does not have.

    Raises:
        DataError: names the option, and says why.
    """
    if device == "cpu":
        return
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # as torch says which of these it is
        raise DataError(f"--device {shown(device)}: cannot be used here ({cut(str(error).splitlines()[0])})") from error


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
