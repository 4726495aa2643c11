"""Decibels, levels, and what an overdriven amplifier does to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]


def amplitude(db: Doubles) -> Doubles:
    """The ratio of amplitudes of a level in dB."""
    return np.asarray(10.0 ** (db / 20), np.float64)


def power(audio: Singles) -> Doubles:
    """Mean square of every item.

    Args:
        audio: `(items, samples)`.

    Returns:
        `(items,)`.
    """
    return np.asarray(np.mean(np.square(audio), axis=1, dtype=np.float64), np.float64)


def gain(power: Doubles, wanted: Doubles) -> Singles:
    """The factor of amplitude from one power to another, `(items, 1)`; 0 for silence."""
    ratio = np.divide(wanted, power, out=np.zeros_like(power), where=power > 0)
    return np.asarray(np.sqrt(ratio)[:, None], np.float32)


def hard_clip(audio: Singles, limit: Doubles) -> Singles:
    """Cut off what lies beyond a limit.

    Args:
        audio: `(items, samples)`.
        limit: `(items,)` largest amplitude, at the scale of the audio.

    Returns:
        `(items, samples)`.
    """
    bound = limit[:, None].astype(np.float32)
    return np.clip(audio, -bound, bound)


def soft_clip(audio: Singles, limit: Doubles) -> Singles:
    """Bend amplitudes smoothly towards a limit, as a hyperbolic tangent; small ones stay as they are.

    Args:
        audio: `(items, samples)`.
        limit: `(items,)` what amplitudes approach, at the scale of the audio; silence where it is 0.

    Returns:
        `(items, samples)`.
    """
    bound = limit[:, None].astype(np.float32)
    scaled = np.divide(audio, bound, out=np.zeros_like(audio), where=bound > 0)
    return np.asarray(np.tanh(scaled, out=scaled) * bound, np.float32)
