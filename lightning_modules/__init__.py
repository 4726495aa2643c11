"""What is learned and how it is scored: one LightningModule for each family of tasks."""

from lightning_modules.base import AudioModule, CheckpointMismatch
from lightning_modules.decoding import Argmax, LocalAverage, Viterbi
from lightning_modules.losses import SalienceBCE, SalienceSoftmax, UnvoicedClassSoftmax
from lightning_modules.melody import MelodyTracker
from lightning_modules.penalties import L2Penalty
from lightning_modules.pitch_grid import PitchGrid
from lightning_modules.schedules import ExponentialDecay
from lightning_modules.terms import Reconstruction, VoicingBCE
from lightning_modules.voicing_detector import VoicingDetector

__all__ = [
    "Argmax",
    "AudioModule",
    "CheckpointMismatch",
    "ExponentialDecay",
    "L2Penalty",
    "LocalAverage",
    "MelodyTracker",
    "PitchGrid",
    "Reconstruction",
    "SalienceBCE",
    "SalienceSoftmax",
    "UnvoicedClassSoftmax",
    "Viterbi",
    "VoicingBCE",
    "VoicingDetector",
]
