"""What two runs differ in: configuration, data, code, hardware and figures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from datamodules.errors import cut
from experiments.repeating.comparison import ComparedFigures
from experiments.repeating.recorded import RecordedRun

ABSENT = "absent"
_SHOWN = 20  # lines of a section
_ID = 12  # digits of the id of a data set
# Where a run writes, and how it came about: none of its figures depends on these.
_PLACES = re.compile(
    r"trainer\.logger(\..+)?|trainer\.default_root_dir|(checkpoint|resume)\.dirpath|run_record\.repeats|ckpt_path|config"
)
_MACHINE = re.compile(r"trainer\.(accelerator|devices|num_nodes)")  # what came of these is in the section of hardware
_HARDWARE = ("hardware", "threads", "cpu_capability", "processor", "processes")

Changes = dict[str, tuple[Any, Any]]


class RunDifferences:
    """Changes from one run to another.

    Attributes:
        sections: `configuration`, `data`, `code`, `hardware` and `figures`: by name, the values of both.
        uncounted: likewise, what makes no difference: folders, hours, the words typed, and what only a later version
            of melisma recorded.
        not_compared: sections that one of the two has nothing of.
    """

    def __init__(self, one: RecordedRun, other: RecordedRun) -> None:
        self.uncounted: Changes = {}
        both = one.record and other.record
        self.not_compared = [] if both else ["data", "code", "hardware", "figures"]
        self.sections: dict[str, Changes] = {"configuration": self._configuration(one, other)}
        if one.config is None or other.config is None:
            self.not_compared.insert(0, "configuration")
        self.sections |= {"data": _data(one, other), "code": {}, "hardware": {}, "figures": {}} if both else {}
        if not both:
            return
        self._recorded("code", _code(one.record), _code(other.record))
        self._recorded("hardware", _hardware(one), _hardware(other))
        self.sections["figures"] = _figures(one, other)
        for key in ("command", "hours", "repeats", "checkpoint"):
            pair = one.record.get(key), other.record.get(key)
            if pair[0] != pair[1]:
                self.uncounted[key] = pair

    @property
    def any(self) -> bool:
        """Whether something differs that counts."""
        return any(self.sections.values())

    def _configuration(self, one: RecordedRun, other: RecordedRun) -> Changes:
        if one.config is None or other.config is None:
            seeds = one.record.get("seed"), other.record.get("seed")
            return {"seed": seeds} if one.record and other.record and seeds[0] != seeds[1] else {}
        found: Changes = {}
        sides = [flattened(run.config) for run in (one, other)]
        meant = [
            {key: _meant(key, value, run.record.get("data_sets") or {}) for key, value in side.items()}
            for side, run in zip(sides, (one, other), strict=True)
        ]
        for key in dict.fromkeys([*sides[0], *sides[1]]):
            pair = (sides[0].get(key, ABSENT), sides[1].get(key, ABSENT))
            if pair[0] == pair[1]:
                continue
            same = _PLACES.fullmatch(key) or meant[0].get(key, ABSENT) == meant[1].get(key, ABSENT)
            same = same or (one.record and other.record and _MACHINE.fullmatch(key))
            (self.uncounted if same else found)[key] = pair
        weights = [
            PurePath(run.record["checkpoint"]).name if run.record.get("checkpoint") else None for run in (one, other)
        ]
        if weights[0] != weights[1]:
            found["checkpoint"] = (weights[0], weights[1])
        return found

    def _recorded(self, section: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
        """What only one of them records, the other does not contradict."""
        for key in dict.fromkeys([*one, *other]):
            pair = (one.get(key, ABSENT), other.get(key, ABSENT))
            if pair[0] != pair[1]:
                (self.uncounted if ABSENT in pair else self.sections[section])[key] = pair

    def lines(self) -> Iterator[str]:
        """For people."""
        for section, changes in self.sections.items():
            if changes:
                yield section
                shown = list(changes.items())[:_SHOWN]
                yield from (f"  {key}: {_text(one)} -> {_text(other)}" for key, (one, other) in shown)
                if len(changes) > _SHOWN:
                    yield f"  and {len(changes) - _SHOWN} more, which --json lists"
        same = [name for name, changes in self.sections.items() if not changes and name not in self.not_compared]
        if same:
            yield f"alike: {', '.join(same)}"
        if self.not_compared:
            yield f"not compared, as one of the two has none: {', '.join(self.not_compared)}"
        if self.uncounted:
            keys = dict.fromkeys(re.sub(r"^trainer\.logger\..*", "trainer.logger", key) for key in self.uncounted)
            yield f"different, but not counted: {', '.join(keys)}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**self.sections, "uncounted": self.uncounted, "not_compared": self.not_compared, "differ": self.any}


def flattened(value: Any, of: str = "") -> dict[str, Any]:  # noqa: ANN401 -- whatever a YAML can hold
    """Every value of a configuration by its dotted key; the elements of a list of mappings are numbered from 0."""
    if isinstance(value, Mapping) and value:
        inner = {str(key): each for key, each in value.items()}
    elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        inner = {str(number): each for number, each in enumerate(value)}
    else:
        return {of: value}
    return {
        key: each
        for name, part in inner.items()
        for key, each in flattened(part, f"{of}.{name}".removeprefix(".")).items()
    }


def _meant(key: str, value: Any, data_sets: Mapping[str, str]) -> Any:  # noqa: ANN401 -- whatever a YAML can hold
    """A directory of data stands for what is in it."""
    if not key.startswith("data."):
        return value
    if isinstance(value, list):
        return [_meant(key, each, data_sets) for each in value]
    return data_sets.get(value, value) if isinstance(value, str) else value


def _data(one: RecordedRun, other: RecordedRun) -> Changes:
    """By directory; the same data elsewhere are no difference."""
    sides = [run.record.get("data_sets") or {} for run in (one, other)]
    shared = set(sides[0].values()) & set(sides[1].values())
    found = {}
    for directory in dict.fromkeys([*sides[0], *sides[1]]):
        pair = sides[0].get(directory), sides[1].get(directory)
        if pair[0] != pair[1] and not {each for each in pair if each} <= shared:
            found[directory] = tuple(each[:_ID] if each else ABSENT for each in pair)
    return found  # type: ignore[return-value]


def _code(record: Mapping[str, Any]) -> dict[str, Any]:
    packages = {f"packages.{name}": version for name, version in record.get("packages", {}).items()}
    return {key: record[key] for key in ("commit",) if record.get(key) is not None} | packages


def _hardware(run: RecordedRun) -> dict[str, Any]:
    known = {key: run.record[key] for key in _HARDWARE if key in run.record}
    return known if run.threads is None else {**known, "threads": run.threads}


def _figures(one: RecordedRun, other: RecordedRun) -> Changes:
    sides = [
        {**{key: run.record[key] for key in ("parameters", "finished") if key in run.record}, **run.figures}
        for run in (one, other)
    ]
    names = ComparedFigures(sides[0], sides[1], 0.0).differing
    return {name: (sides[0].get(name, ABSENT), sides[1].get(name, ABSENT)) for name in names}


def _text(value: object) -> str:
    return cut(value if isinstance(value, str) else repr(value))
