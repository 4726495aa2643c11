import numpy as np
import pytest
from matplotlib.colors import to_hex

from callbacks.pictures import classified_clip
from callbacks.pictures.style import CORRECT, WRONG

GUESSES = [("for_$x$", 0.7), ("four", 0.25)]


def picture(truth, frames=50):
    features = np.arange(frames * 4.0).reshape(frames, 4)
    figure = classified_clip(np.arange(frames) * 0.01, features, np.ones(4000) * 0.5, 8000, GUESSES, truth, "toy: a")
    figure.draw_without_rendering()
    return {axes.get_xlabel() or axes.get_ylabel(): axes for axes in figure.axes}


def test_features_and_waveform_share_an_axis_in_seconds():
    axes = picture("four")
    (image,) = axes["bin"].images
    np.testing.assert_allclose(image.get_extent(), [-0.005, 0.495, -0.5, 3.5])
    (line,) = axes["time (s)"].lines
    assert line.get_xdata()[-1] == pytest.approx(0.5, abs=1e-3)
    assert axes["bin"].get_xlim() == axes["time (s)"].get_xlim() == (0.0, 0.5)
    assert axes["bin"].get_title(loc="left") == "toy: a"


def test_the_best_guess_is_at_the_top_and_the_true_class_has_another_colour():
    axes = picture("four")["probability"]
    assert axes.yaxis_inverted()
    bars = [(bar.get_y() + bar.get_height() / 2, bar.get_width(), to_hex(bar.get_facecolor())) for bar in axes.patches]
    assert bars == [(0.0, 0.7, to_hex(WRONG)), (1.0, 0.25, to_hex(CORRECT))]
    assert [text.get_text() for text in axes.texts] == ["for_$x$", "0.700", "four", "0.250"]
    assert axes.get_title(loc="left") == "truth: four"
    assert picture(None)["probability"].get_title(loc="left") == "truth: unknown"


def test_a_clip_without_frames_says_so():
    assert [text.get_text() for text in picture("four", frames=0)["bin"].texts] == ["no frame"]
