import numpy as np
import pytest


@pytest.fixture
def comb():
    """f0 of a short piece, found among 100 cents around a guess: where the spectrum is largest at its multiples.

    It knows neither phases nor the contour, so it is independent of how the audio was made.
    """

    def find(samples, rate, guess):
        window = np.hanning(len(samples))
        spectrum = np.abs(np.fft.rfft(samples * window, 8 * len(samples)))
        candidates = guess * 2.0 ** (np.linspace(-100.0, 100.0, 401) / 1200.0)
        count = max(1, min(20, int(0.45 * rate / candidates[-1])))
        places = np.outer(candidates, np.arange(1, count + 1)) * 8.0 * len(samples) / rate
        return candidates[np.interp(places, np.arange(len(spectrum)), spectrum).sum(axis=1).argmax()]

    return find


@pytest.fixture
def cents_off(comb):
    """Deviation of a recording's audio from its truth where the pitch is steady for six periods or 50 ms, cents."""

    def deviations(audio, truth, times):
        found = []
        for time in times:
            f0 = truth.at([time])[0]
            half = max(0.025, 3.0 / f0) if f0 > 0 else 0.025
            around = truth.at(np.linspace(time - half, time + half, 41))
            start, stop = (round((time + side * half) * audio.rate) for side in (-1, 1))
            if (around > 0).all() and np.ptp(np.log2(around)) < 0.02 and 0 <= start and stop <= len(audio.samples):
                guess = np.exp(np.average(np.log(around), weights=np.hanning(41)))
                piece = audio.samples[start:stop].astype(np.float64)
                found.append(1200.0 * np.log2(comb(piece, audio.rate, guess) / guess))
        return np.array(found)

    return deviations
