"""Pictures: pure functions from arrays to matplotlib figures, without state and without a screen."""

from callbacks.pictures.alignment import TimedPhone, aligned_phones
from callbacks.pictures.class_confusion import class_confusion
from callbacks.pictures.clip import classified_clip
from callbacks.pictures.comparison import agreement, compare_methods
from callbacks.pictures.confusion import confusion_matrix, count_confusions
from callbacks.pictures.error_classes import error_classes
from callbacks.pictures.error_histogram import count_errors, error_histogram
from callbacks.pictures.note_accuracy import count_correct, note_accuracy
from callbacks.pictures.phone_confusion import PhoneEdit, count_edits, most_frequent, phone_confusion
from callbacks.pictures.pianoroll import FrameClass, classify_frames, draw_pianoroll, pianoroll_with_salience
from callbacks.pictures.results import box_plots, learning_curves
from callbacks.pictures.salience import draw_features, draw_salience
from callbacks.pictures.several_pitches import (
    classify_pitches,
    draw_several_pitches,
    several_pitches_with_salience,
)
from callbacks.pictures.small_files import save_small
from callbacks.pictures.voicing_curve import voicing_curve
from callbacks.pictures.window_gaps import WindowParts, sum_windows, window_gaps

__all__ = [
    "FrameClass",
    "PhoneEdit",
    "TimedPhone",
    "WindowParts",
    "agreement",
    "aligned_phones",
    "box_plots",
    "class_confusion",
    "classified_clip",
    "classify_frames",
    "classify_pitches",
    "compare_methods",
    "confusion_matrix",
    "count_confusions",
    "count_correct",
    "count_edits",
    "count_errors",
    "draw_features",
    "draw_pianoroll",
    "draw_salience",
    "draw_several_pitches",
    "error_classes",
    "error_histogram",
    "learning_curves",
    "most_frequent",
    "note_accuracy",
    "phone_confusion",
    "pianoroll_with_salience",
    "save_small",
    "several_pitches_with_salience",
    "sum_windows",
    "voicing_curve",
    "window_gaps",
]
