"""Print every experiment with its published figure and ours, as in `melisma catalogue --family melody`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser

import experiments
from experiments.mistakes import parse, stop


def main(arguments: list[str]) -> None:
    """Print the catalogue, or write or check the tables that are made of records."""
    parser = ArgumentParser(
        prog="melisma catalogue", usage="melisma catalogue [options]", description=__doc__, allow_abbrev=False
    )
    parser.add_argument(
        "--family", type=Literal["melody", "classification", "phonemes"], help="print the experiments of one alone"
    )
    parser.add_argument("--markdown", action="store_true", help="as a table in Markdown, nothing cut off")
    parser.add_argument("--csv", action="store_true", help="as CSV, nothing cut off")
    parser.add_argument(
        "--write", action="store_true", help="write the tables of RESULTS.md, and of all other files that have markers"
    )
    parser.add_argument(
        "--check", action="store_true", help="name each table that is not what the records say; exit code 1 if one is"
    )
    parser.add_argument(
        "--experiments",
        type=Path,
        default=Path(str(experiments.__file__)).parent,
        help="folder with the recipes and records",
    )
    options = parse(parser, arguments)
    if sum((options.markdown, options.csv, options.write, options.check)) > 1:
        stop("catalogue: one of --markdown, --csv, --write and --check")

    if options.write:
        _write(options.experiments)
    elif options.check:
        _check(options.experiments)
    else:
        _print(
            options.experiments, options.family, "markdown" if options.markdown else "csv" if options.csv else "text"
        )


def _write(folder: Path) -> None:
    from experiments.catalogue.documents import Results

    changed = Results.read(folder).write()
    print("\n".join(map(str, changed)) if changed else "all tables are what the records say")


def _check(folder: Path) -> None:
    from experiments.catalogue.documents import Results

    results = Results.read(folder)
    if messages := list(results.stale()):
        print("\n".join([*messages, "melisma catalogue --write makes them anew"]), file=sys.stderr)
        sys.exit(1)
    print(f"the tables of {len(results.documents())} files are what the records say")


def _print(folder: Path, family: str | None, form: str) -> None:
    from experiments.catalogue.printing import csv_text, markdown_lines, text_lines
    from experiments.catalogue.rows import catalogue_rows

    rows = catalogue_rows(folder, family)
    if form == "csv":
        print(csv_text(rows), end="")
    else:
        print("\n".join(markdown_lines(rows) if form == "markdown" else text_lines(rows)))
