"""The probe finds what is planted in trackers: late time stamps, sharp pitches, flattened vibrato, invented voices."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.synthetic.stress import StressFamilies
from experiments.probing.chirp import BASES, LEG, LEGS, chirp, offsets
from experiments.probing.probe import CONTROLS, FOUND, probe
from experiments.probing.report import rows, write_probes
from experiments.trackers.base import Tracked, Tracker

GRID = np.arange(0, LEG * LEGS, 0.01)


def reported(base, cents=0.0, seconds=0.0):
    """What a tracker with such faults says of a chirp, whose truth is its series."""
    _, truth = chirp(base, 16000)
    return np.interp(GRID - seconds, truth.times, np.log2(truth.f0)) + cents / 1200


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(("cents", "milliseconds"), [(0, 0), (20, 0), (0, 5), (0, -5), (-7, 12)])
def test_a_sharp_and_a_late_tracker_are_told_apart(base, cents, milliseconds):
    found = offsets(GRID, 2 ** reported(base, cents, milliseconds / 1000), base)
    assert found.cents == pytest.approx(cents, abs=0.1)
    assert 1000 * found.seconds == pytest.approx(milliseconds, abs=0.1)
    assert found.share == 1 and found.spread < 0.1


def test_other_octaves_and_gaps_do_not_count():
    f0 = 2 ** reported(220.0, 20, 0.005)
    f0[::3] *= 2
    f0[::7] = 0
    found = offsets(GRID, f0, 220.0)
    assert (found.cents, 1000 * found.seconds) == (pytest.approx(20, abs=0.1), pytest.approx(5, abs=0.1))
    assert found.share < 0.7
    assert np.isnan(offsets(GRID, np.zeros(len(GRID)), 220.0).cents)


def test_the_chirp_is_what_its_truth_says():
    samples, truth = chirp(220.0, 16000)
    assert (
        len(samples) == 16000 * LEG * LEGS
        and truth.f0.min() == pytest.approx(220)
        and truth.f0.max() == pytest.approx(440)
    )
    # From the phase of the first harmonic, by zero crossings of the band around it.
    from scipy.signal import hilbert

    spectrum = np.fft.rfft(samples.astype(np.float64))
    frequency = np.fft.rfftfreq(len(samples), 1 / 16000)
    spectrum[frequency > 439] = 0
    phase = np.unwrap(np.angle(hilbert(np.fft.irfft(spectrum))))
    found = np.gradient(phase) * 16000 / (2 * np.pi)
    times = np.arange(len(samples)) / 16000
    early = (times > 0.1) & (times < 0.4)  # below 440 Hz, of the second harmonic nothing is left
    cents = 1200 * np.log2(found[early] / truth.at(times[early]))
    assert abs(np.median(cents)) < 1


@cache
def truths():
    made = [chirp(base, 16000) for base in BASES]
    for recording in StressFamilies(1, rate=16000).recordings():
        made.append((recording.audio.read().samples, recording.truth.read()))
    return {samples.tobytes(): truth for samples, truth in made}


class Knowing(Tracker):
    """Says the truth of the sound that it is handed, with faults."""

    def __init__(self, cents=0.0, seconds=0.0, everywhere=False, flat=1.0):
        super().__init__("knowing")
        self.cents, self.seconds, self.everywhere, self.flat = cents, seconds, everywhere, flat

    def identity(self):
        return {}

    def __enter__(self):
        self.truths = truths()
        return self

    def __exit__(self, *_):
        pass

    def __call__(self, samples, rate):
        truth = self.truths[samples.tobytes()]
        times = np.arange(0, len(samples) / rate, 0.01)
        f0 = truth.at(np.clip(times - self.seconds, 0, truth.times[-1]))
        voiced = f0 > 0
        centre = np.exp(np.mean(np.log(f0[voiced]))) if voiced.any() else 150.0
        f0 = np.where(voiced, f0, 150.0)
        f0 = centre * (f0 / centre) ** self.flat * 2 ** (self.cents / 1200)
        return Tracked(F0Series(times, np.where(voiced | self.everywhere, f0, -f0)), 0.0, 0.0)


@cache
def probed(**faults):
    with Knowing(**faults) as tracker:
        return probe(tracker, items=1)


@pytest.mark.long
def test_the_truth_has_no_fault():
    found = probed()
    assert set(found.recall) == set(FOUND) and set(found.false_alarms) == set(CONTROLS)
    assert min(found.recall.values()) > 0.99 and max(found.false_alarms.values()) == 0
    assert abs(found.bias) < 0.01 and found.jitter < 0.01
    assert [float(depth) for depth in found.vibrato] == [0.5, 1, 2]
    assert all(kept == pytest.approx(1, abs=0.02) for kept in found.vibrato.values())
    assert found.offsets == (pytest.approx(0, abs=0.1), pytest.approx(0, abs=1e-4))


@pytest.mark.slow
def test_faults_are_found():
    late = probed(seconds=0.005)
    assert 1000 * late.offsets[1] == pytest.approx(5, abs=0.1) and abs(late.offsets[0]) < 0.1 and abs(late.bias) < 0.1
    sharp = probed(cents=20, everywhere=True)
    assert sharp.offsets[0] == pytest.approx(20, abs=0.1) and abs(sharp.offsets[1]) < 1e-4
    assert sharp.bias == pytest.approx(20, abs=0.1)
    assert min(sharp.false_alarms.values()) == 1
    flattened = probed(flat=0.5)
    assert all(kept == pytest.approx(0.5, abs=0.02) for kept in flattened.vibrato.values())
    assert flattened.recall["glide_up"] < 0.5


def test_the_report_has_a_column_for_each_tracker(tmp_path):
    probes = {"one": probed(), "other": replace(probed(), false_alarms=dict.fromkeys(CONTROLS, 1.0))}
    table = rows(probes)
    assert table[0] == ["", "one", "other"] and {len(line) for line in table} == {3}
    write_probes(tmp_path / "out", probes, {"seed": 0})
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["probe.json", "probe.md", "probe.png"]
    written = json.loads((tmp_path / "out" / "probe.json").read_text())
    assert written["seed"] == 0 and written["trackers"]["other"]["false_alarms"]["whisper"] == 1
    assert (tmp_path / "out" / "probe.md").read_text().startswith("|  | one | other |\n|---|--:|--:|\n")


@pytest.mark.slow
def test_the_command_probes_a_tracker_of_ones_own(melisma, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n\n\nclass Mine:\n    def __call__(self, samples, rate):\n"
        "        times = np.arange(0, len(samples) / rate, 0.01)\n        return times, np.full(len(times), 220.0)\n"
    )
    outcome = melisma("probe", f"mine={tmp_path / 'mine.py'}:Mine", "--items", 1, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert "false alarms: white_noise" in outcome.out and (tmp_path / "out" / "probe.png").is_file()
    assert melisma("probe", "mine", "--out", tmp_path / "out").code == 1
    assert melisma("probe", "pyin", "--items", 0).code == 1
