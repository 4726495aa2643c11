"""How outputs are scored."""

from lightning_modules.metrics.melody import MELODY_METRICS, VOICING_METRICS, MelodyMetrics, MelodyScores

__all__ = ["MELODY_METRICS", "VOICING_METRICS", "MelodyMetrics", "MelodyScores"]
