"""Augmentations of training audio that keep its labels true.

Every draw is a function of the run's seed, the epoch, the recording and the window, through the seed of the item
(`item_seeds`), and of the augmentation's place in its list. So a window is changed in the same way on any number of
processes and workers, in messages of any size and after a resume, and in another way in every other epoch.
"""

from datamodules.augment.base import Augmentation, Others, Sounds, WaveformAugmentation
from datamodules.augment.chain import Augmentations
from datamodules.augment.draws import Draws, item_seeds
from datamodules.augment.pitch_shift import ExcerptLayout, Margin, PitchShift, move_labels
from datamodules.augment.waveforms import Gain, Mix, Noise, Polarity, TimeShift

__all__ = [
    "Augmentation",
    "Augmentations",
    "Draws",
    "ExcerptLayout",
    "Gain",
    "Margin",
    "Mix",
    "Noise",
    "Others",
    "PitchShift",
    "Polarity",
    "Sounds",
    "TimeShift",
    "WaveformAugmentation",
    "item_seeds",
    "move_labels",
]
