from .base import ShardedData
from .classification import ClipData
from .corpora import (
    AN4,
    AudioFolder,
    Conditions,
    ConsecutiveClips,
    ContourResynthesis,
    Excerpts,
    Instruments,
    LibriSpeech,
    MirdataCorpus,
    MirdataFiles,
    Phonemes11785,
    SpeechCommands,
    SteadyTimbres,
    StressFamilies,
    SyntheticMelody,
    SyntheticPhrases,
    Timit,
    VoiceResynthesis,
)
from .errors import DataError
from .melody import MelodyData
from .phonemes import PhonemeData
from .preparation.recipe import ShardRecipe
from .preparation.spectrograms import ConstantQ, HarmonicConstantQ
from .storage.options import RemoteShards
from .windows.compatibility import SpectrogramShape

__all__ = [
    "AN4",
    "AudioFolder",
    "ClipData",
    "Conditions",
    "ConsecutiveClips",
    "ConstantQ",
    "ContourResynthesis",
    "DataError",
    "Excerpts",
    "HarmonicConstantQ",
    "Instruments",
    "LibriSpeech",
    "MelodyData",
    "MirdataCorpus",
    "MirdataFiles",
    "PhonemeData",
    "Phonemes11785",
    "RemoteShards",
    "ShardRecipe",
    "ShardedData",
    "SpectrogramShape",
    "SpeechCommands",
    "SteadyTimbres",
    "StressFamilies",
    "SyntheticMelody",
    "SyntheticPhrases",
    "Timit",
    "VoiceResynthesis",
]
