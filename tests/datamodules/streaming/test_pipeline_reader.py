"""Windows of streamed shards: those of the index, in equal numbers on all ranks."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest

from datamodules.annotations.f0_series import MultiF0Series
from datamodules.augment import item_seeds
from datamodules.corpora.base import Audio, Recording
from datamodules.errors import DataError
from datamodules.melody import MelodyData
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from datamodules.streaming.pipeline_reader import PipelineReader, ShardTurns
from datamodules.streaming.tar_streams import track_number
from datamodules.windows.plan import Windows
from datamodules.windows.source import Processes
from tests.datamodules.streaming.streams import WINDOWS, assert_the_same_windows, places, streamed
from tests.given_corpus import Given, GivenCorpus


class TestSameWindows:
    @pytest.mark.parametrize(
        "windows", [Windows(), Windows(frames=4, stride=3), Windows(voiced_only=True)], ids=["one", "four", "voiced"]
    )
    def test_from_paths(self, melody_shards, tars, windows):
        loader = streamed(tars, windows=windows, windows_per_epoch=4 * WINDOWS)
        assert_the_same_windows(melody_shards, loader, windows)

    def test_from_file_urls_with_braces(self, melody_shards, tars):
        urls = f"file:{melody_shards}/train-{{000000..{len(tars) - 1:06d}}}-of-{len(tars):06d}.tar"
        assert PipelineReader(urls, 1).urls == [f"file:{tar}" for tar in tars]
        assert_the_same_windows(melody_shards, streamed(urls, windows_per_epoch=4 * WINDOWS))

    def test_from_a_web_server(self, melody_shards, tars, served):
        urls = [f"{served}/{tar.rpartition('/')[2]}" for tar in tars]
        assert_the_same_windows(melody_shards, streamed(urls, windows_per_epoch=4 * WINDOWS))

    def test_from_a_command(self, melody_shards, tars):
        urls = [f"pipe:cat {tar}" for tar in tars]
        assert_the_same_windows(melody_shards, streamed(urls, windows_per_epoch=4 * WINDOWS, allow_pipe=True))

    def test_by_workers_of_two_ranks(self, melody_shards, tars):
        loaders = [streamed(tars, rank, 2, 2, windows_per_epoch=8 * WINDOWS) for rank in range(2)]
        assert_the_same_windows(melody_shards, [batch for loader in loaders for batch in loader])

    def test_of_raw_samples(self, make_recipe, tmp_path):
        prepare(make_recipe(tmp_path, audio="i16"), progress=False)
        loader = streamed([str(path) for path in tmp_path.glob("train-*.tar")], windows_per_epoch=4 * WINDOWS)
        assert_the_same_windows(tmp_path, loader)


def test_the_track_is_a_hash_of_its_id_and_the_frame_its_own(melody_shards, tars):
    index = SplitIndex([melody_shards], "train")
    got = {place for batch in places(streamed(tars, windows_per_epoch=4 * WINDOWS)) for place in batch}
    assert got == {(track_number(name), frame) for name in index.tracks for frame in range(300)}
    assert all(0 <= track < 1 << 63 for track, _ in got)


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("shards", [1, 3])
def test_all_ranks_have_as_many_batches_however_few_shards(tars, ranks, workers, shards):
    loaders = [streamed(tars[:shards], rank, ranks, workers, batch_size=50) for rank in range(ranks)]
    got = [places(loader) for loader in loaders]
    assert {len(loader) for loader in loaders} == {len(batches) for batches in got} == {WINDOWS // (50 * ranks)}
    assert {len(batch) for batches in got for batch in batches} == {50}


@pytest.mark.parametrize("workers", [0, 2])
def test_the_same_seed_gives_the_same_order(tars, workers):
    assert places(streamed(tars, 1, 2, workers)) == places(streamed(tars, 1, 2, workers))


def test_another_epoch_seed_or_rank_gives_another_order(tars):
    orders = [
        places(streamed(tars, rank, 2, epoch=epoch, seed=seed))
        for rank, epoch, seed in ((0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0))
    ]
    assert all(one != other for number, one in enumerate(orders) for other in orders[:number])


@pytest.mark.parametrize("workers", [0, 2])
def test_one_loader_gives_every_epoch_another_order_and_the_same_one_again(tars, workers):
    loader, epochs = streamed(tars, workers=workers), iter([0, 1, 0])
    loader.begin = lambda: (next(epochs), 0)
    first, second, again = (places(loader) for _ in range(3))
    assert first != second
    assert first == again


def test_the_order_does_not_depend_on_the_size_of_the_batch(tars):
    one, other = (list(chain(*places(streamed(tars, batch_size=size)))) for size in (16, 100))
    assert one == other


def test_the_rest_of_an_epoch_is_of_another_stream(tars):
    whole, rest = places(streamed(tars)), places(streamed(tars, start=20 * 16))
    assert len(rest) == len(whole) - 20
    assert rest not in (whole[20:], whole[: len(rest)])


def test_an_epoch_meets_nearly_all_windows(tars):
    got = Counter(place for batch in places(streamed(tars, records=1)) for place in batch)
    assert len(got) > 0.99 * WINDOWS


def test_variables_that_launchers_leave_behind_change_nothing(tars, monkeypatch):
    expected = places(streamed(tars, 1, 2))
    for name, value in {"RANK": "5", "WORLD_SIZE": "8", "WORKER": "1", "NUM_WORKERS": "2", "WDS_SEED": "7"}.items():
        monkeypatch.setenv(name, value)
    assert places(streamed(tars, 1, 2)) == expected


def test_every_window_has_a_seed_of_its_own_track_and_frame(tars):
    (batch,) = streamed(tars, epoch=3, seed=5, windows_per_epoch=16)
    assert batch.seed.tolist() == item_seeds(5, 3, batch.track.numpy(), batch.frame.numpy()).tolist()


def test_workers_share_what_a_process_holds(tars):
    """Two lanes of eight records each deliver from sixteen at a time; shared by four workers, from four each."""
    reader = PipelineReader(tars, 1, records=16)
    with pytest.warns(UserWarning):
        alone, shared = (reader.open(256, Windows(), 0, Processes(0, 1, workers)) for workers in (0, 4))
    alone.read(0, np.arange(1)), shared.read(0, np.arange(1))
    assert (sum(alone._stream._sizes), sum(shared._stream._sizes)) == (16, 4)


def test_consumers_share_each_permutation_of_the_shards():
    urls = [f"{number:02d}.tar" for number in range(12)]
    turns = [ShardTurns(urls, [0, 0, 0], consumer, 5).shards() for consumer in range(5)]
    order = [next(turns[place % 5])["url"] for place in range(60)]
    cycles = [order[low : low + 12] for low in range(0, 60, 12)]
    assert all(sorted(cycle) == urls for cycle in cycles)
    assert cycles[0] != cycles[1]


def test_neighbouring_windows_are_of_different_records(tars):
    batches = places(streamed(tars, records=12, windows_per_epoch=10 * WINDOWS, batch_size=50))
    assert np.mean([len({(track, frame // 100) for track, frame in batch}) for batch in batches[10:]]) > 9


def test_several_voices_are_padded_as_by_the_index(tmp_path):
    def voices(number):
        tone = Audio(0.1 * np.sin(np.arange(12000) * number / 10).astype(np.float32), 8000)
        f0 = MultiF0Series(np.arange(150) / 100, np.tile(100.0 * np.arange(1, number + 1), (150, 1)))
        return Recording(f"r{number}", Given(tone), Given(f0), f"r{number}")

    corpus = GivenCorpus([voices(1), voices(3)])
    prepare(ShardRecipe(corpus, str(tmp_path), 8000, 80, 1.0, 0.1, splits={"train": 1.0}), progress=False)
    tars = [str(path) for path in tmp_path.glob("train-*.tar")]
    assert_the_same_windows(tmp_path, streamed(tars, pitches=3, windows_per_epoch=2000))
    with pytest.raises(DataError, match=r"train-0.*: t.*3 pitches at a time, data\.reader\.pitches is 2"):
        places(streamed(tars, pitches=2))


class TestUrls:
    def test_a_command_needs_leave(self, tars, tmp_path):
        for url in (f"pipe:touch {tmp_path}/ran", f"PIPE:touch {tmp_path}/ran", f" pipe:touch {tmp_path}/ran"):
            with pytest.raises(DataError, match=r"data\.reader\.allow_pipe: true"):
                PipelineReader([*tars, url], 1)
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"urls": "s3://bucket/train.tar"}, r"data\.reader\.urls: 's3://bucket/train.tar'.*use pipe:"),
            ({"urls": "${NOWHERE}/train.tar"}, r"data\.reader\.urls: .*cannot be expanded"),
            ({"urls": []}, r"data\.reader\.urls: none"),
            ({"windows_per_epoch": 0}, r"data\.reader\.windows_per_epoch: 0"),
            ({"records": 0}, r"data\.reader\.records: 0"),
            ({"pitches": -1}, r"data\.reader\.pitches: -1"),
        ],
    )
    def test_impossible_values_are_refused_by_their_key(self, options, message):
        with pytest.raises(DataError, match=message):
            PipelineReader(**{"urls": "train.tar", "windows_per_epoch": 1, **options})

    def test_an_index_beside_it_would_have_no_effect(self):
        with pytest.raises(DataError, match=r"data\.train: has no effect"):
            MelodyData(train=["data/mine"], reader=PipelineReader("train.tar", 1))
