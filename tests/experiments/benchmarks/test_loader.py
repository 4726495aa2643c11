"""The benchmarks, made small: their measures tell apart what they claim to, and their last lines hold."""

import json
import math
import mmap
import os
import subprocess
import sys
import time
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch

from architectures import Perceptron, SpectralPeak
from architectures.layers import parameter_count
from experiments.benchmarks import networks
from experiments.benchmarks.interleaved import Cost, Side, measure, processor_microseconds, ratio, table
from experiments.benchmarks.loader_parts import sets, sides
from experiments.benchmarks.loader_parts.memory import (
    Measured,
    Memory,
    growth,
    memory_figure,
    memory_table,
    unique_set_size,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return sets.make_shards(tmp_path_factory.mktemp("tones") / "shards", 20, 160, "i16")


def idle(seconds, batch):
    while True:
        time.sleep(seconds)
        yield batch


def busy(batch):
    for _ in repeat(None):
        sum(range(200_000))
        yield batch


def fails():
    raise OSError("no such side")
    yield


@pytest.mark.long
def test_each_round_of_a_side_delivers_its_windows_and_processor_time_is_not_time_on_the_clock():
    sides = [Side("idle", idle, (0.01, 5), 20), Side("busy", busy, (10,), 100)]
    costs = measure(sides, rounds=2)
    assert [cost.windows for cost in costs["idle"]] == [20, 20]
    assert [cost.windows for cost in costs["busy"]] == [100, 100]
    assert all(cost.seconds >= 0.04 > 10 * cost.processor_seconds for cost in costs["idle"])
    assert all(cost.processor_seconds > 0 for cost in costs["busy"])


@pytest.mark.long
def test_a_side_that_fails_is_named():
    with pytest.raises(RuntimeError, match="broken"):
        measure([Side("broken", fails, (), 1, 1)], rounds=1)


def test_ratios_are_taken_within_each_round():
    """The machine was ten times slower in the second round; the ratio of the medians would be 20."""
    costs = {
        "fast": [Cost(400, 1.0, 1.0), Cost(400, 10.0, 1.0), Cost(200, 1.0, 1.0)],
        "slow": [Cost(100, 1.0, 1.0), Cost(100, 10.0, 1.0), Cost(5, 1.0, 1.0)],
    }
    assert ratio(costs, "fast", "slow") == 4
    assert processor_microseconds(costs["fast"]) == 2500
    assert {"0.2", "2500.00"} <= set(table(costs).splitlines()[1].split()) and "0.0 to 0.4" in table(costs)


@pytest.mark.long
def test_sides_deliver_full_batches_without_end(shards, tmp_path):
    """A set holds nineteen batches, a tar one."""
    lean = sets.write_lean_tars(tmp_path / "lean", shards, sets.BATCH)
    customary = sets.write_customary_tars(tmp_path / "customary", shards, sets.BATCH)
    made = {
        sides.our_loader(shards, 0, 4, 2): 20,
        sides.gather_from_memory(shards): 20,
        sides.collated(sides.lean_tars, lean): 3,
        sides.batched(sides.lean_tars, lean): 3,
        sides.collated(sides.customary_tars, customary): 3,
        sides.batched(sides.customary_tars, customary): 3,
    }
    for side, batches in made.items():
        assert [next(side) for _ in range(batches)] == [sets.BATCH] * batches


@pytest.mark.parametrize(
    ("write", "windows_of"),
    [
        (sets.write_lean_tars, sides.lean_tars),
        (sets.write_customary_tars, sides.customary_tars),
    ],
)
def test_tars_hold_the_windows_of_our_shards(shards, tmp_path, write, windows_of):
    stored = sets.some_windows(shards, 40, "reference")
    audio, f0 = next(iter(windows_of(write(tmp_path / "tars", shards, 40)).batched(40)))
    wanted = {(window.audio.tobytes(), float(window.f0[0])) for window in stored}
    assert np.asarray(audio).shape == (40, sets.WINDOW)
    assert {(np.asarray(a).tobytes(), float(b[0])) for a, b in zip(audio, f0, strict=True)} <= wanted


def test_lean_headers_are_half_of_what_webdataset_writes_by_itself(shards, tmp_path):
    sizes = [
        sum(tar.stat().st_size for tar in write(tmp_path / write.__name__, shards, 100).iterdir())
        for write in (sets.write_lean_tars, sets.write_customary_tars)
    ]
    assert sizes[0] < 0.7 * sizes[1]


def test_repeated_shards_are_an_index_as_many_times_as_large(shards):
    copies = sets.repeat_shards(shards, 3)
    one, three = (sets.pooled_reader(copies[:count], 4, 2).reader.index for count in (1, 3))
    assert len(three) == 3 * len(one) == 60
    assert len(three.tracks) == 3 * len(one.tracks)


def test_unique_set_size_follows_what_is_allocated():
    before = unique_set_size()
    # Pages of its own: what malloc gives may have been counted already.
    held = mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for page in range(0, len(held), mmap.PAGESIZE):
        held[page] = 1
    assert 30 < unique_set_size() - before < 40
    held.close()
    assert unique_set_size() - before < 10


def test_memory_is_compared_by_medians_and_drawn_with_units():
    measured = [
        Measured(1, 2.0, [Memory(100.0, 10.0, 1.0), Memory(110.0, 10.0, 1.0), Memory(500.0, 10.0, 1.0)]),
        Measured(16, 32.0, [Memory(121.0, 12.0, 16.0)] * 3),
    ]
    assert growth(measured, "worker") == pytest.approx(0.1)
    assert "110.0 (100.0 to 500.0)" in memory_table(measured)
    (axes,) = memory_figure(measured).axes
    assert axes.get_xlabel() == "audio in the set (hours)" and axes.get_ylabel() == "unique set size (MiB)"


@pytest.mark.long(seconds=40)
def test_the_last_line_holds_all_ratios_and_they_are_finite(tmp_path):
    sizes = ("--records=40", "--windows=4096", "--rounds=1", "--sizes=[1,2]", "--processes=1", "--tracks=40")
    finished = subprocess.run(
        [sys.executable, "-m", "experiments.benchmarks.loader", *sizes, f"--out={tmp_path}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    last = finished.stdout.rstrip().splitlines()[-1]
    result = json.loads(last.removeprefix("RESULT "))
    assert last.startswith("RESULT ") and {
        *("vs_one_window_per_sample", "vs_memory_int16", "vs_memory_flac", "memory_growth_2x", "cores_for_200k"),
        *("same_track", "vif", "drift", "windows_per_second_flac"),
    } <= set(result)
    assert all(math.isfinite(value) for value in result.values())
    assert (tmp_path / "loader_memory.png").stat().st_size > 0


PUBLISHED = {
    "CREPE of five resolutions": 2_016_350,
    "residual CREPE": 11_743_040,
    "CREPE tiny of Kim et al.": 486_552,
    # Less what the originals build and never read, a residual of the last layer.
    "WaveNet": 5_206_524 - 17 * 16,
    "WaveNet of March": 4_181_824 - 65 * 64,
    "deep salience": 406_253,
    "deep salience with harmonic layers": 153_659,
    "residual deep salience": 1_768_192,
    "HCNN": 27_857,
    "HCNN with context": 23_153,
    "HCNN of MIREX": 24_961,
    "HCNN of MIREX with context": 19_513,
    "voicing by notes and octaves": 121_345,
    "perceptron P1": 2_160_768,
    "perceptron P2": 1_180_800,
    "perceptron P3": 2_231_425,
    "autocorrelation": 0,
    "spectral peak": 0,
}


def test_the_networks_that_are_measured_are_the_published_ones():
    with torch.device("meta"):
        built = {name: networks.CATALOGUE[name].build() for name in PUBLISHED}
    assert {name: parameter_count(network) for name, network in built.items()} == PUBLISHED
    for name, network in built.items():
        assert getattr(network, "hop", None) in (None, networks.CATALOGUE[name].hop)


def test_multiply_adds_are_those_of_the_excerpts_of_a_second():
    device = torch.device("cpu")
    perceptron = networks.Entry(lambda: Perceptron(12, 100, 20, 2), rate=8000, hop=40)
    subject = networks.Subject(perceptron, 0.05, device)
    assert subject.excerpts == 5 and subject.seconds == pytest.approx(0.05)
    assert subject.multiply_adds() == pytest.approx((100 * 20 + 20 * 2 * 12) * 100)
    transform = networks.Subject(networks.Entry(lambda: SpectralPeak(12, 64, 60.0), hop=160), 0.01, device)
    assert transform.multiply_adds() == pytest.approx(1.25 * 512 * 9 * 100)


def test_a_turn_is_repeated_and_its_mean_taken():
    calls = []

    def turn():
        calls.append(time.sleep(0.02))

    assert networks.duration(turn, torch.device("cpu"), 0.05) >= 0.02 and len(calls) >= 2
    calls.clear()
    assert networks.duration(turn, torch.device("cpu"), 1e-9) >= 0.02 and len(calls) == 1


def test_networks_are_compared_with_the_reference_of_the_same_turn():
    assert (
        networks.ratio([networks.PairedSeconds(4, 1), networks.PairedSeconds(40, 10), networks.PairedSeconds(5, 100)])
        == 4
    )


def test_the_last_line_holds_two_ratios_for_each_network_and_one_for_a_rule(capsys):
    names = ["HCNN", "perceptron P3", "spectral peak"]
    threads = torch.get_num_threads()
    networks.main(["--rounds=1", "--seconds=0.001", "--least=0.001", "--threads=1", "--networks", *names])
    torch.set_num_threads(threads)
    lines = capsys.readouterr().out.rstrip().splitlines()
    result = json.loads(lines[-1].removeprefix("RESULT "))
    both = {"forward", "training"}
    assert {name: set(ratios) for name, ratios in result.items()} == {
        **{name: both for name in ("CREPE tiny", "HCNN", "perceptron P3")},
        "spectral peak": {"forward"},
    }
    assert all(0 < value < math.inf for ratios in result.values() for value in ratios.values())
    (row,) = (line.split() for line in lines if line.startswith("perceptron P3"))
    assert row[2] == "2231425" and float(row[3]) == pytest.approx(0.3835, rel=1e-3)


def test_an_unknown_network_is_refused_by_name(capsys):
    with pytest.raises(SystemExit):
        networks.main(["--networks", "CREPE gigantic"])
    assert "CREPE gigantic" in capsys.readouterr().err
