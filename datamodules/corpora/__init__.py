"""Data sets and sources: what gives recordings, each with its audio and its truth."""

from datamodules.corpora.audio_folder import AudioFolder
from datamodules.corpora.base import Audio, AudioSource, Corpus, PitchSource, Recording
from datamodules.corpora.contour_resynthesis import ContourResynthesis
from datamodules.corpora.synthetic_melody import SyntheticMelody

__all__ = [
    "Audio",
    "AudioFolder",
    "AudioSource",
    "ContourResynthesis",
    "Corpus",
    "PitchSource",
    "Recording",
    "SyntheticMelody",
]
