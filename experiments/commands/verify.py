"""Check shards against their indexes, size and sha256, as in `melisma verify data/demo`."""

from __future__ import annotations

import sys
from pathlib import Path

from jsonargparse import ArgumentParser

from experiments.mistakes import parse, stop
from experiments.shares import check_jobs, share


def main(arguments: list[str]) -> None:
    """Read every shard; exit with code 1 and a line for each that is damaged, missing or foreign."""
    parser = ArgumentParser(prog="melisma verify", description=__doc__, allow_abbrev=False)
    parser.add_argument("directory", type=str, help="a prepared directory")
    parser.add_argument("--jobs", "-j", type=int, default=1, help="shards that are read at once")
    parser.add_argument(
        "--share", type=str | None, default=None, help="I/N: check part I (from 0) of N alone, as one job of an array"
    )
    options = parse(parser, arguments)
    if options.jobs < 1:
        stop(f"--jobs: {options.jobs}; it must be 1 or more")
    part, place = share(options.share), options.directory

    check_jobs(options.jobs)
    from tqdm import tqdm

    from datamodules.errors import DataError
    from datamodules.shards.access import describe
    from datamodules.shards.verify import verify
    from datamodules.storage.places import is_remote, without_secrets

    if is_remote(place):
        raise DataError(
            f"{without_secrets(place)}: verify reads folders of this machine; run it where the shards are. What "
            "is read from a URL or a command is always compared with its hash"
        )
    directory = Path(place)
    number, parts = part or (0, 1)
    shards = sum(len(split["shards"]) for split in describe(directory)["splits"].values())
    found = verify(directory, options.jobs, (number, parts))
    findings = list(tqdm(found, desc="verifying", unit="shard", total=len(range(number, shards, parts))))
    problems = [finding.problem for finding in findings if finding.problem]
    print(f"{directory}: {len(findings)} shards, {len(problems)} with a problem")
    for problem in problems:
        print(f"melisma: {problem}", file=sys.stderr)
    if problems:
        sys.exit(1)
