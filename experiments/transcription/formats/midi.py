"""Notes as a MIDI file, with the contour as pitch bends."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import mido
import numpy as np
from numpy.typing import NDArray

from lightning_modules.decoding.pitch.notes import A4, A4_NOTE, HeardNote

TICKS = 960  # of a quarter note
TEMPO = 500_000  # us of a quarter note: 120 a minute
RANGE = 12  # semitones that a bend reaches to either side
_SILENT_BEND = 0


class _Event(NamedTuple):
    tick: int
    order: (
        int  # of what happens at the same tick: a note ends before the bend of the next, which comes before it begins
    )
    message: mido.Message


def midi_bytes(
    notes: Sequence[HeardNote], times: NDArray[np.float64], f0: NDArray[np.float64], voiced: NDArray[np.bool_]
) -> bytes:
    """A standard MIDI file of one track and one channel.

    The pitch of a note is the nearest semitone; bends, whose range of an octave to either side the file states,
    follow the voiced frames within the note. The velocity is the note's confidence.

    Args:
        notes: in order of time, as from `notes_of`.
        times: `(frames,)`, s, of the contour.
        f0: `(frames,)`, Hz.
        voiced: `(frames,)`.
    """
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=TEMPO))
    # Registered parameter 0: the range of bends.
    for control, value in ((101, 0), (100, 0), (6, RANGE), (38, 0), (101, 127), (100, 127)):
        track.append(mido.Message("control_change", control=control, value=value))
    tick = 0
    for event in sorted(_events(notes, times, f0, voiced), key=lambda each: each[:2]):
        track.append(event.message.copy(time=event.tick - tick))
        tick = event.tick
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS)
    file.tracks.append(track)
    written = io.BytesIO()
    file.save(file=written)
    return written.getvalue()


def _events(
    notes: Sequence[HeardNote], times: NDArray[np.float64], f0: NDArray[np.float64], voiced: NDArray[np.bool_]
) -> Iterator[_Event]:
    sounding, pitch = times[voiced], A4_NOTE + 12 * np.log2(f0[voiced] / A4)
    ticks = np.rint(sounding * 1e6 / TEMPO * TICKS).astype(np.int64)
    for note in notes:
        key = int(np.clip(round(note.pitch), 0, 127))
        begin, end = (round(second * 1e6 / TEMPO * TICKS) for second in (note.start, note.end))
        velocity = int(np.clip(round(127 * note.confidence), 1, 127))
        yield _Event(begin, 2, mido.Message("note_on", note=key, velocity=velocity))
        yield _Event(max(end, begin + 1), 0, mido.Message("note_off", note=key))
        first, last = np.searchsorted(sounding, (note.start, note.end))
        bends = np.clip(np.rint((pitch[first:last] - key) / RANGE * 8192), -8192, 8191).astype(np.int64)
        before = None
        for place, bend in enumerate(bends.tolist()):
            if bend != before:
                # The first bend is there before the note begins.
                at = begin if place == 0 else int(np.clip(ticks[first + place], begin, end))
                yield _Event(at, 1 if place == 0 else 3, mido.Message("pitchwheel", pitch=bend))
                before = bend
        if before is None:
            yield _Event(begin, 1, mido.Message("pitchwheel", pitch=_SILENT_BEND))
