"""From a network's outputs to what they mean."""

from lightning_modules.decoding.ctc.alignment import Segment, align, frames_needed
from lightning_modules.decoding.ctc.base import CTCDecoder, Greedy, Hypothesis
from lightning_modules.decoding.ctc.beam import Beam
from lightning_modules.decoding.ctc.characters import CHARACTERS_11785, as_characters
from lightning_modules.decoding.ctc.lexicon import LexiconBeam
from lightning_modules.decoding.ctc.prefix_beam import PrefixBeam
from lightning_modules.decoding.pitch.peaks import Argmax, DecodedPitch, LocalAverage, PitchDecoder
from lightning_modules.decoding.pitch.viterbi import Viterbi

__all__ = [
    "CHARACTERS_11785",
    "Argmax",
    "Beam",
    "CTCDecoder",
    "DecodedPitch",
    "Greedy",
    "Hypothesis",
    "LexiconBeam",
    "LocalAverage",
    "PitchDecoder",
    "PrefixBeam",
    "Segment",
    "Viterbi",
    "align",
    "as_characters",
    "frames_needed",
]
