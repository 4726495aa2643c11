import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import Audio
from datamodules.corpora.synthetic.harmonics import Articulation, Timbre, render
from datamodules.corpora.synthetic.instruments import Instruments
from datamodules.corpora.synthetic.timbres import SteadyTimbres

RATE = 16000
TIMES = 0.002 * np.arange(1001)  # two seconds


def play(f0, seed, timbres=None):
    series = F0Series(TIMES, np.broadcast_to(np.asarray(f0, dtype=np.float64), TIMES.shape))
    played = (timbres or Instruments()).play(series, np.random.default_rng(seed), samples=2 * RATE, rate=RATE)
    return Audio(played, RATE), series


def levels(samples, f0, harmonics):
    """Of the harmonics of a steady tone, dB."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    places = np.rint(f0 * np.arange(1, harmonics + 1) * len(samples) / RATE).astype(int)
    return 20.0 * np.log10([spectrum[place - 3 : place + 4].max() + 1e-9 for place in places])


@pytest.mark.parametrize("f0", [35.0, 90.0, 220.0, 700.0, 2000.0])
def test_what_is_heard_is_the_truth(f0, cents_off):
    cents = np.concatenate([cents_off(*play(f0, seed), np.arange(0.2, 1.8, 0.4)) for seed in range(8)])
    assert len(cents) == 32
    assert np.abs(np.median(cents)) < 1.0
    assert np.mean(np.abs(cents) < 12.0) > 0.9


def test_the_truth_is_neither_early_nor_late(comb):
    # f0 rises and falls by an octave: what is late is too low while it rises, and too high while it falls.
    triangle = np.abs((TIMES * 2.0 + 0.5) % 2.0 - 1.0)
    late = []
    for seed in range(8):
        audio, series = play(300.0 * 2.0 ** (triangle - 0.5), seed, Instruments(pure=0.0))
        for time in np.arange(0.1, 1.9, 0.1) + 0.01:
            slope = np.log2(series.at([time + 0.012])[0] / series.at([time - 0.012])[0]) * 1200.0 / 0.024
            if abs(slope) > 2399.0:  # cents a second: no turn within the piece
                middle, f0 = round(time * RATE), series.at([time])[0]
                found = comb(audio.samples[middle - 192 : middle + 193], RATE, f0)
                late.append(-1200.0 * np.log2(found / f0) / slope)
    assert len(late) > 80
    assert abs(np.median(late)) < 0.0004  # s


def test_silence_is_exact_and_notes_are_heard():
    f0 = np.where(TIMES % 0.5 < 0.35, 150.0, 0.0)
    for seed in range(12):
        audio, series = play(f0, seed)
        voiced = series.at(np.arange(2 * RATE) / RATE) > 0
        assert_array_equal(audio.samples[~voiced], 0.0)
        frames = audio.samples.reshape(-1, 160)
        heard = np.sqrt(np.mean(frames**2, axis=1))[voiced.reshape(-1, 160).all(axis=1)]
        assert 0.2 < np.median(heard) < 3.0
        assert np.percentile(heard, 5) > 0.03


def test_low_notes_have_many_harmonics():
    above = [levels(play(32.0, seed)[0].samples, 32.0, 78) for seed in range(16)]
    audible = [(level[40:] > level.max() - 50.0).sum() for level in above]
    assert np.mean(np.array(audible) > 20) > 0.25


def test_instruments_differ_in_every_respect():
    found = np.array([levels(play(200.0, seed)[0].samples[3200:], 200.0, 12) for seed in range(40)])
    found -= found.max(axis=1, keepdims=True)
    assert (found[:, 0] < -10.0).mean() > 0.05, "weak fundamentals"
    assert (found[:, 1::2].max(axis=1) < found[:, ::2].max(axis=1) - 10.0).mean() > 0.05, "odd harmonics"
    assert (found[:, 1:].max(axis=1) < -15.0).mean() > 0.05, "near-sinusoids"
    assert (found[:, 5:].max(axis=1) > -10.0).mean() > 0.1, "bright ones"


def test_pure_ones_are_near_sinusoids():
    for seed in range(6):
        found = levels(play(200.0, seed, Instruments(pure=1.0, breathy=0.0))[0].samples[3200:], 200.0, 6)
        assert (found[1:] < found[0] - 6.0).all()


def test_higher_harmonics_of_plucked_notes_decay_faster():
    faster = 0
    for seed in range(10):
        audio, _ = play(100.0, seed, Instruments(plucked=1.0, breathy=0.0, pure=0.0))
        begin, end = (levels(audio.samples[at : at + 4800], 100.0, 20) for at in (480, 24000))
        faster += (end - begin)[10:].mean() < (end - begin)[:3].mean() - 1.0
    assert faster > 5


def test_resonances_stay_where_they_are():
    # Through a resonance of fixed frequency, spectra of two pitches are alike by frequency and not by number.
    by_frequency, by_number = [], []
    for seed in range(20):
        timbres = Instruments(plucked=0.0, breathy=0.0, pure=0.0)
        low, high = (levels(play(f0, seed, timbres)[0].samples[6400:], f0, 24) for f0 in (100.0, 200.0))
        by_frequency.append(np.corrcoef(low[1::2], high[:12])[0, 1])
        by_number.append(np.corrcoef(low[:12], high[:12])[0, 1])
    assert (np.array(by_frequency) > np.array(by_number)).sum() > 2


@pytest.mark.parametrize("timbres", [Instruments(), SteadyTimbres()])
def test_are_reproducible_and_can_be_pickled(timbres):
    copy = pickle.loads(pickle.dumps(timbres))
    assert copy.fingerprint() == timbres.fingerprint()
    assert_array_equal(play(200.0, 3, timbres)[0].samples, play(200.0, 3, copy)[0].samples)


def test_fingerprints_name_class_and_numbers():
    assert Instruments().fingerprint() != Instruments(plucked=0.5).fingerprint()
    assert SteadyTimbres(80).fingerprint() != Instruments(80).fingerprint()


def test_steady_timbres_are_the_harmonics_of_before():
    audio, series = play(200.0, 5, SteadyTimbres(7))
    generator = np.random.default_rng(5)
    timbre = Timbre.draw(generator, 7)
    expected = render(series, timbre, Articulation.draw(generator), samples=2 * RATE, rate=RATE)
    assert_array_equal(audio.samples, expected)
