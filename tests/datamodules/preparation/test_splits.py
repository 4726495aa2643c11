"""Splits are fixed, disjoint by group, and loud about leaks."""

from pathlib import Path

import pytest

from datamodules.corpora.base import Recording
from datamodules.corpora.sources.audio_files import AudioFile
from datamodules.errors import DataError
from datamodules.preparation.splits import assign_splits

NO_AUDIO = AudioFile(Path("never-read.wav"))


def corpus(groups="aabbccdd", splits=None):
    return [
        Recording(f"r{number}", NO_AUDIO, None, group, split=splits[number] if splits else None)
        for number, group in enumerate(groups)
    ]


def test_fractions_are_dealt_by_group_and_by_seed():
    first = assign_splits(corpus(), {"train": 0.5, "validation": 0.5}, seed=0)
    groups = {name: {recording.group for recording in members} for name, members in first.items()}
    assert groups["train"].isdisjoint(groups["validation"])
    assert len(groups["train"]) == len(groups["validation"]) == 2
    assert assign_splits(corpus(), {"train": 0.5, "validation": 0.5}, seed=0) == first
    others = [assign_splits(corpus(), {"train": 0.5, "validation": 0.5}, seed=seed) for seed in range(1, 6)]
    assert any(other != first for other in others)


def test_lists_name_groups():
    chosen = assign_splits(corpus(), {"validation": ["b"], "test": ["d", "a"]}, seed=0)
    assert [recording.id for recording in chosen["validation"]] == ["r2", "r3"]
    assert [recording.id for recording in chosen["test"]] == ["r0", "r1", "r6", "r7"]


def test_the_corpus_may_decide():
    chosen = assign_splits(corpus("ab", ["train", "test"]), None, seed=0)
    assert [recording.id for recording in chosen["test"]] == ["r1"]


def test_one_split_may_be_listed_one_stated_by_the_corpus_and_one_the_rest():
    recordings = corpus("aabbccdd", ["train"] * 4 + [None] * 2 + ["test"] * 2)
    chosen = assign_splits(recordings, {"validation": ["b"], "test": "stated", "train": "rest"}, seed=0)
    groups = {name: {recording.group for recording in members} for name, members in chosen.items()}
    assert groups == {"validation": {"b"}, "test": {"d"}, "train": {"a", "c"}}
    without_rest = assign_splits(recordings, {"validation": ["b"], "test": "stated"}, seed=0)
    assert list(without_rest) == ["validation", "test"] and len(without_rest["test"]) == 2


@pytest.mark.parametrize(
    ("recordings", "splits", "message"),
    [
        (corpus("aab", ["train", "test", "test"]), None, "group 'a' stands in both 'train' and 'test'"),
        (corpus(), {"train": ["a"], "test": ["a", "b"]}, "group 'a' stands in both"),
        (corpus(), {"train": 0.5, "test": 0.4}, "add up to 1"),
        (corpus(), {"train": 1.5, "test": -0.5}, "positive"),
        (corpus(), {"train": ["x"]}, "splits.train: no recording has the group 'x'"),
        (corpus("ab"), {"train": 0.99, "test": 0.01}, "splits.test: no recording"),
        (corpus(), {"train": float("nan"), "test": 0.5}, "fractions must be positive"),
        (corpus(), {"train": 0.5, "test": ["a"]}, "fractions for all splits or for none"),
        (corpus(), {"train": "rest", "test": "rest"}, "only one split can be the rest"),
        (corpus("aab", ["train", "test", None]), {"train": "rest", "test": "stated"}, "group 'a' stands in both"),
        (corpus(), {"train": "rest", "test": "stated"}, "splits.test: no recording"),
        (corpus(), None, "'r0'"),
    ],
)
def test_mistakes_are_named(recordings, splits, message):
    with pytest.raises(DataError, match=message):
        assign_splits(recordings, splits, seed=0)
