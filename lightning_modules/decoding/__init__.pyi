from .ctc.alignment import SymbolSpan, align
from .ctc.base import CTCDecoder, Greedy, Hypothesis
from .ctc.beam import Beam
from .ctc.characters import CHARACTERS_11785
from .ctc.lexicon import LexiconBeam
from .ctc.prefix_beam import PrefixBeam
from .pitch.peaks import Argmax, DecodedPitch, LocalAverage, PitchDecoder
from .pitch.several import DecodedPitches, MultiPitchDecoder, SaliencePeaks
from .pitch.unvoiced_class import UnvoicedClass
from .pitch.viterbi import Viterbi

__all__ = [
    "CHARACTERS_11785",
    "Argmax",
    "Beam",
    "CTCDecoder",
    "DecodedPitch",
    "DecodedPitches",
    "Greedy",
    "Hypothesis",
    "LexiconBeam",
    "LocalAverage",
    "MultiPitchDecoder",
    "PitchDecoder",
    "PrefixBeam",
    "SaliencePeaks",
    "SymbolSpan",
    "UnvoicedClass",
    "Viterbi",
    "align",
]
