"""From f0 to notes on the MIDI scale, and the tolerance of a correct pitch."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

TOLERANCE = 0.5  # semitones; less than this is correct, as in mir_eval
MIDI_NOTES = 128


def hz_to_notes(f0: ArrayLike) -> NDArray[np.float64]:
    """MIDI notes, 69 at 440 Hz, of frequencies in Hz, whose sign does not matter; none may be 0."""
    return np.asarray(69 + 12 * np.log2(np.abs(f0) / 440.0), dtype=np.float64)


def paired_f0(reference: ArrayLike, estimate: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two series on the same frames, in float64.

    Args:
        reference: `(frames,)`, Hz.
        estimate: `(frames,)`, Hz.

    Raises:
        ValueError: they are not of one length, or a value is not finite.
    """
    true, guess = np.asarray(reference, dtype=np.float64), np.asarray(estimate, dtype=np.float64)
    if true.ndim != 1 or true.shape != guess.shape:
        raise ValueError(f"reference of shape {true.shape} and estimate of shape {guess.shape} must share their frames")
    if not (np.isfinite(true).all() and np.isfinite(guess).all()):
        raise ValueError("reference or estimate is not finite in some frame; 0 stands for no pitch")
    return true, guess


def correct_frames(true: NDArray[np.float64], guess: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which frames raw pitch accuracy counts as correct: voiced ones, of which the guess is within half a semitone.

    Args:
        true: `(frames,)`, Hz, 0 or less where unvoiced.
        guess: `(frames,)`, Hz, of any sign, 0 where there is no guess.
    """
    correct: NDArray[np.bool_] = (true > 0) & (guess != 0)
    correct[correct] = np.abs(hz_to_notes(guess[correct]) - hz_to_notes(true[correct])) < TOLERANCE
    return correct


def paired_notes(reference: ArrayLike, estimate: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """MIDI notes of reference and estimate where both have a pitch.

    As in raw pitch accuracy, a frame counts where the reference is voiced and the estimate is not 0. Guesses for
    unvoiced frames, which are negative, count too; set them to 0 to leave them out.

    Args:
        reference: `(frames,)`, Hz, 0 or less where unvoiced.
        estimate: `(frames,)`, Hz, negative where unvoiced with a guess, 0 where there is no guess.

    Returns:
        Two arrays `(counted frames,)`.

    Raises:
        ValueError: as in `paired_f0`.
    """
    true, guess = paired_f0(reference, estimate)
    both = (true > 0) & (guess != 0)
    return hz_to_notes(true[both]), hz_to_notes(guess[both])


def nearest_notes(notes: NDArray[np.float64]) -> NDArray[np.int64]:
    """The MIDI note nearest to each, clipped to 0 ... 127."""
    return np.clip(np.rint(notes), 0, MIDI_NOTES - 1).astype(np.int64)
