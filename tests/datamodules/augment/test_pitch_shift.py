"""A pitch shift moves sound and labels alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.annotations.f0_series import F0Series, MultiF0Series
from datamodules.augment import (
    Draws,
    ExcerptLayout,
    PitchShift,
    move_labels,
)
from datamodules.errors import DataError
from datamodules.windows.plan import Windows
from tests.datamodules.augment.sweeps import (
    HOP,
    RATE,
    Sweep,
    decibels,
    peak,
    plain_reader,
    reader,
    seeds,
    shards,
    whole_epoch,
)


def wide_slices(shift, window, sound, items=1):
    """Slices of `sound(times)` about time 0, as `shift` needs them, int16."""
    half = window // 2 + shift.margin(ExcerptLayout(window, 1, HOP)).samples
    times = np.arange(-half, half) / RATE
    return np.tile(np.rint(10000 * sound(times)).astype(np.int16), (items, 1))


@pytest.mark.parametrize("semitones", [-12, -3.3, -0.5, 0.5, 4, 7.7, 12])
@pytest.mark.parametrize("window", [512, 1024])
def test_a_shifted_sine_has_the_frequency_of_its_label(window, semitones):
    shift, frequency = PitchShift((semitones, semitones)), 613.0
    audio = wide_slices(shift, window, lambda t: np.sin(2 * np.pi * frequency * t))
    shifted, factor = shift.shift(audio, Draws(seeds(1), 0), window)
    assert 1200 * np.log2(factor[0]) == pytest.approx(100 * semitones, abs=4)
    assert 1200 * abs(np.log2(peak(shifted[0]) / (frequency * factor[0]))) < 1
    times = (np.arange(window) - window // 2) / RATE
    expected = 10000 * np.sin(2 * np.pi * frequency * factor[0] * times)
    assert np.abs(shifted[0] - expected).max() < 10000 * 10 ** (-60 / 20), "in phase at the window's middle, unchanged"


def test_an_unshifted_item_keeps_every_bit():
    shift = PitchShift((-4, 4), p=0.5)
    audio = wide_slices(shift, 512, lambda t: np.random.default_rng(0).uniform(-1, 1, t.size), 200)
    shifted, factor = shift.shift(audio, Draws(seeds(200), 0), 512)
    same = factor == 1
    assert 0.4 < same.mean() < 0.6
    margin = (audio.shape[1] - 512) // 2
    assert np.array_equal(shifted[same], audio[same, margin : margin + 512])
    assert 0.79 < factor.min() < 0.81 and 1.24 < factor.max() < 1.27


def test_what_would_pass_half_the_sampling_rate_is_removed_not_folded():
    shift = PitchShift((7, 7))
    audio = wide_slices(shift, 1024, lambda t: np.sin(2 * np.pi * 3000 * t))
    shifted, _ = shift.shift(audio, Draws(seeds(1), 0), 1024)
    assert decibels((shifted[0] ** 2).mean() / 5e7) < -50


@pytest.mark.parametrize("window", [512, 513])
def test_a_windows_shift_does_not_depend_on_what_else_is_in_the_call(window):
    shift = PitchShift((-4, 4))
    samples = window + 2 * shift.margin(ExcerptLayout(window, 1, HOP)).samples
    audio = np.random.default_rng(0).integers(-9000, 9000, (60, samples)).astype(np.int16)
    whole, _ = shift.shift(audio, Draws(seeds(60), 0), window)
    for items in ([5], [3, 50, 20]):
        part, _ = shift.shift(audio[items], Draws(seeds(60)[items], 0), window)
        assert np.array_equal(np.rint(part), np.rint(whole[items]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.0, 100.0, 150.0, 400.0]), min_size=30, max_size=30),
    st.sampled_from([1, 2, 5, 8]),
    st.floats(0.6, 1.6),
    st.sampled_from([80, 93]),
)
def test_labels_are_those_of_the_series_at_the_moved_times(f0, frames, factor, hop):
    layout = ExcerptLayout(512, frames, hop)
    margin = (len(f0) - frames) // 2
    times = margin + layout.centre + (np.arange(frames) - layout.centre) * factor
    series = F0Series(np.arange(len(f0), dtype=float), np.array(f0))
    moved, _ = move_labels(
        np.array([f0[: frames + 2 * margin]], np.float32),
        np.ones((1, frames + 2 * margin), bool),
        np.array([factor]),
        layout,
    )
    np.testing.assert_allclose(moved[0], factor * series.at(np.round(times, 9)), rtol=1e-5)


def test_labels_of_several_voices_are_those_of_the_nearest_frame():
    f0 = np.array([[100, 0], [110, 220], [0, 0], [130, 260], [140, 0], [150, 300], [160, 0]], np.float32)
    layout, factor = ExcerptLayout(512, 3, 80), 1.4
    moved, _ = move_labels(f0[None], np.ones((1, 7), bool), np.array([factor]), layout)
    series = MultiF0Series(np.arange(7.0), f0.astype(float))
    np.testing.assert_allclose(moved[0], factor * series.at(3 + (np.arange(3) - 1) * factor), rtol=1e-6)


@pytest.mark.parametrize("window", [1000, 1024])
def test_labels_of_a_glide_are_the_sounds_instantaneous_frequency_at_the_frames_centres(glides, window):
    frames = 9
    windows = Windows(frames, 7)
    shifted = whole_epoch(reader(glides, PitchShift((-5, 5)), windows=windows, window=window))
    plain = whole_epoch(plain_reader(glides, windows, window))
    centres = window // 2 - (frames - 1) * HOP // 2 + np.arange(frames) * HOP
    checked, moved = 0, 0.0
    for audio, f0, valid, before in zip(
        shifted.signal.numpy(), shifted.f0.numpy(), shifted.valid.numpy(), plain.f0.numpy(), strict=True
    ):
        if (
            not valid.all()
            or (f0 == 0).any()
            or (np.abs(audio[:16]).max() < 3000)
            or (np.abs(audio[-16:]).max() < 3000)
        ):
            continue
        # The analytic signal's phase is a parabola here; its derivative at the frames' centres is the frequency.
        spectrum = np.fft.fft(audio * np.hanning(window))
        spectrum[window // 2 :] = 0
        phase = np.unwrap(np.angle(np.fft.ifft(spectrum)))
        inner = np.arange(window // 10, window - window // 10)
        fit = np.polynomial.Polynomial.fit(inner, phase[inner], 2)
        measured = fit.deriv()(centres) * RATE / (2 * np.pi)
        assert 1200 * np.abs(np.log2(measured / f0)).max() < 4
        factor = f0[frames // 2] / before[frames // 2]
        moved = max(moved, 1200 * np.abs(np.log2(f0 / (before * factor))).max())
        checked += 1
    assert checked > 20
    assert moved > 15, "labels that were only multiplied would be wrong"


def test_labels_are_the_tracks_own_where_records_meet_and_not_valid_beyond_its_ends(glides):
    frames, shift = 6, PitchShift((-5, 5))
    batch = whole_epoch(reader(glides, shift, windows=Windows(frames, 1), window=512))
    margin = shift.margin(ExcerptLayout(512, frames, HOP))
    room = np.zeros((len(batch.signal), 512 + 2 * margin.samples), np.int16)
    _, factors = shift.shift(room, Draws(batch.seed.numpy(), 0), 512)
    truth = [Sweep(300, 600, 2.5).one_voice(), Sweep(1800, -500, 2.5, 2.0).one_voice()]
    centre, seams = ExcerptLayout(512, frames, HOP).centre, 0
    for track, frame, f0, valid, factor in zip(
        batch.track.tolist(), batch.frame.tolist(), batch.f0.numpy(), batch.valid.numpy(), factors, strict=True
    ):
        places = np.round(frame + centre + (np.arange(frames) - centre) * factor, 9)
        assert np.array_equal(valid, (places >= 0) & (places <= 249))
        np.testing.assert_allclose(f0[valid], factor * truth[track].at(places * HOP / RATE)[valid], rtol=1e-5)
        seams += frame in (100, 200) and places[0] < frame
    assert seams, "some excerpt has labels that the record before its own owns"


def test_all_voices_are_shifted(tmp_path):
    windows = Windows(6, 1)
    directory = shards(tmp_path / "octaves", (300, 600, 2.5, 1.5), truth=Sweep.octaves)
    batch = whole_epoch(reader(directory, PitchShift((4, 4)), windows=windows, window=512))
    assert batch.f0.shape == (250, 6, 2) and batch.valid.shape == (250, 6)
    factor = 2 * round(320 * 2 ** (4 / 12)) / 640
    for frame, f0, valid in zip(batch.frame.tolist(), batch.f0.numpy(), batch.valid.numpy(), strict=True):
        nearest = np.ceil(frame + 2.5 + (np.arange(6) - 2.5) * factor - 0.5)
        expected = factor * Sweep(300, 600, 2.5, 1.5).f0(nearest * HOP / RATE)
        np.testing.assert_allclose(f0[valid], np.stack([expected, 2 * expected], axis=1)[valid], rtol=1e-5)
    assert batch.valid.float().mean() > 0.95


def test_shifts_that_need_more_context_than_stored_are_refused_by_the_recipes_key(tones):
    with pytest.raises(DataError, match=r"shifted in pitch, needs 0\.272 s of context.*context: 0\.272 or more"):
        reader(tones, PitchShift((-12, 12)), window=2048)
    reader(tones, PitchShift((-12, 0)), window=2048)
    with pytest.raises(DataError, match=r"context: 0\.\d+ or more, or use a shorter window or smaller shifts"):
        reader(tones, PitchShift((-12, 12)), windows=Windows(18), window=256)


def test_the_stated_context_suffices(tmp_path):
    shift, window = PitchShift((-3, 3)), 512
    for frames in (1, 6):
        need = window // 2 + shift.margin(ExcerptLayout(window, frames, HOP)).samples + (frames - 1) * HOP // 2
        directory = shards(tmp_path / f"enough{frames}", (500, 0, 1.5), context=need / RATE)
        whole_epoch(reader(directory, shift, windows=Windows(frames), window=window))
        scant = shards(tmp_path / f"scant{frames}", (500, 0, 1.5), context=(need - 1) / RATE)
        with pytest.raises(DataError, match=f"context: {need / RATE:.3f}"):
            reader(scant, shift, windows=Windows(frames), window=window)


# Mixtures
