"""Augmentations of training audio under which its labels stay true.

Every random number is a function of the augmentation's place in its list and of the item's seed, a hash of the run's
seed, the epoch, the recording and the window (`item_seeds`). So a window is changed in the same way on any number of
processes and workers and after a resume, and differently in every epoch.
"""

from datamodules.augment.base import Augmentation, Others, Sounds, WaveformAugmentation
from datamodules.augment.chain import Augmentations
from datamodules.augment.distortions import Clip, Codec, MuLaw
from datamodules.augment.draws import Draws, item_seeds
from datamodules.augment.filters import Equaliser, HighPass, LowPass, Reverb
from datamodules.augment.pitch_shift import ExcerptLayout, Margin, PitchShift, move_labels
from datamodules.augment.waveforms import Gain, Level, Mix, Noise, Polarity, TimeShift

__all__ = [
    "Augmentation",
    "Augmentations",
    "Clip",
    "Codec",
    "Draws",
    "Equaliser",
    "ExcerptLayout",
    "Gain",
    "HighPass",
    "Level",
    "LowPass",
    "Margin",
    "Mix",
    "MuLaw",
    "Noise",
    "Others",
    "PitchShift",
    "Polarity",
    "Reverb",
    "Sounds",
    "TimeShift",
    "WaveformAugmentation",
    "item_seeds",
    "move_labels",
]
