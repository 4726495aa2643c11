from .base import ShardedData
from .classification import ClipData
from .corpora import (
    AN4,
    AudioFolder,
    Conditions,
    ContourResynthesis,
    Excerpts,
    LibriSpeech,
    MirdataCorpus,
    MirdataFiles,
    Phonemes11785,
    SpeechCommands,
    SyntheticMelody,
    Timit,
    VoiceResynthesis,
)
from .errors import DataError
from .melody import MelodyData
from .phonemes import PhonemeData
from .preparation.recipe import ShardRecipe
from .preparation.spectrograms import ConstantQ, HarmonicConstantQ
from .streaming.pipeline_reader import PipelineReader
from .windows.compatibility import SpectrogramShape

__all__ = [
    "AN4",
    "AudioFolder",
    "ClipData",
    "Conditions",
    "ConstantQ",
    "ContourResynthesis",
    "DataError",
    "Excerpts",
    "HarmonicConstantQ",
    "LibriSpeech",
    "MelodyData",
    "MirdataCorpus",
    "MirdataFiles",
    "PhonemeData",
    "Phonemes11785",
    "PipelineReader",
    "ShardRecipe",
    "ShardedData",
    "SpectrogramShape",
    "SpeechCommands",
    "SyntheticMelody",
    "Timit",
    "VoiceResynthesis",
]
