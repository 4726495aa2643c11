from .drawing.alignments import AlignmentPictures
from .drawing.clips import ClipPictures
from .drawing.errors import ErrorPictures
from .drawing.excerpts import ExcerptValidation
from .drawing.phone_confusions import PhoneConfusions
from .drawing.pianorolls import MultiPitchPianorolls, Pianorolls
from .drawing.window_gaps import WindowGaps
from .guards.finite import FiniteTraining
from .guards.loggers import GuardedLoggers
from .predictions.classes import PredictedClasses
from .predictions.f0 import PredictedF0, PredictedMultiF0
from .predictions.frames import TrackFrames
from .predictions.phonemes import PredictedPhonemes
from .predictions.scores import ItemScores
from .predictions.submission import Submission
from .run.averaging import AveragedWeights
from .run.checkpoints import BestCheckpoint, ResumeCheckpoint
from .run.compilation import CompiledNetwork
from .run.config import RunConfig
from .run.curves import RunCurves
from .run.folder import RunFolder, run_folder
from .run.processes import AlikeProcesses
from .run.record import RunRecord
from .run.repeats import RepeatedRun
from .run.score_table import ScoreTable
from .run.signals import StopOnSignal
from .run.throughput import Throughput
from .saved.training_state import SoundCheckpoint

__all__ = [
    "AlignmentPictures",
    "AlikeProcesses",
    "AveragedWeights",
    "BestCheckpoint",
    "ClipPictures",
    "CompiledNetwork",
    "ErrorPictures",
    "ExcerptValidation",
    "FiniteTraining",
    "GuardedLoggers",
    "ItemScores",
    "MultiPitchPianorolls",
    "PhoneConfusions",
    "Pianorolls",
    "PredictedClasses",
    "PredictedF0",
    "PredictedMultiF0",
    "PredictedPhonemes",
    "RepeatedRun",
    "ResumeCheckpoint",
    "RunConfig",
    "RunCurves",
    "RunFolder",
    "RunRecord",
    "ScoreTable",
    "SoundCheckpoint",
    "StopOnSignal",
    "Submission",
    "Throughput",
    "TrackFrames",
    "WindowGaps",
    "run_folder",
]
