"""Show what two runs differ in, as in `melisma diff RUN OTHER_RUN`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from jsonargparse import ArgumentParser

from datamodules.errors import DataError
from experiments.mistakes import parse, stop


def main(arguments: list[str]) -> None:
    """Print the differences of two runs by section; exit with code 1 if there are some that count."""
    parser = ArgumentParser(
        prog="melisma diff",
        description=f"{__doc__} Sections are configuration, data, code, hardware and figures. Folders, hours and the "
        "words typed do not count. Exit code 0 if nothing differs, 1 if something does, 2 if one cannot be read.",
        allow_abbrev=False,
    )
    for name in ("first", "second"):
        parser.add_argument(name, type=Path, help="RUN, a record, or a config.yaml")
    parser.add_argument("--json", action="store_true", help="print all as JSON: [first, second] by key")
    options = parse(parser, arguments)

    from experiments.repeating.differences import RunDifferences
    from experiments.repeating.recorded import read_run_or_config

    try:
        differences = RunDifferences(read_run_or_config(options.first), read_run_or_config(options.second))
    except DataError as error:
        stop(str(error))
    print(json.dumps(differences.as_json(), indent=2) if options.json else "\n".join(differences.lines()))
    if differences.any:
        sys.exit(1)
