"""Augmentations: what they do to sound and label, and that draws depend on run, epoch, recording and window alone."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonargparse import ArgumentParser

from datamodules.annotations.f0_series import F0Series, MultiF0Series
from datamodules.augment import (
    Augmentations,
    Draws,
    ExcerptLayout,
    Gain,
    Mix,
    Noise,
    PitchShift,
    Polarity,
    TimeShift,
    item_seeds,
    move_labels,
)
from datamodules.batches import EvaluationSet
from datamodules.corpora.base import Audio, Recording
from datamodules.errors import DataError
from datamodules.melody import MelodyData
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from datamodules.windows.augmented import AugmentedReader
from datamodules.windows.loaders import EvaluationLoader, TrainingLoader
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader
from tests.given_corpus import Given, GivenCorpus

RATE, HOP, WINDOW = 8000, 80, 256
EVERYTHING = (PitchShift((-2, 2), p=0.7), Mix((0, 20), p=0.5), Noise((5, 30), 0.5, "pink"), Gain((-6, 6)), Polarity())


@dataclass(frozen=True)
class Sweep:
    """A sine whose frequency changes linearly; silent from `until` on."""

    begin: float  # Hz
    slope: float  # Hz/s
    seconds: float
    until: float = np.inf  # s
    level: float = 0.3

    def f0(self, times):
        return np.where(times < self.until, self.begin + self.slope * times, 0.0)

    def sound(self, times):
        phase = self.begin * times + self.slope * times**2 / 2
        return self.level * np.sin(2 * np.pi * phase) * (times < self.until)

    def audio(self):
        return Audio(self.sound(np.arange(round(self.seconds * RATE)) / RATE).astype(np.float32), RATE)

    def one_voice(self):
        times = np.arange(round(self.seconds * RATE / HOP)) * HOP / RATE
        return F0Series(times, self.f0(times))

    def octaves(self):
        times, f0 = self.one_voice()
        return MultiF0Series(times, np.stack([f0, 2 * f0], axis=1))


def shards(directory, *sweeps, context=0.2, truth=Sweep.one_voice):
    corpus = GivenCorpus(
        Recording(f"{split}{k}", Given(sweep.audio()), Given(truth(sweep)), f"{split}{k}", split)
        for split in ("train", "validation")
        for k, sweep in enumerate(Sweep(*values) for values in sweeps)
    )
    prepare(ShardRecipe(corpus, str(directory), RATE, HOP, 1.0, context, records_per_shard=4), progress=False)
    return directory


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """Four tracks of 2.5 s, each of one frequency and level, the last one silent in its second half."""
    tracks = [(500, 0, 2.5), (700, 0, 2.5, np.inf, 0.1), (900, 0, 2.5, np.inf, 0.05), (1100, 0, 2.5, 1.25, 0.2)]
    return shards(tmp_path_factory.mktemp("tones"), *tracks)


@pytest.fixture(scope="module")
def glides(tmp_path_factory):
    return shards(tmp_path_factory.mktemp("glides"), (300, 600, 2.5), (1800, -500, 2.5, 2.0))


def reader(directory, *chain, windows=None, window=WINDOW, seed=0, streams=4, group=2):
    index, windows = SplitIndex([directory], "train"), windows or Windows()
    return AugmentedReader(index, window, windows, Augmentations(chain), seed, streams, group)


def plain_reader(directory, windows=None, window=WINDOW):
    return PooledReader(WindowReader(SplitIndex([directory], "train"), window, windows or Windows()), 0, 4, 2)


def whole_epoch(reader, epoch=0):
    return reader.read(epoch, np.arange(reader.total))


def loader(reader, rank=0, ranks=1, workers=0, batch_size=16, epoch=0, start=0):
    return TrainingLoader(reader, batch_size, rank, ranks, workers, lambda: (epoch, start))


def contents(loaders):
    """What the loaders deliver for each (track, frame)."""
    found = {}
    for batch in (batch for loader in loaders for batch in loader):
        fields = (batch.signal, batch.f0, batch.valid, batch.seed)
        for item, key in enumerate(zip(batch.track.tolist(), batch.frame.tolist(), strict=True)):
            assert key not in found
            found[key] = tuple(field[item].numpy().tobytes() for field in fields)
    return found


def seeds(items):
    return item_seeds(0, 0, np.arange(items), np.zeros(items, np.int64))


def sine(items=1, samples=4096, frequency=500.0, level=8000.0):
    wave = level * np.sin(2 * np.pi * frequency * np.arange(samples) / RATE)
    return np.tile(wave.astype(np.float32), (items, 1))


def decibels(ratio):
    return 10 * np.log10(ratio)


def peak(sound):
    """Frequency of the strongest component of a sound, Hz, from a parabola over the logarithmic spectrum."""
    spectrum = np.log(np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8 * len(sound))) + 1e-9)
    top = int(spectrum[1:-1].argmax()) + 1
    left, middle, right = spectrum[top - 1 : top + 2]
    return (top + (left - right) / (2 * (left - 2 * middle + right))) * RATE / (8 * len(sound))


# Draws


def test_a_million_items_have_a_million_seeds_of_balanced_independent_bits():
    records, windows = (axis.ravel() for axis in np.mgrid[0:500, 0:500])
    made = np.concatenate([item_seeds(seed, epoch, records, windows) for seed in (0, 1) for epoch in (0, 1)])
    assert made.dtype == np.int64 and (made >= 0).all()
    assert np.unique(made).size == made.size == 1_000_000
    bits = ((made[:, None] >> np.arange(63)) & 1).astype(np.float32)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 5 * 0.5 / 1000
    correlation = np.corrcoef(bits[:200_000].T) - np.eye(63)
    assert np.abs(correlation).max() < 6 / 200_000**0.5


def test_any_number_changes_half_of_a_seeds_bits():
    base = item_seeds(3, 5, np.arange(1000), np.arange(1000))
    for other in (
        item_seeds(4, 5, np.arange(1000), np.arange(1000)),
        item_seeds(3, 6, np.arange(1000), np.arange(1000)),
        item_seeds(3, 5, np.arange(1000) + 1, np.arange(1000)),
        item_seeds(3, 5, np.arange(1000), np.arange(1000) + 1),
        item_seeds(5, 3, np.arange(1000), np.arange(1000)),
    ):
        changed = [bin(int(bits)).count("1") for bits in base ^ other]
        assert np.mean(changed) == pytest.approx(31.5, abs=0.7)


def test_seeds_stay_the_same_from_version_to_version():
    assert item_seeds(0, 0, np.array([0, 7]), np.array([0, 9])).tolist() == [1195769770526638388, 7431329836079542594]
    assert item_seeds(-1, 2, np.array([3]), np.array([4])).tolist() == [3298521000950265359]


def test_uniform_draws_fill_their_bounds_evenly_and_streams_are_independent():
    one, other = Draws(seeds(100_000), 0), Draws(seeds(100_000), 1)
    draws = [one.uniform(), one.uniform(), other.uniform(), other.uniform()]
    for draw in draws:
        counts = np.histogram(draw, 20, (0, 1))[0]
        assert counts.sum() == 100_000 and np.abs(counts - 5000).max() < 5 * 5000**0.5
    assert np.abs(np.corrcoef(draws) - np.eye(4)).max() < 0.02
    bounded = Draws(seeds(1000), 0).uniform(-3, 5)
    assert bounded.min() >= -3 and bounded.max() < 5 and np.ptp(bounded) > 7.9


def test_normal_draws_are_normal_white_and_different_for_every_item():
    values = Draws(seeds(300), 0).normal(np.arange(300), 1001)
    assert values.shape == (300, 1001)
    assert values.mean() == pytest.approx(0, abs=0.01) and values.var() == pytest.approx(1, abs=0.015)
    assert (values**4).mean() == pytest.approx(3, abs=0.1) and 4 < np.abs(values).max() < 7
    for one, other in ((values[:, 1:], values[:, :-1]), (values[:, :500], values[:, 500:1000])):
        assert abs((one * other).mean()) < 0.01
    assert abs((values[1:] * values[:-1]).mean()) < 0.01
    assert np.array_equal(Draws(seeds(300), 0).normal(np.array([70, 5]), 1001), values[[70, 5]])


# Waveforms


@pytest.mark.parametrize("colour", ["white", "pink"])
@pytest.mark.parametrize("samples", [1024, 1025])
def test_noise_has_the_drawn_level_below_the_recording(colour, samples):
    chain, audio = Augmentations([Noise((12, 12), colour=colour)]), sine(20, samples)
    power = np.full(20, 2 * (audio**2).mean())
    noise = chain.waveforms(audio.copy(), seeds(20), power.copy()) - audio
    np.testing.assert_allclose(decibels(power / (noise**2).mean(axis=1)), 12, atol=0.1)


def test_signal_to_noise_ratios_fill_their_bounds():
    audio = sine(2000, 256)
    noise = Augmentations([Noise((5, 25))]).waveforms(audio.copy(), seeds(2000)) - audio
    ratios = decibels((audio**2).mean(axis=1) / (noise**2).mean(axis=1))
    assert 4.9 < ratios.min() < 5.2 and 24.8 < ratios.max() < 25.1
    assert ratios.mean() == pytest.approx(15, abs=0.5)


@pytest.mark.parametrize(("colour", "slope"), [("white", 0.0), ("pink", -3.01)])
def test_noise_has_its_colour(colour, slope):
    noise = Augmentations([Noise((0, 0), colour=colour)]).waveforms(sine(400, 1024), seeds(400)) - sine(400, 1024)
    spectrum = (np.abs(np.fft.rfft(noise)) ** 2).mean(axis=0)
    octaves = [decibels(spectrum[2**k : 2 ** (k + 1)].mean()) for k in range(2, 9)]
    np.testing.assert_allclose(np.diff(octaves), slope, atol=0.6)


def test_a_rest_in_a_recording_gets_its_noise_and_a_silent_recording_stays_silent():
    silence, power = np.zeros((2, 1024), np.float32), np.array([1e6, 0.0])
    for colour in ("white", "pink"):
        noise = Augmentations([Noise((20, 20), colour=colour)]).waveforms(silence.copy(), seeds(2), power.copy())
        assert decibels((noise[0].astype(float) ** 2).mean()) == pytest.approx(40, abs=0.1)
        assert (noise[1] == 0).all()


def test_gain_is_uniform_in_decibels_and_clips_without_wrapping():
    quiet = Augmentations([Gain((-6, 6))]).waveforms(sine(1000, 64), seeds(1000))
    gains = decibels((quiet.astype(float) ** 2).mean(axis=1) / (sine(1, 64) ** 2).mean())
    assert -6.01 < gains.min() < -5.9 and 5.9 < gains.max() < 6.01 and abs(gains.mean()) < 0.4
    loud = Augmentations([Gain((20, 20))]).waveforms(sine(1, 4096, 100), seeds(1))[0]
    assert loud.dtype == np.int16 and loud.max() == 32767 and loud.min() == -32768
    assert np.array_equal(loud, np.clip(np.rint(10 * sine(1, 4096, 100)[0]), -32768, 32767))


def test_levels_are_relative_to_what_the_augmentations_before_have_made():
    chain = Augmentations([Gain((-20, -20)), Noise((10, 10))])
    noise = chain.waveforms(sine(1, 4096), seeds(1)) - sine(1, 4096) / 10
    assert decibels((sine(1, 4096) ** 2).mean() / (noise**2).mean()) == pytest.approx(30, abs=0.1)


def test_polarity_inverts_half_of_the_items():
    changed = Augmentations([Polarity()]).waveforms(sine(2000, 16), seeds(2000))
    original = np.rint(sine(1, 16)[0])
    inverted = (changed == -original).all(axis=1)
    assert ((changed == original).all(axis=1) ^ inverted).all()
    assert inverted.mean() == pytest.approx(0.5, abs=0.05)


def test_a_time_shift_moves_a_clip_by_up_to_its_part_and_fills_up_with_zeros():
    clip = np.arange(1, 21, dtype=np.float32)
    shifted = Augmentations([TimeShift(0.1)]).waveforms(np.tile(clip, (500, 1)), seeds(500))
    expected = {
        -2: [*clip[2:], 0, 0], -1: [*clip[1:], 0], 0: clip, 1: [0, *clip[:-1]], 2: [0, 0, *clip[:-2]],
    }  # fmt: skip
    counts = [(shifted == np.array(moved)).all(axis=1).sum() for moved in expected.values()]
    assert sum(counts) == 500 and min(counts) > 70


def test_melodies_have_their_time_and_are_not_shifted():
    with pytest.raises(DataError, match="TimeShift is for clips of one label"):
        MelodyData(WINDOW, 1, augment=[TimeShift()])


@pytest.mark.parametrize("one", [Gain((6, 6), p=0.3), Noise((0, 0), p=0.3), Polarity(p=0.3)])
def test_items_are_changed_with_the_given_probability_and_others_keep_every_bit(one):
    audio = np.rint(sine(2000, 64))
    changed = (Augmentations([one]).waveforms(audio.copy(), seeds(2000)) != audio).any(axis=1)
    assert changed.mean() == pytest.approx(0.3, abs=0.04)


def test_two_augmentations_in_a_list_draw_independently():
    once = Augmentations([Noise((0, 0))]).waveforms(sine(1, 4096), seeds(1)) - sine(1, 4096)
    twice = Augmentations([Noise((0, 0)), Noise((0, 0))]).waveforms(sine(1, 4096), seeds(1)) - sine(1, 4096)
    second = twice - once
    assert abs((once * second).mean()) < 0.1 * (once**2).mean()


@pytest.mark.parametrize("samples", [255, 1024])
def test_an_item_is_changed_alike_whatever_is_in_the_call(samples):
    chain = Augmentations([Noise((0, 20), 0.7), Noise((0, 20), 0.7, "pink"), Gain((-9, 3), 0.7), Polarity()])
    audio = sine(50, samples) * np.linspace(0.1, 2, 50, dtype=np.float32)[:, None]
    whole = chain.waveforms(audio.copy(), seeds(50))
    for items in ([3], [0, 49], [17, 4, 30, 5, 6, 7, 8]):
        assert np.array_equal(chain.waveforms(audio[items], seeds(50)[items]), whole[items])


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: Noise((30, 10)), "Noise: snr_db"),
        (lambda: Noise((0, np.inf)), "Noise: snr_db"),
        (lambda: Noise((0, 1), colour="brown"), "Noise: colour"),
        (lambda: Gain((0, 6), p=1.1), "Gain: p"),
        (lambda: Mix((3, 2)), "Mix: snr_db"),
        (lambda: PitchShift((-30, 0)), "PitchShift: semitones"),
        (lambda: Augmentations([Gain((0, 1)), PitchShift((-1, 1))]), "PitchShift.*first"),
        (lambda: Augmentations([PitchShift((-1, 1)), PitchShift((-1, 1))]), "PitchShift.*first"),
    ],
)
def test_impossible_arguments_are_refused_by_name(make, key):
    with pytest.raises(DataError, match=rf"data\.augment: {key}"):
        make()


# Pitch shift


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


def added(directory, streams=4, group=2):
    """Track and what was added, for every window that lies within its track."""
    mixed = whole_epoch(reader(directory, Mix((6, 6)), streams=streams, group=group))
    plain = PooledReader(WindowReader(SplitIndex([directory], "train"), WINDOW, Windows()), 0, streams, group)
    return mixed, (mixed.signal.double() - whole_epoch(plain).signal.double()).numpy()


@pytest.mark.parametrize(("streams", "group"), [(4, 2), (12, 1), (2, 6)])
def test_the_partner_is_of_another_track_and_has_the_drawn_level(tones, streams, group):
    mixed, rests = added(tones, streams, group)
    frequencies, levels = [500, 700, 900, 1100], [0.3, 0.1, 0.05, 0.2]
    partners, powers = set(), []
    for track, rest in zip(mixed.track.tolist(), rests, strict=True):
        if (rest**2).mean() < 1:
            continue  # the silent half of the last track
        heard = min(range(4), key=lambda k: abs(frequencies[k] - peak(rest)))
        assert abs(frequencies[heard] - peak(rest)) < 40
        assert heard != track
        partners.add((track, heard))
        if track != 3 and heard != 3:
            powers.append(decibels((levels[track] * 32768) ** 2 / 2 / (rest**2).mean()))
    assert len(partners) >= 8
    # A record is steady here, so that the level of most windows is that of their record but for a period cut off.
    assert np.median(powers) == pytest.approx(6, abs=0.1)


def test_labels_of_a_mixture_stay_those_of_the_window(tones):
    mixed, _ = added(tones)
    plain = whole_epoch(plain_reader(tones))
    assert np.array_equal(mixed.f0, plain.f0) and np.array_equal(mixed.track, plain.track)


def test_a_single_track_cannot_be_mixed(tmp_path):
    with pytest.raises(DataError, match=r"data\.augment: Mix.*only one"):
        reader(shards(tmp_path / "one", (500, 0, 2.5)), Mix((0, 6)))


# Loaders


def expected_contents(directory, epoch=0):
    return contents([loader(reader(directory, *EVERYTHING), epoch=epoch)])


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("workers", [0, 2])
def test_windows_are_augmented_alike_whatever_ranks_workers_messages_and_resume(tones, ranks, workers):
    reference = expected_contents(tones)
    start = 16 * 11
    for begin in (0, start):
        found = contents(
            loader(reader(tones, *EVERYTHING), rank, ranks, workers, 16 // ranks, start=begin) for rank in range(ranks)
        )
        assert len(found) == (len(reference) if begin == 0 else len(reference) - start)
        assert all(reference[key] == content for key, content in found.items())


def test_windows_are_augmented_alike_in_messages_of_any_size(tones):
    whole, parts = whole_epoch(reader(tones, *EVERYTHING)), reader(tones, *EVERYTHING)
    for low, high in ((0, 1), (1, 100), (100, 107), (107, 900)):
        part = parts.read(0, np.arange(low, high))
        for field in ("signal", "f0", "valid", "track", "frame", "seed"):
            assert np.array_equal(getattr(part, field), getattr(whole, field)[low:high])


def test_another_epoch_another_run_and_another_place_in_the_list_draw_anew(tones):
    changing = [Noise((0, 20)), PitchShift((-2, 2))]
    for one in changing:
        first, again, later, other = (
            contents([loader(reader(tones, one, seed=seed), epoch=epoch)])
            for seed, epoch in ((0, 0), (0, 0), (0, 1), (1, 0))
        )
        assert first == again
        for else_ in (later, other):
            shared = first.keys() & else_.keys()
            assert len(shared) > 900
            differ = [key for key in shared if first[key][0] != else_[key][0]]
            assert len(differ) > 0.8 * len(shared)


def test_seeds_of_windows_are_those_of_run_epoch_track_and_frame(tones):
    for batch in loader(plain_reader(tones), epoch=3):
        expected = item_seeds(0, 3, batch.track.numpy(), batch.frame.numpy())
        assert np.array_equal(batch.seed.numpy(), expected)


def test_nothing_is_changed_where_nothing_is_asked_for(tones):
    off = [PitchShift((-2, 2), p=0), Mix((0, 6), p=0), Noise((0, 6), p=0), Gain((-6, 6), p=0), Polarity(p=0)]
    assert contents([loader(reader(tones, *off))]) == contents([loader(plain_reader(tones))])


def test_every_augmentation_changes_training_and_none_evaluation(tones):
    data = MelodyData(
        WINDOW, train=[str(tones)], validation={"tones": str(tones)}, batch_size=16, augment=list(EVERYTHING)
    )
    plain = MelodyData(WINDOW, train=[str(tones)], validation={"tones": str(tones)}, batch_size=16)
    changed, unchanged = contents([data.train_dataloader()]), contents([plain.train_dataloader()])
    assert changed.keys() == unchanged.keys()
    assert sum(changed[key][0] != unchanged[key][0] for key in changed) > 0.9 * len(changed)
    for one, other in zip(data.val_dataloader()[0], plain.val_dataloader()[0], strict=True):
        assert one.seed is None and np.array_equal(one.signal, other.signal)


def test_evaluation_batches_have_no_seeds(tones):
    index = SplitIndex([tones], "validation")
    named = EvaluationSet("tones", index.tracks, RATE, HOP)
    batches = list(EvaluationLoader(WindowReader(index, WINDOW, Windows()), named, 64, 0, 1, 0))
    assert len(batches) > 4 and all(batch.seed is None for batch in batches)


def test_a_recipe_names_augmentations_by_their_classes(tones):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(MelodyData, "data")
    configuration = parser.parse_object(
        {
            "data": {
                "window": WINDOW,
                "train": [str(tones)],
                "augment": [
                    {"class_path": "datamodules.augment.PitchShift", "init_args": {"semitones": [-2, 2]}},
                    {"class_path": "datamodules.augment.Mix", "init_args": {"snr_db": [6, 20], "p": 0.3}},
                    {"class_path": "datamodules.augment.Noise", "init_args": {"snr_db": [5, 30], "colour": "pink"}},
                    {"class_path": "datamodules.augment.Gain", "init_args": {"db": [-6, 6]}},
                    {"class_path": "datamodules.augment.Polarity"},
                ],
            }
        }
    )
    data = parser.instantiate(configuration).data
    kinds = [PitchShift, Mix, Noise, Gain, Polarity]
    assert [type(augmentation) for augmentation in data.augmentations.chain] == kinds
    assert next(iter(data.train_dataloader())).signal.shape == (32, WINDOW)


def test_the_power_of_a_record_leaves_out_what_lies_beyond_the_track(tones):
    index = SplitIndex([tones], "train")
    cut = WindowReader(index, WINDOW, Windows())
    plan = PooledReader(cut, 0, 1, len(index)).plan(0)
    pool = cut.pool(plan.group(0, 0))
    expected = np.array([0.3, 0.1, 0.05])
    for record, power in zip(pool.records, pool.power, strict=True):
        if index.track[record] < 3:
            level = np.sqrt(2 * power) / 32768
            assert level == pytest.approx(expected[index.track[record]], rel=0.01)


def test_records_of_a_track_follow_each_other_in_the_test_data(glides):
    """What the tests of labels rest on: a track has several records of a second, permuted."""
    index = SplitIndex([glides], "train")
    starts = [sorted(index.start[index.track == track].tolist()) for track in (0, 1)]
    assert starts == [[0, 100, 200]] * 2
    assert any(b - a != 100 for a, b in pairwise(index.start.tolist()))
