"""The excerpts of tracks that a page holds: contours, outcomes, what lies behind them, and the recording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from experiments.evaluation.frames import AlignedTrack
from experiments.reporting import encoding, spectrograms
from experiments.reporting.excerpts import Excerpt, choose
from experiments.reporting.melody import LOWEST_NOTE, TrackSet
from experiments.reporting.outcomes import outcomes, voiced_at, wrong
from experiments.reporting.recordings import Recordings, SoundedAudio
from experiments.reporting.values import step_of

SECONDS = 10.0  # of a window
_MARGIN = 4.0  # semitones above and below all pitches
_HARMONICS = 19.0  # semitones above the highest: the second and third harmonic
_PICTURE_BYTES = 2600.0  # a second, in Base64; as measured on singing, speech and mixtures
_SOUND_BYTES = 4900.0
_TEXT_BYTES = 400.0  # of an excerpt


class SalientExcerpt(NamedTuple):
    """Salience of some frames of a track.

    Attributes:
        first: frame.
        levels: uint8 `(frames, bins)`.
        notes: `(bins,)`, MIDI notes.
    """

    first: int
    levels: NDArray[np.uint8]
    notes: NDArray[np.float64]


class Shown(NamedTuple):
    """What is shown of a set besides its figures.

    Attributes:
        recordings: of its tracks.
        sounds: whether the page holds them, to be heard.
        salience: of some tracks, by name.
        room: bytes for all excerpts.
    """

    recordings: Recordings
    sounds: bool
    salience: Mapping[str, SalientExcerpt]
    room: float


def track_blocks(data: TrackSet, shown: Shown) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every track with its excerpts as JSON values, those with the most errors in their worst window first.

    Args:
        data: the set.
        shown: of it.

    Raises:
        DataError: a recording is damaged.
    """
    errors = {track.name: _errors(data, track) for track in data.tracks}
    lengths = {track.name: _frames(track, SECONDS) for track in data.tracks}
    steps = {track.name: step_of(track.times) for track in data.tracks}
    a_frame = 4 / 3 * (2 + 4 * len(data.methods))
    a_second = _PICTURE_BYTES + (_SOUND_BYTES if shown.sounds else 0.0)

    def cost(name: str, excerpt: Excerpt) -> float:
        frames = excerpt.last - excerpt.first
        return _TEXT_BYTES + frames * (a_frame + steps[name] * a_second)

    chosen = choose(errors, lengths, cost, shown.room)
    for track in tqdm(data.tracks, desc=f"{data.name}: excerpts", unit="track"):
        recording = shown.recordings.read(track.name) if chosen[track.name] else None
        yield (
            track.name,
            {
                "name": track.name,
                "seconds": len(track.times) * steps[track.name],
                "excerpts": [_excerpt(data, track, each, shown, recording) for each in chosen[track.name]],
            },
        )


def worst_windows(data: TrackSet) -> list[dict[str, Any]]:
    """The worst ten seconds of each track, the worst track first: `track`, `start` and seconds `wrong` by method."""
    rows = []
    for track in data.tracks:
        errors = _errors(data, track)
        window = choose({track.name: errors}, {track.name: _frames(track, SECONDS)}, lambda *_: 1.0, 1.0)[track.name]
        if not window:
            continue
        first, last = window[0]
        step = step_of(track.times)
        of_methods = [float(wrong(found[first:last]).sum() * step) for found in _outcomes(data, track)]
        rows.append({"track": track.name, "start": float(track.times[first]), "wrong": of_methods})
    return sorted(rows, key=lambda row: (-round(sum(row["wrong"]), 6), row["track"]))


def _frames(track: AlignedTrack, seconds: float) -> int:
    return max(round(seconds / (step_of(track.times) or seconds)), 1)


def _outcomes(data: TrackSet, track: AlignedTrack) -> list[NDArray[np.uint8]]:
    return [outcomes(track, method, threshold) for method, threshold in data.thresholds.items()]


