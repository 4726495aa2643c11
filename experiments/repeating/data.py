"""Whether the data of a recorded run are there as they were, and how to prepare them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from datamodules.errors import DataError
from datamodules.shards.index import describe
from datamodules.storage import consent
from datamodules.storage.places import PIPE, is_remote, without_secrets
from experiments.repeating.recorded import RecordedRun

CORPORA = Path(__file__).parents[1] / "corpora"
_SHOWN = 12  # digits of an id


def check_data(run: RecordedRun) -> None:
    """Refuse data sets that are not those of the run.

    Raises:
        DataError: one is missing or has another id, or lies behind a URL that nobody typed.
    """
    for directory, recorded in (run.record.get("data_sets") or {}).items():
        wanted = f"{run.path} is of the data set {recorded[:_SHOWN]}"
        remedy = preparation(directory)
        if is_remote(directory):
            if directory.startswith(PIPE):
                continue  # the run itself looks at what it is trained on
            consent.require(directory, without_secrets(directory), consent.URLS)
            present = str(describe(directory)["id"])
        elif not (Path(directory) / "dataset.json").is_file():
            raise DataError(f"{directory}: nothing is prepared there, and {wanted}; {remedy}")
        else:
            present = str(describe(Path(directory))["id"])
        if present != recorded:
            raise DataError(f"{directory}: the data set {present[:_SHOWN]} is there, but {wanted}; {remedy}")


def preparation(directory: str) -> str:
    """The command that makes a directory, if the corpora of this repository have one of its name."""
    commands = dict(_preparations())
    command = commands.get(Path(directory).name)
    if command is None:
        return "prepare it as it was, by `melisma prepare`"
    elsewhere = "" if Path(directory) == Path("data", Path(directory).name) else f" --directory {directory}"
    return f"prepare it by `{command}{elsewhere}`"


def _preparations() -> Iterator[tuple[str, str]]:
    """The name of every directory that is made into `data`, and the command as the header of a corpus gives it."""
    for path in sorted(CORPORA.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        stated = re.search(r"^directory: (\S+)$", text, re.MULTILINE)
        shown = Path(os.path.relpath(path)) if path.is_relative_to(Path.cwd()) else path
        header = re.sub(r"\s*\\\n#\s*", " ", text)
        commands = re.findall(r"^#\s+(melisma prepare .*)$", header, re.MULTILINE)
        for command in commands or [f"melisma prepare {shown}"]:
            other = re.search(r"--directory[ =](\S+)", command)
            if made := other or stated:
                yield Path(made[1]).name, command
