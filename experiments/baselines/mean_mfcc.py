"""Logistic regression on the mean cepstrum of each clip: `python -m experiments.baselines.mean_mfcc DIRECTORY`.

The order of frames is ignored. The model is fitted on the split `train` of prepared clips and scored on another one;
the last line is `RESULT {json}`.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from datamodules.classification import ClipReader
from datamodules.errors import DataError
from datamodules.shards.index import SplitIndex, describe
from lightning_modules.metrics import ClipMetrics

COEFFICIENTS = 13
FULL_SCALE = 32768


def main(arguments: list[str] | None = None) -> None:
    """Fit and score, print the figures."""
    parser = ArgumentParser(prog="python -m experiments.baselines.mean_mfcc", description=__doc__)
    parser.add_argument("directory", help="prepared clips with classes")
    parser.add_argument("--split", default="test", help="that is scored")
    options = parser.parse_args(arguments)
    scores = score(options.directory, options.split)
    print(f"accuracy {scores['accuracy']:.4f} [{scores['accuracy_low']:.4f}, {scores['accuracy_high']:.4f}]")
    print("RESULT " + json.dumps({name: round(value, 4) for name, value in scores.items()}))


def score(directory: str, split: str) -> dict[str, float]:
    """Accuracy with its interval and macro F1 on a split, learned from the split `train`.

    Raises:
        DataError: a split is missing, or its clips have no class.
    """
    classes = describe(Path(directory))["classes"]
    if classes is None:
        raise DataError(f"{directory}: prepared without classes; give the recipe some")
    means, labels = mean_cepstra(directory, "train", classes)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(means, labels)
    means, labels = mean_cepstra(directory, split, classes)
    metrics = ClipMetrics(len(classes))
    metrics.update(torch.from_numpy(model.predict(means)), torch.from_numpy(labels))
    return metrics.scores()


def mean_cepstra(directory: str, split: str, classes: list[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean MFCC `(clips, coefficients)` and the label `(clips,)` of every clip of a split."""
    index = SplitIndex([directory], split)
    reader = ClipReader(index, classes)
    if not reader.has_truth:
        raise DataError(f"{directory}: clips of split {split} have no class")
    means = [_mean_cepstrum(reader, record) for record in tqdm(range(len(index)), desc=split, unit="clip")]
    return np.stack(means), reader.label


def _mean_cepstrum(reader: ClipReader, record: int) -> NDArray[np.float64]:
    audio = reader.signal.read(record).astype(np.float32) / FULL_SCALE
    rate = reader.index.grid.rate
    window = round(0.025 * rate)
    cepstra = librosa.feature.mfcc(
        y=np.pad(audio, (0, max(0, window - audio.size))),
        sr=rate,
        n_mfcc=COEFFICIENTS,
        n_fft=window,
        hop_length=round(0.01 * rate),
        n_mels=40,
    )
    return np.asarray(cepstra.mean(axis=1), np.float64)


if __name__ == "__main__":
    main()
