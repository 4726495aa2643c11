"""What is learned and how it is scored: one LightningModule for each family of tasks."""

from lightning_modules.base import AudioModule, CheckpointMismatch
from lightning_modules.decoding import Argmax, LocalAverage
from lightning_modules.losses import SalienceBCE
from lightning_modules.melody import MelodyTracker
from lightning_modules.pitch_grid import PitchGrid

__all__ = ["Argmax", "AudioModule", "CheckpointMismatch", "LocalAverage", "MelodyTracker", "PitchGrid", "SalienceBCE"]
