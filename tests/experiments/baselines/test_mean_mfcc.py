"""Logistic regression on mean cepstra: what a network has to beat."""

import json

import numpy as np
import pytest
import soundfile

from datamodules.corpora import AudioFolder
from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from experiments.baselines import mean_mfcc

RATE = 8000


def sound(kind, generator, seconds=0.2):
    """Noise whose energy lies low or high, or the one after the other: means of the latter two are alike."""
    noise = generator.standard_normal(round(seconds * RATE))
    low, high = np.convolve(noise, np.ones(8) / 8, "same"), np.diff(noise, prepend=0)
    half = len(noise) // 2
    sounds = {
        "low": low,
        "high": high,
        "rising": np.r_[low[:half], high[half:]],
        "falling": np.r_[high[:half], low[half:]],
    }
    return 0.1 * sounds[kind]


@pytest.fixture
def clips(tmp_path):
    def make(*kinds, classes=True):
        generator = np.random.default_rng(0)
        for split, count in {"train": 30, "test": 10}.items():
            for number in range(count):
                for kind in kinds:
                    (tmp_path / "sounds").mkdir(exist_ok=True)
                    soundfile.write(tmp_path / "sounds" / f"{split}-{number}-{kind}.wav", sound(kind, generator), RATE)
        corpus = AudioFolder(
            str(tmp_path / "sounds"), group_pattern="^([a-z]+)-", label_pattern="-([a-z]+)$" if classes else None
        )
        recipe = ShardRecipe(
            corpus, str(tmp_path / "shards"), rate=RATE, hop=80, segment=None, context=0.0,
            splits={"train": ["train"], "test": ["test"]}, classes=list(kinds) if classes else None,
        )  # fmt: skip
        prepare(recipe, progress=False)
        return str(tmp_path / "shards")

    return make


def test_it_tells_timbres(clips, capsys):
    mean_mfcc.main([clips("low", "high")])
    result = json.loads(capsys.readouterr().out.splitlines()[-1].removeprefix("RESULT "))
    assert result["accuracy"] == result["macro_f1"] == 1
    assert 0.8 < result["accuracy_low"] < result["accuracy_high"] <= 1


def test_it_does_not_hear_the_order_of_sounds(clips):
    assert 0.2 < mean_mfcc.score(clips("rising", "falling"), "test")["accuracy"] < 0.8


def test_clips_without_classes_are_refused(clips):
    with pytest.raises(DataError, match="prepared without classes"):
        mean_mfcc.score(clips("low", classes=False), "test")
