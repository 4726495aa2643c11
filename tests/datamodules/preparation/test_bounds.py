"""What numbers of a recipe may be, and where shards may lie."""

import os

import pytest

from datamodules.corpora import SyntheticMelody
from datamodules.errors import DataError
from datamodules.preparation.bounds import check_directory, check_numbers
from datamodules.preparation.recipe import ShardRecipe
from datamodules.preparation.spectrograms import ConstantQ, HarmonicConstantQ


def recipe(**changes):
    corpus = SyntheticMelody(recordings={"train": 2}, seconds=1.0, rate=8000)
    return ShardRecipe(**{"corpus": corpus, "directory": "shards", "rate": 8000, "hop": 80, **changes})


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"rate": 2147483648}, "rate: 2147483648"),
        ({"rate": 0}, "rate: 0"),
        ({"hop": 1 << 45}, "hop: "),
        ({"segment": 1e308}, "segment: 1e\\+308"),
        ({"segment": float("nan")}, "segment: nan"),
        ({"context": 1e308}, "context: 1e\\+308"),
        ({"context": -1}, "context: -1"),
        ({"seed": -1}, "seed: -1"),
        ({"records_per_shard": 1 << 40}, "records_per_shard: "),
        ({"spectrogram": HarmonicConstantQ(minimum=1e-308)}, "spectrogram.minimum: 1e-308"),
        ({"spectrogram": HarmonicConstantQ(harmonics=[1.0, float("inf")])}, "spectrogram.harmonics.1: inf"),
        ({"corpus": SyntheticMelody({"train": 10**12}, 1.0)}, "corpus.counts.train: 1000000000000"),
        ({"corpus": SyntheticMelody({"train": 1}, 1.0, snr_db=1e308)}, "corpus.snr_db: 1e\\+308"),
    ],
)
def test_a_number_beyond_what_anybody_means_is_refused_with_its_key_and_range(changes, key):
    with pytest.raises(DataError, match=f"^{key}.*; a number from .* to .* is expected$"):
        recipe(**changes)


def test_a_computed_recording_too_long_to_be_held_is_refused():
    with pytest.raises(DataError, match=r"seconds = 1e\+300.*samples are not computed"):
        SyntheticMelody({"train": 1}, 1e300)


def test_numbers_of_usual_recipes_pass():
    recipe(segment=None, context=0.0, rate=44100, hop=1, seed=2**32)
    check_numbers({"margins": {"de": 1.5}, "flags": [True], "nothing": None, "text": "1e999"})


@pytest.mark.parametrize("key", ["corpus", "directory", "rate", "hop", "context", "seed", "records_per_shard", "audio"])
def test_a_key_without_a_value_is_refused_by_name(key):
    with pytest.raises(DataError, match=f"^{key}: nothing is stated"):
        recipe(**{key: None})


@pytest.mark.parametrize(
    "directory", ["/", "/dev/null", "/proc/x", "/sys/x", "/dev/x", "", "  ", "a\x00b", "a\nb", "a/" * 2000]
)
def test_a_place_that_takes_no_shards_is_refused(directory):
    with pytest.raises(DataError, match=r"^directory: "):
        recipe(directory=directory)


@pytest.mark.parametrize("changes", [{"octaves": 0}, {"octaves": -1}, {"bins_per_octave": 0}])
@pytest.mark.parametrize("spectrogram", [ConstantQ, HarmonicConstantQ])
def test_a_spectrogram_without_bins_is_refused(spectrogram, changes):
    (key,) = changes
    with pytest.raises(DataError, match=rf"^spectrogram\.{key}: {changes[key]}; a number from 1 to .* is expected$"):
        spectrogram(**changes)


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("/proc/self")
    for name in ("file", "link"):
        with pytest.raises(DataError, match=r"^directory: "):
            check_directory(str(tmp_path / name))


def test_a_folder_and_shared_memory_take_shards(tmp_path):
    check_directory(str(tmp_path / "new" / "shards"))
    check_directory(os.fspath(tmp_path))
    check_directory("/dev/shm/shards")
