"""How outputs are scored."""

from lightning_modules.metrics.counts import Criteria, PitchFrames
from lightning_modules.metrics.melody import MELODY_METRICS, MelodyMetrics, MelodyScores
from lightning_modules.metrics.scores import LOWER_IS_BETTER, VOICING_METRICS, mean_where_defined, metric_names
from lightning_modules.metrics.series import align_series, evaluate_series, mir_eval_scores

__all__ = [
    "LOWER_IS_BETTER",
    "MELODY_METRICS",
    "VOICING_METRICS",
    "Criteria",
    "MelodyMetrics",
    "MelodyScores",
    "PitchFrames",
    "align_series",
    "evaluate_series",
    "mean_where_defined",
    "metric_names",
    "mir_eval_scores",
]
