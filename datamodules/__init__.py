"""Where audio and truth come from: corpora, shards, the plans of an epoch, and the data modules."""

from datamodules.base import ShardedData
from datamodules.corpora import AudioFolder, ContourResynthesis, SyntheticMelody
from datamodules.errors import DataError
from datamodules.melody import MelodyData
from datamodules.recipe import ShardRecipe

__all__ = [
    "AudioFolder",
    "ContourResynthesis",
    "DataError",
    "MelodyData",
    "ShardRecipe",
    "ShardedData",
    "SyntheticMelody",
]
