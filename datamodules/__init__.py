"""Where audio and truth come from: corpora, shards, the plans of an epoch, and the data modules."""

from datamodules.base import ShardedData
from datamodules.classification import ClipData
from datamodules.corpora import (
    AN4,
    AudioFolder,
    ContourResynthesis,
    Excerpts,
    LibriSpeech,
    MirdataCorpus,
    MirdataFiles,
    Phonemes11785,
    SpeechCommands,
    SyntheticMelody,
    Timit,
)
from datamodules.errors import DataError
from datamodules.melody import MelodyData
from datamodules.network_input import SpectrogramShape
from datamodules.phonemes import PhonemeData
from datamodules.pipeline_reader import PipelineReader
from datamodules.recipe import ShardRecipe
from datamodules.spectrograms import ConstantQ, HarmonicConstantQ

__all__ = [
    "AN4",
    "AudioFolder",
    "ClipData",
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
]
