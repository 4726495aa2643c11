"""Make the runs of a sweep, without an account, as in `melisma sweep experiments/sweeps/crepe_demo.yaml`."""

from __future__ import annotations

import sys
from pathlib import Path

from jsonargparse import ArgumentParser

from datamodules.errors import DataError, check_range
from experiments.mistakes import parse
from experiments.shares import check_jobs, check_seed


def main(arguments: list[str]) -> None:
    """Propose points, make their runs beside other workers, and write what came of them.

    Words behind `--` go to every `melisma fit`.
    """
    own, words = _split(arguments)
    options = parse(_parser(), own)
    if (
        min(options.jobs, options.threads) < 1
        or options.repeats < 0
        or (options.points is not None and options.points < 1)
    ):
        raise DataError("melisma sweep: --jobs, --threads and --points are 1 or more, --repeats is 0 or more")

    from experiments.sweeping.sweep_file import read_sweep
    from experiments.sweeping.sweep_folder import SweepFolder

    check_jobs(options.jobs)
    check_jobs(options.threads, "--threads")
    check_seed(options.seed)
    check_range("--repeats", options.repeats, 0, 1000)
    if options.points is not None:
        check_range("--points", options.points, 1, 1_000_000)
    file = read_sweep(options.file)
    wanted = file.wanted(options.points)
    folder = options.out / options.file.stem
    sweep = SweepFolder(folder, file, options.repeats, options.seed, words)
    sweep.state()

    from experiments.sweeping.ending import end
    from experiments.sweeping.worker import SweepWorker

    worker = SweepWorker(sweep, wanted, options.jobs, options.threads, stays=options.wait)
    worker.work()
    sys.exit(end(sweep, wanted, worker.stopped_by))


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="melisma sweep",
        usage="melisma sweep FILE [options] [-- WORDS OF EVERY FIT]",
        description=__doc__,
        allow_abbrev=False,
    )
    parser.add_argument("file", type=Path, help="YAML of a sweep, as Weights & Biases takes it")
    parser.add_argument("--jobs", "-j", type=int, default=1, help="fits at once; each has a GPU of its own, if several")
    parser.add_argument("--points", type=int | None, default=None, help="how many; null: run_cap, or the whole grid")
    parser.add_argument("--repeats", type=int, default=1, help="how often a point that failed is tried again")
    parser.add_argument("--seed", type=int, default=0, help="of what random and bayes propose")
    parser.add_argument("--threads", type=int, default=1, help="of each fit")
    parser.add_argument(
        "--wait", type=bool, default=True, help="until all points are made, also those that other workers are at"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/sweeps"), help="folder of the sweeps' folders")
    return parser


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Words before and behind `--`."""
    place = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:place], arguments[place + 1 :]
