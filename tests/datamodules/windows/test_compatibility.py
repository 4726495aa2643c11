"""Shards that do not hold what a network reads are refused by name, with the keys to change."""

import json
import re
import shutil

import pytest

from datamodules.errors import DataError
from datamodules.melody import MelodyData
from datamodules.windows.compatibility import SpectrogramShape
from tests import dataset_json
from tests.datamodules.windows.spectrogram_shards import FRAMES, HOP, KINDS, RATE, SHAPES, melody, prepared, refused


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            {"spectrogram": SpectrogramShape(2, 36)},
            r"have channels 1, .*made for channels 2; .*model\.network\.channels",
        ),
        ({"spectrogram": SpectrogramShape(1, 48)}, r"have bins 36, .*made for bins 48; .*spectrogram\.octaves"),
        (
            {"spectrogram": SpectrogramShape(1, 36, 45.02, 1)},
            r"lowest bin 110\.00 Hz, .*lowest bin 110\.13 Hz; change model\.grid\.lowest_note, .*spectrogram\.minimum",
        ),
        (
            {"spectrogram": SpectrogramShape(1, 36, 45.0, 5)},
            r"bins per semitone 1, .*bins per semitone 5; .*spectrogram\.bins_per_octave",
        ),
        ({"spectrogram": SpectrogramShape(3, 60)}, r"have channels 1, bins 36, .*made for channels 3, bins 60;"),
        ({"hop": 160}, r"have hop 80, .*made for hop 160; change model\.network\.hop, or the recipe's hop"),
        ({"hop": 160, "rate": 16000}, r"hop 80, rate 8000, .*hop 160, rate 16000; .*the recipe's hop, rate"),
        ({"spectrogram": None, "hop": 160, "window": 256}, r"have hop 80, .*made for hop 160"),
    ],
)
def test_shards_that_a_network_is_not_made_for_are_refused_with_the_keys_to_change(shards, wanted, message):
    directory = shards["one channel"]
    window = wanted.get("window", 1)
    options = {"train": [str(directory)], "validation": {"mine": str(directory)}, **wanted, "window": window}
    refused(
        f"^{re.escape(str(directory))}: .*{message}", MelodyData(**{"spectrogram": SHAPES["one channel"], **options})
    )


@pytest.mark.parametrize("note", [None, 44.991, 45.0, 45.009])
def test_a_lowest_note_within_a_cent_is_the_same(shards, note):
    data = melody(shards["one channel"], spectrogram=SpectrogramShape(1, 36, note), hop=HOP, rate=RATE)
    assert len(data.train_dataloader()) == sum(FRAMES)


def test_shards_without_spectrogram_are_refused_with_what_the_recipe_lacks(melody_shards):
    refused(rf"^{re.escape(str(melody_shards))}: .*spectrogram: \{{class_path:", melody(melody_shards))


def test_of_several_directories_the_one_that_lacks_a_spectrogram_is_named(shards, tmp_path):
    data = melody(shards["one channel"])
    data.train_directories.append(str(prepared(tmp_path, None)))
    with pytest.raises(DataError, match=rf"^{re.escape(str(tmp_path))}: there are recordings without spectrogram"):
        data.train_dataloader()


def test_of_several_directories_the_one_with_another_spectrogram_is_named(shards):
    data = melody(shards["one channel"])
    data.train_directories.append(str(shards["three channels"]))
    with pytest.raises(DataError, match=rf"^{re.escape(str(shards['three channels']))}: .*channels 3, bins 24"):
        data.train_dataloader()


def test_dataset_json_states_the_class_and_every_parameter_of_the_spectrogram(shards):
    for name, kind in KINDS.items():
        stated = json.loads((shards[name] / "dataset.json").read_bytes())["recipe"]["spectrogram"]
        assert stated == {"class": type(kind).__name__, **vars(kind)}


def test_of_directories_that_do_not_state_their_spectrogram_only_channels_and_bins_are_known(shards, tmp_path):
    directory = shutil.copytree(shards["one channel"], tmp_path / "old")
    description = json.loads((directory / "dataset.json").read_bytes())
    del description["recipe"]["spectrogram"]
    dataset_json.write(directory, description)
    data = melody(directory, spectrogram=SpectrogramShape(1, 36, 30.0, 7))
    assert len(data.train_dataloader()) == sum(FRAMES)
    refused("bins 36", melody(directory, spectrogram=SpectrogramShape(1, 35)))
