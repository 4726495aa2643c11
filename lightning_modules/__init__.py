"""What is learned and how it is scored: one LightningModule for each family of tasks."""

from lightning_modules.base import AudioModule, CheckpointMismatch
from lightning_modules.classification import ClipClassifier
from lightning_modules.decoding import Argmax, Beam, Greedy, LexiconBeam, LocalAverage, PrefixBeam, Viterbi
from lightning_modules.losses import SalienceBCE, SalienceSoftmax, UnvoicedClassSoftmax
from lightning_modules.melody import MelodyTracker
from lightning_modules.metrics import FoldedBy, LeeHon39, LeeHon48, Unfolded, WithoutStress
from lightning_modules.penalties import L2Penalty
from lightning_modules.phonemes import PhonemeRecognizer
from lightning_modules.pitch_grid import PitchGrid
from lightning_modules.schedules import ExponentialDecay
from lightning_modules.terms import Reconstruction, VoicingBCE
from lightning_modules.voicing_detector import VoicingDetector

__all__ = [
    "Argmax",
    "AudioModule",
    "Beam",
    "CheckpointMismatch",
    "ClipClassifier",
    "ExponentialDecay",
    "FoldedBy",
    "Greedy",
    "L2Penalty",
    "LeeHon39",
    "LeeHon48",
    "LexiconBeam",
    "LocalAverage",
    "MelodyTracker",
    "PhonemeRecognizer",
    "PitchGrid",
    "PrefixBeam",
    "Reconstruction",
    "SalienceBCE",
    "SalienceSoftmax",
    "Unfolded",
    "UnvoicedClassSoftmax",
    "Viterbi",
    "VoicingBCE",
    "VoicingDetector",
    "WithoutStress",
]
