"""Answers as tables: CSV of notes, TSV of classes and phones, CTM."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.transcription.utterances import ClipLabels, SpokenPhones
    from lightning_modules.decoding.pitch.notes import HeardNote


def notes_csv(notes: Sequence[HeardNote]) -> str:
    """`onset,offset,pitch,confidence`: s, s, MIDI note with a fraction, 0 to 1."""
    rows = ((f"{note.start:.6g}", f"{note.end:.6g}", f"{note.pitch:.6g}", f"{note.confidence:.4g}") for note in notes)
    return _table(("onset", "offset", "pitch", "confidence"), rows, ",")


def clips_tsv(found: ClipLabels) -> str:
    """`start`, `end` (s), `label` and the probability of each class."""
    clips = zip(found.starts.tolist(), found.ends.tolist(), found.labels, found.probabilities.tolist(), strict=True)
    rows = ((f"{start:.6g}", f"{end:.6g}", label, *(f"{p:.6g}" for p in each)) for start, end, label, each in clips)
    return _table(("start", "end", "label", *found.classes), rows, "\t")


def phones_tsv(found: SpokenPhones) -> str:
    """`start`, `end` (s), `phone`, `confidence`."""
    columns = found.starts.tolist(), found.ends.tolist(), found.phones, found.confidence.tolist()
    rows = (
        (f"{start:.6g}", f"{end:.6g}", phone, f"{sure:.4g}") for start, end, phone, sure in zip(*columns, strict=True)
    )
    return _table(("start", "end", "phone", "confidence"), rows, "\t")


def phones_ctm(found: SpokenPhones, recording: str) -> str:
    """NIST's time-marked conversation: recording, channel, start (s), duration (s), phone, confidence."""
    columns = found.starts.tolist(), found.ends.tolist(), found.phones, found.confidence.tolist()
    name = "_".join(recording.split()) or "unnamed"
    lines = (
        f"{name} 1 {start:.3f} {end - start:.3f} {phone} {sure:.3f}\n"
        for start, end, phone, sure in zip(*columns, strict=True)
    )
    return "".join(lines)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]], separator: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows(rows)
    return text.getvalue()
