"""Side effects of a run: its folder, configuration, checkpoints, f0 tables and pictures.

A callback reads only the documented outputs of the steps (`callbacks.tracks.Track`) and logged metrics.
"""

from callbacks.checkpoints import BestCheckpoint, ResumeCheckpoint
from callbacks.error_pictures import ErrorPictures
from callbacks.pianorolls import Pianorolls
from callbacks.predicted_f0 import PredictedF0
from callbacks.run_config import RunConfig
from callbacks.run_folder import RunFolder, run_folder
from callbacks.score_table import ScoreTable
from callbacks.stop_on_signal import StopOnSignal

__all__ = [
    "BestCheckpoint",
    "ErrorPictures",
    "Pianorolls",
    "PredictedF0",
    "ResumeCheckpoint",
    "RunConfig",
    "RunFolder",
    "ScoreTable",
    "StopOnSignal",
    "run_folder",
]
