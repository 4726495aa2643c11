"""Repeat a run from its record and compare the figures, as in `melisma rerun runs/melisma/abc`."""

from __future__ import annotations

import sys
from pathlib import Path

from jsonargparse import ArgumentParser

from datamodules.errors import check_range
from experiments.mistakes import parse
from experiments.shares import check_jobs

DIFFERENT = 3  # exit code


def main(arguments: list[str]) -> None:
    """Run it once more on the same data, print the figures of both, and exit with code 3 if they are not equal."""
    parser = ArgumentParser(
        prog="melisma rerun",
        description=f"{__doc__} Exit code 0 if they are equal within --tolerance, 3 if not.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "run", type=Path, help="RUN, its record.json (of fit, validate or test), or a record of records/"
    )
    parser.add_argument("--out", type=Path | None, default=None, help="folder of the new run; null: runs/rerun-of-NAME")
    parser.add_argument(
        "--seed", type=int | None, default=None, help="another seed, of everything and of the order of the data"
    )
    parser.add_argument(
        "--threads",
        type=int | None,
        default=None,
        help="of each process, on which the last bits depend; null: as recorded",
    )
    parser.add_argument("--tolerance", type=float, default=0.0, help="of figures that count as equal; 0: bit-equal")
    options = parse(parser, arguments)
    if options.threads is not None:
        check_jobs(options.threads, "--threads")
    if options.seed is not None:
        check_range("--seed", options.seed, 0, 2**32 - 1)
    check_range("--tolerance", options.tolerance, 0, 1e12)

    from experiments.repeating.comparison import compare
    from experiments.repeating.data import check_data
    from experiments.repeating.differences import RunDifferences
    from experiments.repeating.recorded import read_run
    from experiments.repeating.repetition import caveats, default_folder, repeat

    recorded = read_run(options.run)
    check_data(recorded)
    out = options.out or default_folder(recorded)
    print(f"Repeating {recorded.path} in {out}:", flush=True)
    for caveat in caveats(recorded):
        print(f"melisma: warning: {caveat}", file=sys.stderr)
    repeated = repeat(recorded, out, options.seed, options.threads)
    lines, equal = compare(recorded, repeated, options.tolerance)
    differences = RunDifferences(recorded, repeated)
    for section in ("code", "hardware"):
        for key, (before, now) in differences.sections[section].items():
            print(f"melisma: warning: {section} is not as recorded: {key}: {before} -> {now}", file=sys.stderr)
    print("\n".join(["", *lines]))
    if not equal:
        print(f"not equal; `melisma diff {recorded.path} {repeated.path}` shows all that differs")
        sys.exit(DIFFERENT)
    print("equal")
