"""What a run left: the record in its folder or elsewhere, or its configuration alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from callbacks.run.record_file import check_record
from datamodules.documents import as_mapping, read_json, read_yaml
from datamodules.errors import DataError

_RECORD = "record.json"
_STAGES = ("validate", "test")
_THREADS = re.compile(r"(\d+) threads on ")  # as records said it before they had a key for it


class RecordedRun(NamedTuple):
    """A run as its record tells it.

    Attributes:
        path: of the record, or of the configuration where there is no record.
        record: its keys, see `callbacks.RunRecord`; empty without a record.
        config: the resolved configuration; None: the record has none.
        folder: of what the run wrote, RUN; None for a record that was copied elsewhere.
    """

    path: Path
    record: dict[str, Any]
    config: dict[str, Any] | None
    folder: Path | None

    @property
    def stage(self) -> str:
        """`fit`, `validate` or `test`."""
        if any(key.startswith("test/") for key in self.metrics):
            return "test"
        return "fit" if "validations" in self.record or "checkpoint" not in self.record else "validate"

    @property
    def metrics(self) -> dict[str, float]:
        """The last figures, by their logged names."""
        return _figures_in(self.record.get("metrics"))

    @property
    def figures(self) -> dict[str, float]:
        """All figures: the last by their logged names, then `best`, then those of every validation, by its step."""
        found = self.metrics
        if best := self.record.get("best"):
            found |= {f"best.{key}": best[key] for key in ("value", "step")}
        for validation in self.record.get("validations") or []:
            place = f"step {validation['step']}"
            found |= {f"{place}: {key}": value for key, value in _figures_in(validation["metrics"]).items()}
        return found

    @property
    def scores(self) -> dict[str, Path]:
        """The tables of the figures of every item, by the name of their set; none of a record alone."""
        if self.folder is None:
            return {}
        tables = self.folder.glob(f"{'validation' if self.stage == 'fit' else self.stage}/*/scores.tsv")
        return {path.parent.name: path for path in sorted(tables)}

    @property
    def threads(self) -> int | None:
        """Of each process, if the record tells."""
        found = _THREADS.match(str(self.record.get("hardware", "")))
        stated = self.record.get("threads")
        return int(stated) if stated is not None else int(found[1]) if found else None


def read_run(path: Path) -> RecordedRun:
    """The run of a folder, of its record.json, or of a record that holds another under the key `run`.

    Raises:
        DataError: there is none, or it is unreadable.
    """
    if not path.is_dir():
        return _of_file(path)
    places = [path / stage / _RECORD for stage in ("", *_STAGES)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise DataError(f"{path}: no record of a run; RUN/record.json is what `melisma fit` writes when it validates")
    return _of_file(found)


def read_run_or_config(path: Path) -> RecordedRun:
    """As `read_run`; also of a config.yaml, or a folder with a configuration alone.

    Raises:
        DataError: there is none of them, or it is unreadable.
    """
    if path.is_dir() and not any((path / stage / _RECORD).is_file() for stage in ("", *_STAGES)):
        path = path / "config.yaml" if (path / "config.yaml").is_file() else path
    if path.suffix not in (".yaml", ".yml"):
        return read_run(path)
    return RecordedRun(path, {}, as_mapping(read_yaml(path), str(path)), None)


def _of_file(path: Path) -> RecordedRun:
    record = as_mapping(read_json(path, "a run is its folder RUN or RUN/record.json"), str(path))
    if record.get("kind") == "study":
        raise DataError(f"{path}: of a study; name one of its runs, STUDY/RUN/[FOLD/]seedN")
    folder = path.parent if path.name == _RECORD else None
    if folder is not None and folder.name in _STAGES:
        folder = folder.parent
    inner = record.get("run")
    record = inner if isinstance(inner, dict) else record
    check_record(record, path)
    config = record.get("config")
    return RecordedRun(path, record, config if isinstance(config, dict) else None, folder)


def _figures_in(metrics: object) -> dict[str, float]:
    given = metrics.items() if isinstance(metrics, dict) else ()
    return {key: value for key, value in given if isinstance(value, (int, float))}
