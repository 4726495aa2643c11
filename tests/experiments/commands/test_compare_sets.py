"""`melisma compare` on several sets: configuration, conditions, groups, calibration and verified frames."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from datamodules import ShardRecipe, SyntheticMelody
from datamodules.preparation.prepare import prepare
from experiments.trackers.catalogue import METHODS, Method

PITCHES = """
import numpy as np


class Pitches:
    '''The best lag of the autocorrelation of 64 ms, shifted by cents; its height is the confidence.'''

    def __init__(self, sharp):
        self.sharp = sharp

    def __call__(self, samples, rate):
        hop, width, least, most = rate // 100, rate * 64 // 1000, rate // 600, rate // 150
        padded = np.pad(samples.astype(float), width // 2)
        times = np.arange(len(samples) // hop)
        frames = padded[times[:, None] * hop + np.arange(width)]
        shape = np.fft.irfft(np.abs(np.fft.rfft(frames, 2 * width)) ** 2)[:, :most]
        lag = least + shape[:, least:].argmax(axis=1)
        height = np.take_along_axis(shape, lag[:, None], 1)[:, 0] / np.maximum(shape[:, 0], 1e-3)
        f0 = rate / lag * 2 ** (self.sharp / 1200)
        return times * hop / rate, np.where(height > 0.5, f0, -f0), height.clip(0, 1)
"""


class VersionedMelodies(SyntheticMelody):
    """Every melody as it is and with noise, as corpora of conditions say it, by two singers."""

    def recordings(self):
        found = []
        for number, each in enumerate(super().recordings()):
            for condition in ("clean", "scene"):
                metadata = {"recording": each.id, "condition": condition}
                found.append(replace(each, id=f"{each.id}_{condition}", metadata=metadata, group=f"singer{number % 2}"))
        return found


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr("experiments.evaluation.pictures.write_pictures", lambda *_: None)


@pytest.fixture(autouse=True)
def methods(tmp_path, monkeypatch):
    (tmp_path / "pitches.py").write_text(PITCHES)
    for name, sharp in (("plain", 0.0), ("sharp", 20.0), ("third", 1.0)):
        method = Method(tmp_path / "pitches.py", "Pitches", {"sharp": sharp}, "pitches", ("numpy",))
        monkeypatch.setitem(METHODS, name, method)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    for name, corpus in (
        ("one", SyntheticMelody({"validation": 3, "test": 2}, seconds=1.5, rate=8000, lowest_note=57, highest_note=64)),
        (
            "versions",
            VersionedMelodies({"validation": 4}, seconds=1.5, rate=8000, seed=1, lowest_note=57, highest_note=64),
        ),
        ("other", SyntheticMelody({"validation": 2}, seconds=1.5, rate=8000, seed=2, lowest_note=57, highest_note=64)),
    ):
        prepare(ShardRecipe(corpus, str(folder / name), 8000, 80, segment=1.0, context=0.1), progress=False)
    return folder


@pytest.fixture
def outcome(data, melisma, tmp_path):
    (tmp_path / "judge.yaml").write_text(
        f"""
data: [singing={data}/one:validation, {data}/versions]
methods: [plain, sharp]
calibrate: {data}/other
verify: [plain, sharp, third]
cluster: group
out: {tmp_path}/out
bootstrap: 50
"""
    )
    return melisma("compare", "--config", tmp_path / "judge.yaml")


@pytest.mark.slow
def test_one_short_command_prints_the_whole_judgement(outcome, tmp_path):
    assert outcome.code == 0, outcome.err
    out = tmp_path / "out"
    for row in (
        "singing ",
        "singing, verified ",
        "singing, 220-440 Hz ",
        "versions, scene ",
        "versions, mean of conditions",
    ):
        assert f"\n{row}" in outcome.out
    assert "\npitch_f1\n" in outcome.out and "difference from plain" in outcome.out
    for name in ("plain", "sharp"):
        assert f"voicing threshold of {name}: 0." in outcome.out
    assert "calibrated on other: mean pitch F1" in outcome.out
    with (out / "judgement.csv").open(newline="") as file:
        rows = {(row["data"], row["part"], row["figure"], row["method"]): row for row in csv.DictReader(file)}
    bias = [float(rows["singing", "", "cents_bias", name]["value"]) for name in ("plain", "sharp")]
    assert 10 < bias[1] - bias[0] < 25  # lags are whole samples, so that some frames leave the 50 cents
    assert float(rows["singing", "", "raw_pitch_accuracy", "plain"]["value"]) > 0.8
    assert not any(row[3] == "third" for row in rows)  # it only verifies
    assert rows["versions", "scene", "pitch_f1", "plain"]["clusters"] == "2"
    report = json.loads((out / "judgement.json").read_text())
    assert report["thresholds"]["plain"]["value"] > 0 and report["verified_by"] == ["plain", "sharp", "third"]
    assert report["sets"]["singing"]["split"] == "validation" and report["compared_with"] == "plain"
    assert report["sets"]["versions"]["audio_seconds_per_cpu_second"]["plain"] > 0
    assert report["figures"]["versions"]["mean of conditions"]["pitch_f1"]["sharp"]["difference"] is not None
    assert (out / "singing" / "summary.csv").is_file() and len(
        list((out / "calibration/other/plain").glob("*.csv"))
    ) == 2
    table = next((out / "singing" / "plain").glob("*.csv")).read_text()
    assert table.startswith("time,frequency,confidence,voiced\n")


@pytest.mark.long
@pytest.mark.slow
def test_scores_of_a_set_and_figures_of_the_judgement_are_the_same(outcome, tmp_path):
    summary = json.loads((tmp_path / "out" / "singing" / "summary.json").read_text())["methods"]
    judged = json.loads((tmp_path / "out" / "judgement.json").read_text())["figures"]["singing"]["all"]
    for name in ("raw_pitch_accuracy", "raw_pitch_accuracy_10", "overall_accuracy", "voicing_false_alarm"):
        for method in ("plain", "sharp"):
            assert summary[method][name]["mean"] == pytest.approx(judged[name][method]["value"])
            assert summary[method][name]["difference"] == pytest.approx(judged[name][method]["difference"])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ("one:validation", "--calibrate", "one:validation"),
            "a threshold must not be chosen on data that is judged on",
        ),
        (("one:validation", "one:test"), "the name 'one' is taken; name the set, as in one_2="),
        ((), "no data is named"),
        (("one:dev",), "no split 'dev'; it has"),
        (("a b=other",), "'a b' cannot name a folder"),
        (("other", "--verify", "plain"), "at least two methods"),
        (("other", "--environment", "plain="), "expected METHOD=PYTHON or PYTHON"),
    ],
)
def test_what_makes_no_sense_is_refused(data, melisma, monkeypatch, tmp_path, words, complaint):
    monkeypatch.chdir(data)
    outcome = melisma("compare", *words, "--methods", "plain", "--out", tmp_path / "out", "--bootstrap", 10)
    assert outcome.code == 1 and complaint in outcome.err


@pytest.mark.parametrize("cluster", ["track", "group"])
def test_versions_of_a_recording_without_group_are_one_cluster(melisma, monkeypatch, tmp_path, cluster):
    found = VersionedMelodies({"validation": 3}, seconds=0.6, rate=8000, lowest_note=57, highest_note=64)
    apart = [replace(each, group=each.id) for each in found.recordings()]
    monkeypatch.setattr(VersionedMelodies, "recordings", lambda self: apart)
    prepare(ShardRecipe(found, str(tmp_path / "data"), 8000, 80, segment=1.0, context=0.1), progress=False)
    words = ("--methods", "plain", "--out", tmp_path / "out", "--bootstrap", 10, "--cluster", cluster)
    outcome = melisma("compare", tmp_path / "data", *words)
    assert outcome.code == 0, outcome.err
    assert ("notes no groups" in outcome.err) == (cluster == "group")
    with (tmp_path / "out" / "judgement.csv").open(newline="") as file:
        assert {row["clusters"] for row in csv.DictReader(file)} == {"3"}


def test_a_key_that_there_is_not_is_named(melisma, tmp_path):
    (tmp_path / "judge.yaml").write_text("methods: [plain]\nclustr: group\n")
    outcome = melisma("compare", "--config", tmp_path / "judge.yaml")
    assert outcome.code == 2 and "clustr" in outcome.err and "did you mean cluster" in outcome.err


def test_the_judges_configuration_names_methods_and_sets_that_there_are():
    root = Path(__file__).parents[3] / "experiments"
    stated = yaml.safe_load((root / "trackers" / "judge.yaml").read_text())
    made = {yaml.safe_load(path.read_text())["directory"] for path in (root / "corpora").glob("*.yaml")}
    assert set(stated["data"]) - made == {"data/fda_15ms"}  # fda.yaml at another hop, as its header says
    assert {*stated["methods"], *stated["verify"]} - set(METHODS) <= {"tracker"}  # the released one
