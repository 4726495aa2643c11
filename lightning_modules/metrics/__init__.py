"""How outputs are scored."""

from lightning_modules.metrics.melody import MelodyMetrics, MelodyScores

__all__ = ["MelodyMetrics", "MelodyScores"]
