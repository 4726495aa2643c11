"""Groups and metadata of recordings, as their corpus gave them."""

import numpy as np
import pytest

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import Audio, Recording
from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.metadata import read_metadata
from tests.given_corpus import Given, GivenCorpus

RATE = 8000


def recording(name, group, **metadata):
    audio = Given(Audio(np.zeros(2 * RATE, np.float32), RATE))
    truth = Given(F0Series(np.arange(200) / 100, np.full(200, 220.0)))
    return Recording(name, audio, truth, group=group, metadata=metadata)


@pytest.fixture
def directory(tmp_path):
    recordings = [recording("b", "anna", condition="clean", snr_db=3.5), recording("a", "a"), recording("c", "anna")]
    recipe = ShardRecipe(
        GivenCorpus(recordings),
        str(tmp_path),
        RATE,
        80,
        splits={"train": 1.0},
        segment=0.5,
        context=0.1,
        records_per_shard=5,
    )
    prepare(recipe, progress=False)
    return tmp_path


def test_groups_and_metadata_come_back_of_every_recording(directory):
    found = read_metadata(directory, "train")
    assert list(found) == ["a", "b", "c"]
    assert {name: each.group for name, each in found.items()} == {"a": "a", "b": "anna", "c": "anna"}
    assert {name: dict(each.values) for name, each in found.items()} == {
        "a": {},
        "b": {"condition": "clean", "snr_db": 3.5},
        "c": {},
    }


def test_a_group_is_not_in_the_tar_so_that_ids_of_data_sets_stay(tmp_path):
    ids = []
    for group in ("anna", "berta"):
        recipe = ShardRecipe(
            GivenCorpus([recording("b", group)]),
            str(tmp_path / group),
            RATE,
            80,
            splits={"train": 1.0},
            segment=1.0,
            context=0.1,
        )
        prepare(recipe, progress=False)
        ids.append([path.read_bytes() for path in sorted((tmp_path / group).glob("*.tar"))])
    assert ids[0] == ids[1]


def test_damaged_metadata_is_named(directory):
    shard = next(path for path in sorted(directory.glob("*.tar")))
    data = shard.read_bytes()
    assert b'"snr_db": 3.5' in b"".join(path.read_bytes() for path in directory.glob("*.tar"))
    shard.write_bytes(data.replace(b'"context"', b'"kontext"'))
    with pytest.raises(DataError, match=r"train-0.*\.json: its bytes are not those that were written"):
        read_metadata(directory, "train")


def test_an_unknown_split_is_named(directory):
    with pytest.raises(DataError, match="no split 'test'; it has train"):
        read_metadata(directory, "test")
