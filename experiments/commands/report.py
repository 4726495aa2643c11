"""Look at errors and hear them, on one page, as in `melisma report RUN --audio` or `melisma report COMPARISON`."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser

from datamodules.errors import DataError
from experiments.evaluation.statistics import Bootstrap
from experiments.mistakes import parse

NAME = "report.html"


def main(arguments: list[str]) -> None:
    """Write one HTML file that needs nothing else: no network, no server, no other file."""
    parser = ArgumentParser(prog="melisma report", description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=Path, help="RUN, also while it is trained, or what compare or evaluate wrote")
    parser.add_argument("--out", type=Path | None, default=None, help=f"the file; null: FOLDER/{NAME}")
    parser.add_argument(
        "--audio", action="store_true", help="put the recordings in, to be heard; without, sung contours alone are"
    )
    parser.add_argument(
        "--recordings",
        type=Path | None,
        default=None,
        help="folder of audio files named after the tracks, where f0 tables were evaluated",
    )
    parser.add_argument(
        "--megabytes",
        type=float,
        default=25.0,
        help="size of the file, about: the worst ten seconds of every track first, then the next worst",
    )
    parser.add_argument("--bootstrap", type=int, default=2000, help="resamples of tracks, or of clusters of them")
    parser.add_argument("--level", type=float, default=Bootstrap.level, help="of the intervals")
    parser.add_argument("--seed", type=int, default=Bootstrap.seed, help="of the resampling")
    options = parse(parser, arguments)
    if not 7 <= options.megabytes <= 1000:
        raise DataError(f"--megabytes {options.megabytes}: from 7, of which the program takes 5, to 1000")

    from experiments.reporting.report import Wishes, write_report

    bootstrap = Bootstrap(options.bootstrap, options.level, options.seed)
    wishes = Wishes(options.audio, options.recordings, options.megabytes, bootstrap)
    out = options.folder / NAME if options.out is None else options.out
    size = write_report(options.folder, out, wishes)
    print(f"{out}: {size / 1e6:.1f} MB")
