"""Clips of one class each, from shards to batches."""

import json
import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from datamodules.augment import Gain, Mix, PitchShift, Polarity, item_seeds
from datamodules.classification import ClipData
from datamodules.corpora import AudioFolder
from datamodules.errors import DataError
from datamodules.preparation.recipe import ShardRecipe
from tests.datamodules.clip_shards import CLASSES, RATE, SECONDS, clip, prepared


def number_of(name):
    return int(name.split("-")[1])


@pytest.mark.parametrize("context", [0.0, 0.05])
def test_clips_arrive_whole_with_their_classes(clip_recordings, tmp_path, context):
    data = ClipData(CLASSES, train=[prepared(clip_recordings, tmp_path, context=context)], batch_size=4, block=2)
    ids = [data.training_index.tracks[track] for track in data.training_index.track]
    seen = []
    for batch in data.train_dataloader():
        assert batch.audio.dtype == torch.int16 and batch.audio.shape == (len(batch.item), batch.lengths.max())
        assert batch.valid.all() and batch.evaluation is None
        for audio, length, label, item in zip(batch.audio, batch.lengths, batch.label, batch.item, strict=True):
            number = number_of(ids[item])
            assert np.array_equal(audio[:length], clip(number, SECONDS["train"][number]))
            assert not audio[length:].any()
            assert label == number % 3
            seen.append(number)
    assert sorted(seen) == list(range(41))


def test_clips_are_cropped_and_padded_to_exact_seconds(clip_shards):
    data = ClipData(CLASSES, seconds=0.15, train=[clip_shards], batch_size=8)
    begins = {}
    for _ in range(4):  # epochs, of one loader
        loader = data.train_dataloader()
        for batch in loader:
            assert batch.audio.shape[1] == 1200
            for audio, length, item in zip(
                batch.audio.numpy(), batch.lengths.tolist(), batch.item.tolist(), strict=True
            ):
                number = number_of(data.training_index.tracks[data.training_index.track[item]])
                whole = clip(number, SECONDS["train"][number])
                assert length == min(1200, whole.size) and not audio[length:].any()
                places = [
                    b for b in range(whole.size - length + 1) if np.array_equal(whole[b:][:length], audio[:length])
                ]
                assert len(places) == 1
                begins.setdefault(number, set()).update(places)
    assert len(data.layout.buckets) <= 1, "clips of one length are one bucket"
    moved = [number for number, places in begins.items() if len(places) > 1]
    assert len(moved) > 15 and all(begins[number] == {0} for number in begins if SECONDS["train"][number] <= 0.15)


def batches(data, ranks=1, workers=0, epoch=0):
    """Batches of all ranks in the order of the sequence."""
    loaders = []
    for rank in range(ranks):
        data.trainer = SimpleNamespace(global_rank=rank, world_size=ranks)
        loaders.append(data.train_dataloader())
        loaders[-1].begin = lambda: (epoch, 0)
    data.trainer = None
    per_rank = [list(loader) for loader in loaders]
    return [batch for step in zip(*per_rank, strict=True) for batch in step]


@pytest.mark.parametrize(("ranks", "workers"), [(2, 0), (2, 2)])
def test_what_chance_makes_of_a_clip_depends_on_neither_ranks_nor_workers(clip_shards, ranks, workers):
    def clips(workers):
        return ClipData(
            CLASSES, seconds=0.05, train=[clip_shards], batch_size=4, workers=workers, seed=3,
            augment=[Gain((-20.0, 0.0)), Polarity()],
        )  # fmt: skip

    alone, together = batches(clips(0), epoch=1), batches(clips(workers), ranks, workers, epoch=1)
    for one, other in zip(alone, together, strict=False):
        assert all(torch.equal(a, b) for a, b in zip(one[:6], other[:6], strict=True))
    other_epoch = {
        int(item): audio for batch in batches(clips(0)) for item, audio in zip(batch.item, batch.audio, strict=True)
    }
    same = [
        torch.equal(audio, other_epoch[int(item)]) for b in alone for item, audio in zip(b.item, b.audio, strict=True)
    ]
    assert len(same) == 41 and not any(same)


def test_augmentations_change_clips_as_their_seeds_have_it(clip_shards):
    plain = ClipData(CLASSES, train=[clip_shards], seed=1)
    quiet = ClipData(CLASSES, train=[clip_shards], seed=1, augment=[Gain((-6.0, -6.0))])
    for one, other in zip(batches(plain), batches(quiet), strict=True):
        expected = np.rint(one.audio.numpy() * 10 ** (-6 / 20))
        assert np.abs(other.audio.numpy() - expected).max() <= 1
        assert torch.equal(one.lengths, other.lengths)
        records = one.item.numpy()
        assert one.seed.tolist() == item_seeds(1, 0, records, np.zeros_like(records)).tolist()


