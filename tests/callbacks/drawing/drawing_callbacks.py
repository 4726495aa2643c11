"""Every callback that draws, with the fixture that makes a model for it."""

from callbacks import (
    AlignmentPictures,
    ClipPictures,
    ErrorPictures,
    MultiPitchPianorolls,
    PhoneConfusions,
    Pianorolls,
    WindowGaps,
)

CALLBACKS = {
    AlignmentPictures: "toy_recognizer",
    ClipPictures: "toy_classifier",
    ErrorPictures: "toy_tracker",
    MultiPitchPianorolls: "toy_multi_pitch_tracker",
    PhoneConfusions: "toy_recognizer",
    Pianorolls: "toy_tracker",
    WindowGaps: "toy_tracker",
}
