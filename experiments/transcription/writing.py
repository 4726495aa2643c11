"""The files that an answer is written as, by kind of model and name of the format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from datamodules.annotations.f0_tables import write_f0
from datamodules.annotations.tracked_tables import write_tracked
from datamodules.errors import DataError
from datamodules.files import write_atomically
from experiments.transcription.formats import praat, tables
from experiments.transcription.transcriber import Salience, Transcriber, Transcription

if TYPE_CHECKING:
    from lightning_modules.decoding.pitch.notes import HeardNote

TOOL = "melisma transcribe"
NOTES = "notes"  # tier of a TextGrid


class Heard(NamedTuple):
    """An answer about a recording.

    Attributes:
        title: of the recording.
        seconds: of the recording.
        answer: a Transcription, ClipLabels or SpokenPhones.
        salience: of a Transcription, if a format needs it.
        notes: likewise.
    """

    title: str
    seconds: float
    answer: Any
    salience: Salience | None = None
    notes: list[HeardNote] | None = None


class Format(NamedTuple):
    """A format.

    Attributes:
        suffix: of its files.
        write: whole or not at all, to a path.
        about: what it holds.
        needs: `salience` or `notes`, or neither.
    """

    suffix: str
    write: Callable[[Path, Heard], None]
    about: str
    needs: str = ""


def formats_of(model: object) -> Mapping[str, Format]:
    """The formats that a model's answers can have, the usual one first.

    Args:
        model: as `load` gives it.
    """
    if isinstance(model, Transcriber):
        return PITCH
    from experiments.transcription.utterances import ClipTagger

    return CLIPS if isinstance(model, ClipTagger) else PHONES


def chosen_formats(model: object, names: str | None) -> dict[str, Format]:
    """Formats by name.

    Args:
        model: as `load` gives it.
        names: separated by commas; None: the usual one.

    Raises:
        DataError: the model's answers have no such format.
    """
    offered = formats_of(model)
    if names is None:
        return dict(list(offered.items())[:1])
    wanted = [name.strip().lower() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in offered:
            raise DataError(f"--format: {name!r}; the formats of this model are {', '.join(offered)}")
    if not wanted:
        raise DataError(f"--format: no name in {names!r}; the formats of this model are {', '.join(offered)}")
    return {name: offered[name] for name in wanted}


def with_notes(heard: Heard) -> Heard:
    """An answer with its notes."""
    from lightning_modules.decoding.pitch.notes import notes_of  # here, because it loads a compiler

    return heard._replace(notes=notes_of(*heard.answer))


def _text(build: Callable[[Heard], str]) -> Callable[[Path, Heard], None]:
    return _bytes(lambda heard: build(heard).encode())


def _bytes(build: Callable[[Heard], bytes]) -> Callable[[Path, Heard], None]:
    def write(path: Path, heard: Heard) -> None:
        content = build(heard)
        try:
            with write_atomically(path) as file:
                file.write(content)
        except OSError as error:
            raise DataError(f"{path}: cannot be written: {error.strerror}") from error

    return write


def _csv(path: Path, heard: Heard) -> None:
    write_tracked(path, *heard.answer)


def _sonic_visualiser(path: Path, heard: Heard) -> None:
    write_f0(path, heard.answer.series)


def _jams(heard: Heard) -> str:
    from experiments.transcription.formats.jams import jams_text

    found: Transcription = heard.answer
    assert heard.notes is not None
    return jams_text(*found, notes=heard.notes, title=heard.title, seconds=heard.seconds, tool=TOOL)


def _midi(heard: Heard) -> bytes:
    from experiments.transcription.formats.midi import midi_bytes

    found: Transcription = heard.answer
    assert heard.notes is not None
    return midi_bytes(heard.notes, found.times, found.f0, found.voiced)


def _note_table(heard: Heard) -> str:
    assert heard.notes is not None
    return tables.notes_csv(heard.notes)


def _pitch_tier(heard: Heard) -> str:
    found: Transcription = heard.answer
    return praat.pitch_tier(found.times, found.f0, found.voiced, heard.seconds)


def _note_grid(heard: Heard) -> str:
    assert heard.notes is not None
    intervals = [praat.LabelledInterval(note.start, note.end, f"{note.pitch:.2f}") for note in heard.notes]
    return praat.text_grid({NOTES: intervals}, heard.seconds)


def _clip_grid(heard: Heard) -> str:
    found = heard.answer
    intervals = zip(found.starts.tolist(), found.ends.tolist(), found.labels, strict=True)
    return praat.text_grid({"classes": [praat.LabelledInterval(*each) for each in intervals]}, heard.seconds)


def _phone_grid(heard: Heard) -> str:
    found = heard.answer
    intervals = zip(found.starts.tolist(), found.ends.tolist(), found.phones, strict=True)
    return praat.text_grid({"phones": [praat.LabelledInterval(*each) for each in intervals]}, heard.seconds)


def _archive(path: Path, heard: Heard) -> None:
    salience = heard.salience
    assert salience is not None
    try:
        with write_atomically(path) as file:
            np.savez_compressed(file, times=salience.times, notes=salience.notes, salience=salience.values)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error


PITCH = {
    "csv": Format(".csv", _csv, "time (s), frequency (Hz), confidence, voiced (0 or 1)"),
    "sv": Format(
        ".sv.csv",
        _sonic_visualiser,
        "time (s) and f0 (Hz, negative where unvoiced), as Sonic Visualiser and MIREX have it",
    ),
    "notes": Format(
        ".notes.csv", _text(_note_table), "notes: onset, offset (s), pitch (MIDI, with a fraction), confidence", "notes"
    ),
    "midi": Format(".mid", _bytes(_midi), "notes, with the contour as pitch bends", "notes"),
    "jams": Format(".jams", _text(_jams), "pitch_contour and note_midi", "notes"),
    "pitchtier": Format(".PitchTier", _text(_pitch_tier), "voiced f0 for Praat"),
    "textgrid": Format(".TextGrid", _text(_note_grid), "notes for Praat", "notes"),
    "npz": Format(".npz", _archive, "salience (frames, bins), with times (s) and notes (MIDI)", "salience"),
}
CLIPS = {
    "tsv": Format(".tsv", _text(lambda heard: tables.clips_tsv(heard.answer)), "start, end (s), label, probabilities"),
    "textgrid": Format(".TextGrid", _text(_clip_grid), "labels for Praat"),
}
PHONES = {
    "tsv": Format(".tsv", _text(lambda heard: tables.phones_tsv(heard.answer)), "start, end (s), phone, confidence"),
    "ctm": Format(
        ".ctm", _text(lambda heard: tables.phones_ctm(heard.answer, heard.title)), "time-marked, as NIST's tools"
    ),
    "textgrid": Format(".TextGrid", _text(_phone_grid), "phones for Praat"),
}