@pytest.mark.parametrize("augmentation", [Mix((0.0, 10.0)), PitchShift((-1.0, 1.0))])
def test_augmentations_of_excerpts_are_refused(augmentation):
    with pytest.raises(DataError, match=r"data\.augment: .* not for whole utterances"):
        ClipData(CLASSES, augment=[augmentation])


def evaluated(data, stage="val"):
    (loader,) = getattr(data, f"{stage}_dataloader")()
    return list(loader)


def test_evaluation_scores_every_clip_without_chance(clip_shards):
    data = ClipData(CLASSES, validation={"mine": clip_shards}, batch_size=2, augment=[Polarity(1.0)])
    items = {}
    for batch in evaluated(data):
        named = batch.evaluation
        assert batch.seed is None and batch.valid.all()
        for audio, length, label, item in zip(
            batch.audio, batch.lengths, batch.label, batch.item.tolist(), strict=True
        ):
            number = number_of(named.ids[item])
            assert np.array_equal(audio[:length], clip(number, SECONDS["validation"][number]))
            items[item] = named.labels[label]
    assert len(items) == len(named.ids) == 9
    assert Counter(items.values()) == {"no": 3, "yes": 3, "up": 3}
    assert (named.name, named.labels, named.rate, named.hop, named.has_truth) == (
        "mine",
        tuple(CLASSES),
        RATE,
        80,
        True,
    )


def test_the_middle_of_a_long_clip_is_scored_and_it_is_said_so(clip_shards):
    data = ClipData(CLASSES, seconds=0.1, validation={"mine": clip_shards})
    with pytest.warns(UserWarning, match=r"6 of 9 clips of split validation are longer than data\.seconds: 0\.1"):
        got = evaluated(data)
    for batch in got:
        for audio, length, item in zip(batch.audio.numpy(), batch.lengths.tolist(), batch.item.tolist(), strict=True):
            whole = clip(number_of(batch.evaluation.ids[item]), length / RATE)
            if length == 800:
                number = number_of(batch.evaluation.ids[item])
                whole = clip(number, SECONDS["validation"][number])
                begin = (whole.size - 800) // 2
                whole = whole[begin : begin + 800]
            assert np.array_equal(audio[:length], whole)


def test_ranks_evaluate_as_many_batches(clip_shards):
    data = ClipData(CLASSES, validation={"mine": clip_shards}, batch_size=4)
    items = []
    for rank in range(4):
        data.trainer = SimpleNamespace(global_rank=rank, world_size=4)
        (batch,) = evaluated(data)
        assert batch.valid.all() or (batch.item.tolist() == [-1] and not batch.valid.any())
        items += batch.item[batch.valid].tolist()
    assert sorted(items) == list(range(9))


def test_clips_without_classes_can_be_predicted_but_not_scored(clip_recordings, tmp_path):
    unlabelled = prepared(clip_recordings, tmp_path, classes=None, labelled=False)
    data = ClipData(CLASSES, train=[unlabelled], validation={"mine": unlabelled}, predict={"mine": unlabelled})
    data.setup("predict")
    (batch,) = evaluated(data, "predict")
    assert (batch.label == -1).all() and batch.valid.all() and not batch.evaluation.has_truth
    with pytest.raises(DataError, match=r"dataset\.json: prepared without classes"):
        data.setup("validate")
    with pytest.raises(DataError, match=r"data\.validation\.mine: .*: clip 'validation-0.*' has no class"):
        data.val_dataloader()
    with pytest.raises(DataError, match=r"data\.train: .* has no class"):
        data.train_dataloader()


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["no", "up", "yes"], r"data\.classes\[1\]: 'up', but .*dataset\.json was prepared with 'yes' there"),
        (["no", "yes"], r"data\.classes\[2\]: no more classes, but .* was prepared with 'up' there"),
        ([*CLASSES, "left"], r"data\.classes\[3\]: 'left', but .* was prepared with no more classes there"),
    ],
)
@pytest.mark.parametrize("stage", ["fit", "validate", "test", "predict"])
def test_another_list_of_classes_is_refused_by_its_first_difference(clip_shards, classes, message, stage):
    data = ClipData(
        classes, train=[clip_shards], **{name: {"a": clip_shards} for name in ("validation", "test", "predict")}
    )
    with pytest.raises(DataError, match=message):
        data.setup(stage)
    ClipData(
        CLASSES,
        train=[clip_shards],
        validation={"mine": clip_shards},
        test={"a": clip_shards},
        predict={"a": clip_shards},
    ).setup(stage)


