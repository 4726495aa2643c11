"""Pictures: pure functions from arrays to matplotlib figures, without state and without a screen."""

from callbacks.pictures.pianoroll import FrameClass, classify_frames, draw_pianoroll, pianoroll_with_salience
from callbacks.pictures.salience import draw_salience

__all__ = ["FrameClass", "classify_frames", "draw_pianoroll", "draw_salience", "pianoroll_with_salience"]
