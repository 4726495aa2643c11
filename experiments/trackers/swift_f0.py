"""SwiftF0 (Nieradzik, "SwiftF0: Fast and accurate monophonic pitch detection", 2025)."""

from __future__ import annotations

import numpy as np
import swift_f0  # type: ignore[import-not-found, import-untyped, unused-ignore]
from numpy.typing import NDArray


class Swift:
    """SwiftF0 in its full range, 46.875 to 2093.75 Hz, a frame every 16 ms.

    Args:
        voiced: a frame is voiced where the confidence, 0 to 1, is at least this; the package calibrates it to 0.5.
    """

    def __init__(self, voiced: float) -> None:
        self.voiced = voiced
        self.detector = swift_f0.SwiftF0(threads=1)

    def __call__(self, samples: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float64], ...]:
        """Times in s, f0 in Hz, negative where unvoiced, and confidence, of `(samples,)` at full scale 1."""
        found = self.detector.detect(samples, rate)
        signed = np.where(found.confidence >= self.voiced, found.pitch_hz, -found.pitch_hz)
        return found.timestamps, signed, found.confidence
