"""The house's own tracker of one voice."""

from architectures.harmonic_tracker.harmonic_tracker import HarmonicTracker
from architectures.harmonic_tracker.stream import HarmonicStream

__all__ = ["HarmonicStream", "HarmonicTracker"]
