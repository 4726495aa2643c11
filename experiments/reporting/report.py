"""A page put together: what a folder is, its sections, and the room for excerpts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from datamodules.errors import DataError
from experiments.evaluation.statistics import Bootstrap
from experiments.reporting.clips import TABLE as CLIPS
from experiments.reporting.clips import clip_section, read_clips
from experiments.reporting.comparison import is_comparison, read_comparison
from experiments.reporting.items import SCORES as ITEMS
from experiments.reporting.items import item_section
from experiments.reporting.melody import TrackSet, melody_section
from experiments.reporting.page import write_page
from experiments.reporting.phones import TABLE as PHONES
from experiments.reporting.phones import phone_details, phone_section, read_utterances
from experiments.reporting.recordings import NoRecordings, Recordings
from experiments.reporting.remarks import clip_remarks, melody_remarks, phone_remarks
from experiments.reporting.run import Run, ScoredSet, is_run, tracks_of
from experiments.reporting.spoken import spoken_blocks
from experiments.reporting.tracks import SalientExcerpt, Shown, track_blocks, worst_windows
from experiments.reporting.values import in_words, without_places

_SHELL = 6.0e6  # bytes of plotly.js, program, figures
_NO_FRAMES = (
    "Of this set there are scores alone: of several pitches at a time, or of a version that kept no frames: then "
    "`melisma validate` makes them."
)
Blocks = Callable[[float], Iterable[tuple[str, dict[str, Any]]]]  # of the room in bytes


@dataclass(frozen=True)
class Wishes:
    """What a reader asks of a page.

    Attributes:
        sounds: whether it holds the recordings, to be heard.
        recordings: folder of audio files named after the tracks of f0 tables; None: those that are known.
        megabytes: its size, about; what has no room is left out, the best tracks first.
        bootstrap: of the intervals.
    """

    sounds: bool
    recordings: Path | None
    megabytes: float
    bootstrap: Bootstrap


class _Section(NamedTuple):
    """A section, and what of it is read when it is asked for: a block for each item, in the order of `items`."""

    values: dict[str, Any]
    items: list[str]
    blocks: Blocks


def write_report(folder: Path, out: Path, wishes: Wishes) -> int:
    """Write the page of a run, an evaluation or a comparison.

    Args:
        folder: of it.
        out: the file.
        wishes: of the reader.

    Returns:
        Its size in bytes.

    Raises:
        DataError: the folder is none of these, something in it cannot be read, or audio is asked for that is not there.
    """
    name = folder.resolve().name
    run, about = None, {"folder": name, "made by": f"melisma {version('melisma')}, plotly {version('plotly')}"}
    if is_run(folder):
        opened = Run(folder)
        run = opened.part()
        sections = [section for each in opened.sets() for section in _of_run(each, wishes)]
        title, subtitle = f"Run {name}", run["state"]
    elif is_comparison(folder):
        sections = []
        for compared, recordings, details in read_comparison(folder, wishes.recordings):
            sections.append(_melody(compared, recordings, {}, wishes))
            about |= {f"{compared.name}: {key}": in_words(value) for key, value in details.items() if key != "methods"}
        methods = sections[0].values["methods"]
        title, subtitle = ", ".join(methods[:6]) + (" ..." if methods[6:] else ""), name
    else:
        raise DataError(f"{folder}: neither a run (config.yaml) nor what compare or evaluate wrote (summary.json)")
    data = {
        "title": title,
        "subtitle": subtitle,
        "sections": [{**section.values, "items": section.items} for section in sections],
        "run": run,
        "about": [[key.replace("_", " "), value] for key, value in about.items()],
    }
    room = (wishes.megabytes * 1e6 - _SHELL) / max(len(sections), 1)
    return write_page(out, title, without_places(data), _blocks(sections, room))


def _blocks(sections: Iterable[_Section], room: float) -> Iterator[tuple[str, Any]]:
    for number, section in enumerate(sections):
        place = {name: each for each, name in enumerate(section.items)}
        for name, block in section.blocks(room):
            yield f"{number}-{place[name]}", block


def _melody(data: TrackSet, recordings: Recordings, salience: Mapping[str, SalientExcerpt], wishes: Wishes) -> _Section:
    section = melody_section(data, wishes.bootstrap)
    values = {
        **section,
        "remarks": melody_remarks(section, data),
        "worst": worst_windows(data),
        "remark": _remark(data.name, recordings, wishes),
    }

    def blocks(room: float) -> Iterator[tuple[str, dict[str, Any]]]:
        return track_blocks(data, Shown(recordings, wishes.sounds, salience, room))

    return _Section(values, [track.name for track in data.tracks], blocks)


def _of_run(scored: ScoredSet, wishes: Wishes) -> Iterator[_Section]:
    """The section of a set; none of what was predicted without a truth."""
    if found := tracks_of(scored):
        yield _melody(found[0], scored.recordings, found[1], wishes)
        return
    names: list[str]
    details: dict[str, dict[str, Any]] = {}
    if (scored.folder / PHONES).is_file():
        utterances = read_utterances(scored.folder)
        values = phone_section(scored.title, utterances, scored.groups, wishes.bootstrap)
        details = {each.name: phone_details(each) for each in utterances}
        values["remarks"] = phone_remarks(values)
    elif (scored.folder / CLIPS).is_file():
        values = clip_section(scored.title, read_clips(scored.folder), scored.groups, wishes.bootstrap)
        values["remarks"] = clip_remarks(values)
    elif (scored.folder / ITEMS).is_file():
        values = item_section(scored.title, scored.folder, scored.groups, wishes.bootstrap)
        yield _Section({**values, "remark": _NO_FRAMES}, [], lambda room: [])
        return
    else:
        return
    values["remark"] = _remark(scored.title, scored.recordings, wishes)
    names = [row[0] for row in values["scores"]["rows"]]  # the worst first

    def blocks(room: float) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, block in spoken_blocks(names, scored.recordings, wishes.sounds, room, scored.title):
            yield name, {**block, **details.get(name, {})}

    yield _Section(values, names, blocks)


def _remark(name: str, recordings: Recordings, wishes: Wishes) -> str | None:
    if not isinstance(recordings, NoRecordings):
        return None
    if wishes.sounds:
        raise DataError(f"--audio: {name}: {recordings.reason}")
    return recordings.reason
