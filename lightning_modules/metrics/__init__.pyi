from .classification import CLIP_METRICS, ClipMetrics
from .melody.counts import Criteria, PitchFrames
from .melody.melody_metrics import MELODY_METRICS, MelodyMetrics, MelodyScores, TrackMetric
from .melody.scores import LOWER_IS_BETTER, VOICING_METRICS, mean_where_defined, metric_names
from .melody.series import TimedFrames, align_series, align_with_confidence, evaluate_series, mir_eval_scores
from .multi_pitch.multi_pitch_metrics import MultiPitchMetrics, MultiPitchScores
from .multi_pitch.scores import MULTI_PITCH_METRICS
from .per_track import ScoresByThreshold, TrackCounter
from .phonemes.edit_distance import align_sequences, edit_distance
from .phonemes.folding import FoldedBy, FoldedPhones, Folding, LeeHon39, LeeHon48, Unfolded, WithoutStress
from .phonemes.phoneme_metrics import PHONEME_METRICS, Confusion, PhonemeMetrics, PhonemeScores

__all__ = [
    "CLIP_METRICS",
    "LOWER_IS_BETTER",
    "MELODY_METRICS",
    "MULTI_PITCH_METRICS",
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
    "MultiPitchMetrics",
    "MultiPitchScores",
    "PhonemeMetrics",
    "PhonemeScores",
    "PitchFrames",
    "ScoresByThreshold",
    "TimedFrames",
    "TrackCounter",
    "TrackMetric",
    "Unfolded",
    "WithoutStress",
    "align_sequences",
    "align_series",
    "align_with_confidence",
    "edit_distance",
    "evaluate_series",
    "mean_where_defined",
    "metric_names",
    "mir_eval_scores",
]
