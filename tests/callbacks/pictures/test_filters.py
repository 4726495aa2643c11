import numpy as np
import pytest

from callbacks.pictures import first_layer_filters


def tones(frequencies, taps):
    return np.array([0.1 * np.cos(2 * np.pi * frequency * np.arange(taps) / 8000) for frequency in frequencies])


def test_filters_are_sorted_by_the_frequency_they_pass_best():
    figure = first_layer_filters({"128_$": tones([2000, 500, 1000], 128)}, 8000, "title")
    figure.draw_without_rendering()
    upper, lower = figure.axes[:2]
    kernels, spectra = upper.images[0].get_array(), lower.images[0].get_array()
    assert np.abs(kernels - 10 * tones([500, 1000, 2000], 128)).max() < 1e-12
    peaks = spectra.argmax(axis=1) * 8000 / 2048
    assert peaks == pytest.approx([500, 1000, 2000], abs=8)
    assert spectra.max(axis=1).tolist() == [0.0, 0.0, 0.0]
    assert upper.images[0].get_extent() == [0, 16, -0.5, 2.5]
    assert lower.images[0].get_extent() == [0, 4, -0.5, 2.5]
    assert (upper.get_xlabel(), lower.get_xlabel()) == ("time (ms)", "frequency (kHz)")
    assert upper.get_ylabel() == lower.get_ylabel() == "filter, by peak frequency"
    assert upper.get_title(loc="left") == "128_$: 3 of 128 taps"


def test_every_resolution_has_a_column():
    figure = first_layer_filters({"64": tones([500], 64), "256": tones([500, 600], 256)}, 8000, "")
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["64: 1 of 64 taps", "256: 2 of 256 taps"]


def test_a_filter_of_zeros_stays_zero():
    figure = first_layer_filters({"dead": np.zeros((1, 64))}, 8000, "")
    assert not figure.axes[0].images[0].get_array().any()
    assert figure.axes[1].images[0].get_array().max() == -40.0


def test_what_is_not_filters_by_taps_is_refused_by_name():
    with pytest.raises(ValueError, match=r"conv1: filters of shape \(3, 1, 64\)"):
        first_layer_filters({"conv1": np.zeros((3, 1, 64))}, 8000, "")


def test_no_filter_gives_an_empty_picture():
    figure = first_layer_filters({}, 8000, "empty")
    figure.draw_without_rendering()
    assert [axes.texts[0].get_text() for axes in figure.axes] == ["no filter", "no filter"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["time (ms)", "frequency (kHz)"]
