import numpy as np
from numpy.testing import assert_array_equal

from datamodules.corpora.synthetic.voices.analysis import runs
from datamodules.corpora.synthetic.voices.synthesis import audible, levels, synthesise

RATE = 16000


def test_a_frame_is_5_ms(steady_voice):
    assert len(synthesise(steady_voice, RATE)) == 400 * 80
    assert len(synthesise(steady_voice, 22050)) == int(400 * 110.25)


def test_the_parameters_stay_as_they_are(steady_voice):
    before = [values.copy() for values in steady_voice]
    synthesise(steady_voice, RATE)
    for values, copy in zip(steady_voice, before, strict=True):
        assert_array_equal(values, copy)


def test_f0_does_not_fall_at_the_ends_of_a_run(steady_voice):
    """Between its first and last frame all pulses of a steady voice are equally far apart, also the outer ones."""
    voice = steady_voice._replace(
        f0=np.where(steady_voice.f0 > 0, 800.0, 0.0), envelope=np.tile(steady_voice.envelope[150], (400, 1))
    )
    sound = synthesise(voice, RATE)[100 * 80 - 40 : 299 * 80 + 40]
    neighbours = np.maximum(np.roll(sound, 1), np.roll(sound, -1))
    peaks = np.flatnonzero((sound > 0.5 * sound.max()) & (sound > neighbours))
    assert len(peaks) > 790
    assert_array_equal(np.diff(peaks), 20)


def test_a_voice_reaches_up_to_the_edges_of_the_recording(steady_voice):
    everywhere = steady_voice._replace(
        f0=np.full(400, 150.0),
        envelope=np.tile(steady_voice.envelope[150], (400, 1)),
        aperiodicity=np.full((400, 513), 0.01),
    )
    sound = synthesise(everywhere, RATE)
    assert_array_equal(audible(everywhere.f0, sound, RATE) > 0, True)


def test_level_is_the_mean_of_the_power():
    tone = 0.1 * np.sqrt(2.0) * np.sin(2 * np.pi * 1000.0 * np.arange(RATE) / RATE)
    np.testing.assert_allclose(levels(tone, 200, RATE)[5:-5], -20.0, atol=0.01)
    assert levels(np.zeros(RATE), 200, RATE).max() < -150


def fading(decibels):
    """Noise whose level, dB, is given for each frame."""
    gain = 10.0 ** (np.interp(np.arange(len(decibels) * 80) / 80, np.arange(len(decibels)), decibels) / 20.0)
    return gain * np.random.default_rng(0).standard_normal(len(gain))


def test_a_run_begins_within_12_db_and_ends_within_20_db_of_the_loudest_neighbour():
    slope = np.linspace(-36.0, 0.0, 13)  # 3 dB a frame
    level = np.concatenate([slope, np.zeros(50), slope[::-1]])
    (start, stop), *others = runs(audible(np.full(len(level), 150.0), fading(level), RATE) > 0)
    assert not others
    assert abs(start - 8) <= 1  # -12 dB
    assert abs(stop - (63 + 7)) <= 1  # -21 dB is the first that is not heard


def test_a_slow_fade_is_heard():
    assert audible(np.full(200, 150.0), fading(np.linspace(-30.0, 0.0, 200)), RATE).all()


def test_a_faint_run_is_not_heard():
    level = np.concatenate([np.zeros(100), np.full(50, -50.0)])
    f0 = np.where(np.arange(150) % 110 < 95, 150.0, 0.0)
    voiced = audible(f0, fading(level), RATE) > 0
    assert voiced[:95].all() and not voiced[95:].any()


def test_without_a_voice_there_is_nothing_to_hear():
    assert_array_equal(audible(np.zeros(10), fading(np.zeros(10)), RATE), 0.0)
