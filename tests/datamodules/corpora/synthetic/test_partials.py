import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.synthetic.partials import Course, sum_of_partials

RATE = 16000


def course_of(f0, step=0.002, rate=RATE):
    f0 = np.asarray(f0, dtype=np.float64)
    return Course.of(F0Series(step * np.arange(len(f0)), f0), samples=round(step * (len(f0) - 1) * rate), rate=rate)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), harmonics=st.integers(1, 30), points=st.integers(2, 300))
def test_the_sum_is_that_of_sines_one_by_one(seed, harmonics, points):
    generator = np.random.default_rng(seed)
    course = course_of(generator.uniform(50.0, 200.0, points))
    amplitudes = generator.uniform(0.0, 1.0, (len(course.f0_at), harmonics)).astype(np.float32)
    phases = generator.uniform(0.0, 6.0, harmonics)
    found = sum_of_partials(course, lambda at: amplitudes[at], phases)
    expected = sum(
        course.at_samples(amplitudes[:, number]) * np.sin(2.0 * np.pi * (number + 1) * course.cycles + phases[number])
        for number in range(harmonics)
    )
    assert_allclose(found, expected, atol=2e-5 * harmonics)


def test_notes_begin_with_voicing_and_with_leaps_but_not_within_vibrato_and_glides():
    times = np.arange(0.0, 1.0, 0.002)
    f0 = 200.0 * 2.0 ** (1.5 / 12.0 * np.sin(2.0 * np.pi * 7.0 * times))
    f0[250:] *= 2.0 ** (2.0 / 12.0)
    f0[:20] = f0[300:350] = 0.0
    f0[450:] *= 2.0 ** (np.arange(50) / 50.0 * 2.0 / 12.0)  # two semitones in a tenth of a second
    course = course_of(f0)
    begins = np.flatnonzero(np.diff(course.note)) + 1
    assert course.notes == 3
    assert_allclose(course.seconds[begins], [0.5, 0.7], atol=0.0085)
    assert_allclose(course.age[[begins[0] + 10, begins[1] + 10]], 0.04, atol=0.001)


def test_a_step_of_a_semitone_is_one_new_note_wherever_it_lies_between_control_points():
    for shift in range(6):
        assert course_of([200.0] * (100 + shift) + [200.0 * 2 ** (1 / 12)] * 100).notes == 2


@pytest.mark.parametrize("samples", [0, 1, 63, 64, 65])
def test_lengths_that_are_no_multiple_of_the_interval(samples):
    course = Course.of(F0Series(np.array([0.0, 1.0]), np.array([100.0, 100.0])), samples=samples, rate=RATE)
    audio = sum_of_partials(course, lambda at: np.ones((at.stop - at.start, 1), np.float32), np.zeros(1))
    assert_allclose(audio, np.sin(2.0 * np.pi * 100.0 * np.arange(samples) / RATE), atol=1e-5)


def test_silence_costs_nothing():
    def never(_):
        raise AssertionError("amplitudes of silence")

    assert_array_equal(sum_of_partials(course_of(np.zeros(500)), never, np.zeros(3)), 0.0)
