"""JAMS: the contour as `pitch_contour`, the notes as `note_midi`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightning_modules.decoding.pitch.notes import HeardNote

VERSION = "0.3.4"  # of the schema


def jams_text(
    times: NDArray[np.float64],
    f0: NDArray[np.float64],
    confidence: NDArray[np.float64],
    voiced: NDArray[np.bool_],
    *,
    notes: Sequence[HeardNote],
    title: str,
    seconds: float,
    tool: str,
) -> str:
    """A JAMS document of a recording.

    Args:
        times: `(frames,)`, s, evenly spaced.
        f0: `(frames,)`, Hz.
        confidence: `(frames,)`, 0 to 1.
        voiced: `(frames,)`.
        notes: in order of time.
        title: of the recording.
        seconds: of the recording.
        tool: what made it.
    """
    step = float(times[1] - times[0]) if len(times) > 1 else seconds
    columns = (column.tolist() for column in (times, f0, confidence, voiced))
    contour = [
        {
            "time": time,
            "duration": step,
            "value": {"index": 0, "frequency": frequency, "voiced": is_voiced},
            "confidence": sure,
        }
        for time, frequency, sure, is_voiced in zip(*columns, strict=True)
    ]
    played = [
        {"time": note.start, "duration": note.end - note.start, "value": note.pitch, "confidence": note.confidence}
        for note in notes
    ]
    return json.dumps(
        {
            "annotations": [
                _annotation("pitch_contour", contour, seconds, tool),
                _annotation("note_midi", played, seconds, tool),
            ],
            "file_metadata": {
                "title": title,
                "artist": "",
                "release": "",
                "duration": seconds,
                "identifiers": {},
                "jams_version": VERSION,
            },
            "sandbox": {},
        }
    )


def _annotation(namespace: str, data: list[dict[str, Any]], seconds: float, tool: str) -> dict[str, Any]:
    metadata = {
        "curator": {"name": "", "email": ""},
        "annotator": {},
        "version": "",
        "corpus": "",
        "annotation_tools": tool,
        "annotation_rules": "",
        "validation": "",
        "data_source": "program",
    }
    return {
        "namespace": namespace,
        "data": data,
        "annotation_metadata": metadata,
        "sandbox": {},
        "time": 0.0,
        "duration": seconds,
    }