def test_every_directory_is_compared(clip_recordings, clip_shards, tmp_path):
    other = prepared(clip_recordings, tmp_path, classes=["up", *CLASSES[:2]])
    for data, stage in (
        (ClipData(CLASSES, train=[clip_shards, other], validation={"a": clip_shards}), "fit"),
        (ClipData(CLASSES, train=[clip_shards], validation={"a": clip_shards, "b": other}), "fit"),
    ):
        with pytest.raises(DataError, match=f"{tmp_path}"):
            data.setup(stage)


def test_a_clip_that_no_batch_can_hold_is_named(clip_shards):
    data = ClipData(CLASSES, train=[clip_shards], validation={"mine": clip_shards}, batch_seconds=0.25)
    with pytest.raises(
        DataError, match=r"utterance 'train-40-yes' of 0\.30 s is longer than data\.batch_seconds: 0\.25"
    ):
        data.train_dataloader()
    assert sum(batch.valid.sum() for batch in evaluated(data)) == 9, "in evaluation it stands alone"


def test_batches_hold_no_more_seconds_than_allowed(clip_shards):
    data = ClipData(CLASSES, train=[clip_shards], batch_seconds=0.5)
    got = batches(data)
    assert max(batch.audio.numel() for batch in got) <= 0.5 * RATE
    assert len(got) > len(batches(ClipData(CLASSES, train=[clip_shards])))


def test_recordings_in_pieces_are_refused(clip_recordings, tmp_path):
    cut = prepared(clip_recordings, tmp_path, segment=1.0)
    with pytest.raises(
        DataError, match=r"cut into records of 1 s; for whole utterances prepare them with segment: null"
    ):
        ClipData(CLASSES, train=[cut]).train_dataloader()


@pytest.mark.parametrize("key", ["batch_seconds", "buckets", "block", "seconds"])
def test_arguments_out_of_range_are_refused_by_their_key(key):
    with pytest.raises(DataError, match=rf"data\.{key}: 0 is not positive"):
        ClipData(CLASSES, **{key: 0})


@pytest.mark.parametrize("seed", [-1, 1 << 63])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(DataError, match=rf"data\.seed: {seed}; a number from 0 to "):
        ClipData(CLASSES, seed=seed)


def test_fewer_batches_than_processes_are_refused(clip_shards):
    data = ClipData(CLASSES, train=[clip_shards], batch_size=32)
    data.trainer = SimpleNamespace(global_rank=0, world_size=4)
    with pytest.raises(
        DataError, match=r"41 utterances make 2 batches, fewer than 4 processes; lower data\.batch_size"
    ):
        data.train_dataloader()


DIGITS = Path(os.environ.get("MELISMA_TEST_DATA", "")) / "keywords_fsdd"


@pytest.mark.skipif("MELISMA_TEST_DATA" not in os.environ, reason="MELISMA_TEST_DATA names no folder of recordings")
def test_an_epoch_of_spoken_digits(tmp_path):
    classes = [str(digit) for digit in range(10)]
    corpus = AudioFolder(str(DIGITS), "?_*_[12].flac", label_pattern=r"^(\d)_", group_pattern=r"^\d_([a-z]+)_")
    recipe = ShardRecipe(
        corpus, str(tmp_path), 8000, 80, segment=None, context=0.0, classes=classes,
        splits={"validation": ["theo"], "train": "rest"},
    )  # fmt: skip
    data = ClipData(classes, 0.5, [recipe.directory], {"fsdd": recipe.directory}, recipes=[recipe], batch_size=16)
    data.prepare_data()
    data.setup("fit")
    counted = json.loads((tmp_path / "dataset.json").read_text())["splits"]
    trained = [batch for epoch in range(2) for batch in data.train_dataloader()]
    assert all(batch.audio.shape[1] == 4000 and batch.audio.any(1).all() for batch in trained)
    labels = Counter(classes[label] for batch in trained for label in batch.label.tolist())
    assert labels == {digit: 2 * count for digit, count in counted["train"]["labels"].items()}
    items = [item for batch in evaluated(data) for item in batch.item[batch.valid].tolist()]
    assert sorted(items) == list(range(counted["validation"]["records"]))
