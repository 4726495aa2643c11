from .base import AudioModule, CheckpointMismatch
from .classification import ClipClassifier
from .decoding import Argmax, Beam, Greedy, LexiconBeam, LocalAverage, PrefixBeam, SaliencePeaks, UnvoicedClass, Viterbi
from .epoch_decay import EpochDecay
from .losses.distribution import PitchDistribution
from .losses.penalties import L2Penalty
from .losses.salience import SalienceBCE, SalienceSoftmax, UnvoicedClassSoftmax
from .losses.schedules import ExponentialDecay
from .losses.terms import Reconstruction, VoicedAndRight, VoicingBCE
from .melody import MelodyTracker
from .metrics import FoldedBy, LeeHon39, LeeHon48, Unfolded, WithoutStress
from .multi_pitch import MultiPitchTracker
from .phonemes import PhonemeRecognizer
from .pitch_grid import PitchGrid
from .pitch_model import PitchModel
from .voicing_detector import VoicingDetector

__all__ = [
    "Argmax",
    "AudioModule",
    "Beam",
    "CheckpointMismatch",
    "ClipClassifier",
    "EpochDecay",
    "ExponentialDecay",
    "FoldedBy",
    "Greedy",
    "L2Penalty",
    "LeeHon39",
    "LeeHon48",
    "LexiconBeam",
    "LocalAverage",
    "MelodyTracker",
    "MultiPitchTracker",
    "PhonemeRecognizer",
    "PitchDistribution",
    "PitchGrid",
    "PitchModel",
    "PrefixBeam",
    "Reconstruction",
    "SalienceBCE",
    "SaliencePeaks",
    "SalienceSoftmax",
    "Unfolded",
    "UnvoicedClass",
    "UnvoicedClassSoftmax",
    "Viterbi",
    "VoicedAndRight",
    "VoicingBCE",
    "VoicingDetector",
    "WithoutStress",
]
