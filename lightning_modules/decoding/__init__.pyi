from .ctc.alignment import SymbolSpan, align
from .ctc.base import CTCDecoder, Greedy, Hypothesis
from .ctc.beam import Beam
from .ctc.characters import CHARACTERS_11785
from .ctc.lexicon import LexiconBeam
from .ctc.prefix_beam import PrefixBeam
from .pitch.peaks import Argmax, DecodedPitch, LocalAverage, PitchDecoder
from .pitch.unvoiced_class import UnvoicedClass
from .pitch.viterbi import Viterbi

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
    "SymbolSpan",
    "UnvoicedClass",
    "Viterbi",
    "align",
]