def _errors(data: TrackSet, track: AlignedTrack) -> NDArray[np.float64]:
    """The share of methods that are wrong in each frame."""
    return np.asarray(wrong(np.stack(_outcomes(data, track))).mean(axis=0))


def _excerpt(
    data: TrackSet, track: AlignedTrack, excerpt: Excerpt, shown: Shown, recording: SoundedAudio | None
) -> dict[str, Any]:
    part = slice(*excerpt)
    step = step_of(track.times)
    start, end = float(track.times[part][0]), float(track.times[part][-1]) + step
    lowest, highest = _range(data, track, part)
    heard = None if recording is None else recording.between(start, end)
    methods = {}
    for (method, threshold), found in zip(data.thresholds.items(), _outcomes(data, track), strict=True):
        guess = track.guesses[method]
        methods[method] = {
            "pitch": encoding.packed_notes(guess.cents[part], voiced_at(track, method, threshold)[part]),
            "confidence": encoding.packed_shares(None if guess.confidence is None else guess.confidence[part]),
            "outcome": encoding.packed(found[part], "u1"),
        }
    return {
        "start": start,
        "step": step,
        "times": None if _even(track.times[part], step) else encoding.packed(track.times[part], "<f4"),
        "frames": excerpt.last - excerpt.first,
        "reference": encoding.packed_notes(np.where(track.voiced, track.cents, 0.0)[part], track.voiced[part]),
        "methods": methods,
        "behind": _behind(track, excerpt, shown, heard, lowest, highest),
        "sound": encoding.sound(*heard) if shown.sounds and heard is not None else None,
    }


def _even(times: NDArray[np.float64], step: float) -> bool:
    return bool((np.abs(times - times[0] - step * np.arange(len(times))) < 1e-4).all())


def _range(data: TrackSet, track: AlignedTrack, part: slice) -> tuple[float, float]:
    """MIDI notes of what is seen: the truth and voiced guesses, and room around them."""
    voiced = [track.voiced & (track.cents != 0)]
    voiced += [voiced_at(track, method, threshold) for method, threshold in data.thresholds.items()]
    cents = [track.cents, *(track.guesses[method].cents for method in data.methods)]
    seen = np.concatenate([pitch[part][of[part]] for pitch, of in zip(cents, voiced, strict=True)]) / 100 + LOWEST_NOTE
    if not len(seen):
        return 40.0, 88.0
    return max(float(seen.min()) - _MARGIN, 12.0), min(float(seen.max()) + _HARMONICS, 132.0)


def _behind(
    track: AlignedTrack, excerpt: Excerpt, shown: Shown, heard: SoundedAudio | None, lowest: float, highest: float
) -> dict[str, Any] | None:
    """The salience or spectrogram as a picture, and where its edges are."""
    step = step_of(track.times)
    pictures: list[dict[str, Any]] = []
    salient = shown.salience.get(track.name)
    if salient is not None:
        first, last = max(salient.first, excerpt.first), min(salient.first + len(salient.levels), excerpt.last)
        if first < last:
            levels = salient.levels[first - salient.first : last - salient.first]
            levels = spectrograms.on_notes(levels, salient.notes, lowest, highest)
            begin = float(track.times[first]) - step / 2
            pictures.append(_picture("salience", levels, begin, len(levels) * step, lowest))
    if heard is not None and len(heard.values):
        levels = spectrograms.spectrogram(*heard, lowest, highest)
        begin = float(track.times[excerpt.first]) - spectrograms.STEP / 2
        pictures.append(_picture("spectrogram", levels, begin, len(levels) * spectrograms.STEP, lowest))
    return {"lowest": lowest, "highest": highest, "pictures": pictures}


def _picture(kind: str, levels: NDArray[np.uint8], begin: float, seconds: float, lowest: float) -> dict[str, Any]:
    bottom = lowest - 0.5 / spectrograms.BINS
    return {
        "kind": kind,
        "address": encoding.picture(levels),
        "begin": begin,
        "seconds": seconds,
        "bottom": bottom,
        "semitones": levels.shape[1] / spectrograms.BINS,
    }
