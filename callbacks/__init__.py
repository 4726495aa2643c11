"""Side effects of a run: its folder, configuration, checkpoints, tables of what was predicted, and pictures.

A callback reads only the documented outputs of the steps (`callbacks.tracks.Track`, `callbacks.utterances.Clip` and
`Utterance`) and logged metrics.
"""

from callbacks.alignment_pictures import AlignmentPictures
from callbacks.checkpoints import BestCheckpoint, ResumeCheckpoint
from callbacks.clip_pictures import ClipPictures
from callbacks.error_pictures import ErrorPictures
from callbacks.phone_confusions import PhoneConfusions
from callbacks.pianorolls import Pianorolls
from callbacks.predicted_classes import PredictedClasses
from callbacks.predicted_f0 import PredictedF0
from callbacks.predicted_phonemes import PredictedPhonemes
from callbacks.run_config import RunConfig
from callbacks.run_folder import RunFolder, run_folder
from callbacks.run_record import RunRecord
from callbacks.score_table import ScoreTable
from callbacks.stop_on_signal import StopOnSignal
from callbacks.submission import Submission

__all__ = [
    "AlignmentPictures",
    "BestCheckpoint",
    "ClipPictures",
    "ErrorPictures",
    "PhoneConfusions",
    "Pianorolls",
    "PredictedClasses",
    "PredictedF0",
    "PredictedPhonemes",
    "ResumeCheckpoint",
    "RunConfig",
    "RunFolder",
    "RunRecord",
    "ScoreTable",
    "StopOnSignal",
    "Submission",
    "run_folder",
]
