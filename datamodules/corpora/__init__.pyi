from .an4 import AN4
from .audio_folder import AudioFolder
from .base import Audio, AudioSource, Corpus, PitchSource, Recording
from .clips import ConsecutiveClips
from .conditions import Conditions
from .excerpts import Excerpts
from .librispeech import LibriSpeech
from .mirdata.corpus import MirdataCorpus
from .mirdata.folder import MirdataFiles
from .phonemes_11785 import Phonemes11785
from .sources.pronunciations import Pronunciations
from .speech_commands import SpeechCommands
from .synthetic.contours import ContourResynthesis
from .synthetic.instruments import Instruments
from .synthetic.melodies import SyntheticMelody
from .synthetic.registers import SyntheticPhrases
from .synthetic.stress import StressFamilies
from .synthetic.timbres import SteadyTimbres, Timbres
from .synthetic.voices.corpus import VoiceResynthesis
from .timit import Timit

__all__ = [
    "AN4",
    "Audio",
    "AudioFolder",
    "AudioSource",
    "Conditions",
    "ConsecutiveClips",
    "ContourResynthesis",
    "Corpus",
    "Excerpts",
    "Instruments",
    "LibriSpeech",
    "MirdataCorpus",
    "MirdataFiles",
    "Phonemes11785",
    "PitchSource",
    "Pronunciations",
    "Recording",
    "SpeechCommands",
    "SteadyTimbres",
    "StressFamilies",
    "SyntheticMelody",
    "SyntheticPhrases",
    "Timbres",
    "Timit",
    "VoiceResynthesis",
]
