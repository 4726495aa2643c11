"""From a network's outputs to what they mean."""

from lightning_modules.decoding.pitch import Argmax, DecodedPitch, LocalAverage, PitchDecoder

__all__ = ["Argmax", "DecodedPitch", "LocalAverage", "PitchDecoder"]
