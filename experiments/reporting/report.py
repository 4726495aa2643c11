"""A page put together: what a folder is, its sections, and the room for excerpts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.errors import DataError
from experiments.evaluation.statistics import Bootstrap
from experiments.reporting.comparison import ComparedFolder, is_comparison, read_comparison
from experiments.reporting.melody import melody_section
from experiments.reporting.page import write_page
from experiments.reporting.recordings import NoRecordings
from experiments.reporting.tracks import Shown, track_blocks, worst_windows
from experiments.reporting.values import without_places

_SHELL = 6.0e6  # bytes of plotly.js, program, figures


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


def write_report(folder: Path, out: Path, wishes: Wishes) -> int:
    """Write the page of a run, an evaluation or a comparison.

    Args:
        folder: of it.
        out: the file.
        wishes: of the reader.

    Returns:
        Its size in bytes.

    Raises:
        DataError: the folder is none of these, or something in it cannot be read.
    """
    if not is_comparison(folder):
        raise DataError(f"{folder}: neither a run nor an evaluation")
    sets = list(read_comparison(folder, wishes.recordings))
    title = f"Comparison of {', '.join(sets[0].data.methods)}"
    subtitle = "f0 by method, frame by frame"
    room = (wishes.megabytes * 1e6 - _SHELL) / len(sets)
    sections = [_melody(each, wishes) for each in sets]
    about = [["folder", folder.resolve().name]]
    for each in sets:
        about += [[f"{each.data.name}: {name}", str(value)] for name, value in _about(each.details)]
    data = {"title": title, "subtitle": subtitle, "sections": sections, "run": None, "about": about}
    return write_page(out, title, without_places(data), _blocks(sets, wishes, room))


def _about(details: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in details.items():
        if name != "methods":
            yield name.replace("_", " "), value


def _melody(each: ComparedFolder, wishes: Wishes) -> dict[str, Any]:
    if wishes.sounds and isinstance(each.recordings, NoRecordings):
        raise DataError(f"--audio: {each.data.name}: {each.recordings.reason}")
    remark = each.recordings.reason if isinstance(each.recordings, NoRecordings) else None
    return {
        **melody_section(each.data, wishes.bootstrap),
        "worst": worst_windows(each.data),
        "tracksInOrder": [track.name for track in each.data.tracks],
        "remark": remark,
    }


def _blocks(sets: Sequence[ComparedFolder], wishes: Wishes, room: float) -> Iterator[tuple[str, Any]]:
    for number, each in enumerate(sets):
        shown = Shown(each.recordings, wishes.sounds, {}, room)
        for place, (_, block) in enumerate(track_blocks(each.data, shown)):
            yield f"{number}-{place}", block
