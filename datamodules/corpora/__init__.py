"""Data sets and sources: what gives recordings, each with its audio and its truth."""

from datamodules.corpora.an4 import AN4
from datamodules.corpora.audio_folder import AudioFolder
from datamodules.corpora.base import Audio, AudioSource, Corpus, PitchSource, Recording
from datamodules.corpora.excerpts import Excerpts
from datamodules.corpora.librispeech import LibriSpeech
from datamodules.corpora.mirdata.corpus import MirdataCorpus
from datamodules.corpora.mirdata.files import MirdataFiles
from datamodules.corpora.phonemes_11785 import Phonemes11785
from datamodules.corpora.sources.pronunciations import Pronunciations
from datamodules.corpora.speech_commands import SpeechCommands
from datamodules.corpora.synthetic.contours import ContourResynthesis
from datamodules.corpora.synthetic.melodies import SyntheticMelody
from datamodules.corpora.timit import Timit

__all__ = [
    "AN4",
    "Audio",
    "AudioFolder",
    "AudioSource",
    "ContourResynthesis",
    "Corpus",
    "Excerpts",
    "LibriSpeech",
    "MirdataCorpus",
    "MirdataFiles",
    "Phonemes11785",
    "PitchSource",
    "Pronunciations",
    "Recording",
    "SpeechCommands",
    "SyntheticMelody",
    "Timit",
]
