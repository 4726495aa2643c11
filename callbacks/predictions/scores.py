"""The figures of every single track, clip or utterance, as tables: what means and intervals are made of."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from lightning.pytorch import Trainer
from typing_extensions import override

from callbacks.passes import folder_of, in_trial
from callbacks.predictions.tables import TableCallback, write_table
from lightning_modules.outputs import ClipOutput, PhonemeOutput, ScoresTracks, TrackOutput

Figures = dict[str, float]


class ItemScores(TableCallback[Mapping[str, Any], tuple[str, Figures]]):
    """Writes one table per set of which the truth is known, a line for each item, in the order of their ids.

    The file is `RUN/<validation|validate|test>/<dataset>/scores.tsv`; `validation` holds the latest validation of fit.
    The first column is `id`. The others are

    - of tracks: the logged metrics, with the threshold that the pass decided, and, of one pitch in each frame, the mean
      confidence over the frames that are voiced and unvoiced in truth, `voiced_confidence` and `unvoiced_confidence`;
    - of clips: `correct` (0 or 1) and `loss` (the cross entropy, without weights of classes);
    - of utterances: `edits` and `phones`, whose sums give the phoneme error rate.

    A cell is empty where a figure is undefined. Every run has this callback.
    """

    kinds: ClassVar[tuple[str, ...]] = ("tracks", "utterances")

    @override
    def _collect(self, trainer: Trainer, outputs: object) -> None:
        if in_trial(trainer) or trainer.predicting or not isinstance(outputs, Mapping):
            return
        for kind in self.kinds:
            for item in outputs.get(kind, []):
                self.collect(trainer, item)

    @override
    def collect(self, trainer: Trainer, item: Mapping[str, Any]) -> None:
        if _has_truth(item):
            super().collect(trainer, item)

    @override
    def row(self, item: Mapping[str, Any]) -> tuple[str, Figures]:
        if "track" in item:
            return item["track"], _of_track(cast(TrackOutput, item))
        if "probabilities" in item:
            return item["id"], _of_clip(cast(ClipOutput, item))
        return item["id"], _of_utterance(cast(PhonemeOutput, item))

    @override
    def write(self, trainer: Trainer, sets: Mapping[str, Any]) -> None:
        module = trainer.lightning_module
        for dataset, kept in sets.items():
            scores = module.track_scores.get(dataset, {}) if isinstance(module, ScoresTracks) else {}
            kept.rows = [(name, {**scores.get(name, {}), **figures}) for name, figures in kept.rows]
            folder = folder_of(trainer, dataset)
            folder.mkdir(parents=True, exist_ok=True)
            self.write_rows(folder, sorted(kept.rows, key=lambda row: row[0]))

    @override
    def write_rows(self, folder: Path, rows: Sequence[tuple[str, Figures]]) -> None:
        columns = list(rows[0][1])
        table = [(name, *(_cell(figures[column]) for column in columns)) for name, figures in rows]
        write_table(folder / "scores.tsv", ["id", *columns], table)


def _has_truth(item: Mapping[str, Any]) -> bool:
    if "probabilities" in item:
        return item["label"] is not None
    return item.get("reference") is not None


def _of_track(track: TrackOutput) -> Figures:
    if "pitches" in track:  # each has a confidence of its own, and is not voiced or unvoiced in truth
        return {}
    assert track["reference"] is not None
    voiced, confidence = track["reference"] > 0, track["confidence"].astype(np.float64)
    return {
        f"{name}_confidence": float(confidence[frames].mean()) if frames.any() else np.nan
        for name, frames in (("voiced", voiced), ("unvoiced", ~voiced))
    }


def _of_clip(clip: ClipOutput) -> Figures:
    assert clip["label"] is not None
    of_truth = float(clip["probabilities"][clip["label"]])
    smallest = float(np.finfo(np.float32).tiny)
    return {
        "correct": float(clip["probabilities"].argmax() == clip["label"]),
        "loss": -float(np.log(max(of_truth, smallest))),
    }


def _of_utterance(utterance: PhonemeOutput) -> Figures:
    aligned = utterance["aligned"]
    assert aligned is not None
    return {
        "edits": float((aligned[:, 0] != aligned[:, 1]).sum()),
        "phones": float((aligned[:, 0] > 0).sum()),
    }


def _cell(value: float) -> str | None:
    return None if np.isnan(value) else f"{value:.6g}"
