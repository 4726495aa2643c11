"""How outputs are scored."""

from lightning_modules.metrics.classification import CLIP_METRICS, ClipMetrics, wilson_interval
from lightning_modules.metrics.melody.counts import Criteria, PitchFrames
from lightning_modules.metrics.melody.scores import LOWER_IS_BETTER, VOICING_METRICS, mean_where_defined, metric_names
from lightning_modules.metrics.melody.series import align_series, evaluate_series, mir_eval_scores
from lightning_modules.metrics.melody.tracks import MELODY_METRICS, MelodyMetrics, MelodyScores
from lightning_modules.metrics.phonemes.edit_distance import align_sequences, edit_distance
from lightning_modules.metrics.phonemes.folding import (
    FoldedBy,
    FoldedPhones,
    Folding,
    LeeHon39,
    LeeHon48,
    Unfolded,
    WithoutStress,
)
from lightning_modules.metrics.phonemes.utterances import PHONEME_METRICS, Confusion, PhonemeMetrics, PhonemeScores

__all__ = [
    "CLIP_METRICS",
    "LOWER_IS_BETTER",
    "MELODY_METRICS",
    "PHONEME_METRICS",
    "VOICING_METRICS",
    "ClipMetrics",
    "Confusion",
    "Criteria",
    "FoldedBy",
    "FoldedPhones",
    "Folding",
    "LeeHon39",
    "LeeHon48",
    "MelodyMetrics",
    "MelodyScores",
    "PhonemeMetrics",
    "PhonemeScores",
    "PitchFrames",
    "Unfolded",
    "WithoutStress",
    "align_sequences",
    "align_series",
    "edit_distance",
    "evaluate_series",
    "mean_where_defined",
    "metric_names",
    "mir_eval_scores",
    "wilson_interval",
]
