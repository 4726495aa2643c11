"""From a network's outputs to what they mean."""

from lightning_modules.decoding.pitch import Argmax, DecodedPitch, LocalAverage, PitchDecoder
from lightning_modules.decoding.viterbi import Viterbi

__all__ = ["Argmax", "DecodedPitch", "LocalAverage", "PitchDecoder", "Viterbi"]
