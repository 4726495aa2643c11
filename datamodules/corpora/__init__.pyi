from .an4 import AN4
from .audio_folder import AudioFolder
from .base import Audio, AudioSource, Corpus, PitchSource, Recording
from .conditions import Conditions
from .excerpts import Excerpts
from .librispeech import LibriSpeech
from .mirdata.corpus import MirdataCorpus
from .mirdata.folder import MirdataFiles
from .phonemes_11785 import Phonemes11785
from .sources.pronunciations import Pronunciations
from .speech_commands import SpeechCommands
from .synthetic.contours import ContourResynthesis
from .synthetic.melodies import SyntheticMelody
from .synthetic.voices import VoiceResynthesis
from .timit import Timit

__all__ = [
    "AN4",
    "Audio",
    "AudioFolder",
    "AudioSource",
    "Conditions",
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
    "VoiceResynthesis",
]
