"""Autocorrelation and spectrum: one picture of both, and one record of their validations."""

import json

import numpy as np
import pytest
import yaml

from architectures import Autocorrelation, SpectralPeak
from callbacks.predictions.tables import write_table
from datamodules.errors import DataError
from experiments.baselines import autocorrelation
from experiments.evaluation.statistics import Bootstrap
from tests.experiments.catalogue import recipes

COLUMNS = autocorrelation.COLUMNS


def test_the_rules_are_those_of_the_recipes():
    networks = {
        path.stem: yaml.safe_load(path.read_text())["model"]["init_args"]
        for path in recipes("melody")
        if path.stem in ("acf", "fft")
    }
    grid = autocorrelation.GRID
    built = list(autocorrelation.rules().values())
    for name, rule in (("acf", built[0]), ("fft", built[1])):
        stated = networks[name]["network"]
        kind = {"acf": Autocorrelation, "fft": SpectralPeak}[name]
        assert stated["class_path"] == f"architectures.{kind.__name__}"
        expected = kind(grid.bins, lowest_note=24, bins_per_semitone=5, **stated["init_args"])
        assert type(rule) is kind and rule.window == expected.window
        assert all(
            bool((ours == theirs).all()) for ours, theirs in zip(rule.buffers(), expected.buffers(), strict=True)
        )
        assert networks[name]["voicing_threshold"] == autocorrelation.THRESHOLD
        assert networks[name]["grid"] == {"lowest_note": 24, "semitones": 72, "bins_per_semitone": 5}


def scores(axes):
    words = axes.get_title(loc="right").split()
    return dict(zip(words[::2], map(float, words[1::2]), strict=True))


def test_the_spectrum_has_the_same_pitch_an_octave_off_and_the_sum_of_harmonics_has_it_right(tmp_path):
    peak, spectrum, harmonics = map(scores, autocorrelation.picture().axes)
    assert peak["RPA"] > 0.9 and harmonics["RPA"] > 0.9
    assert spectrum["RPA"] < 0.1 and spectrum["RCA"] > 0.9
    autocorrelation.main(["--picture", str(tmp_path / "a.png")])
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "a.png").stat().st_size < 80_000


@pytest.fixture
def run(tmp_path):
    """A folder of a validation: the first figure of each track, and 0.5 for the others."""

    def make(name, tracks, commit="c0ffee"):
        folder = tmp_path / name / "validate" / "fda"
        folder.mkdir(parents=True)
        rows = [(track, value, *(0.5 for _ in COLUMNS[1:])) for track, value in tracks.items()]
        write_table(folder / "scores.tsv", ["id", *COLUMNS], rows)
        kept = {"command": ["melisma", name], "commit": commit, "seed": 0, "data_sets": {}, "packages": {}}
        kept |= {"hours": 0.1, "hardware": "a machine"}
        (folder.parent / "record.json").write_text(json.dumps(kept))
        return f"{name}={tmp_path / name}"

    return make


def recorded(tmp_path, *runs):
    autocorrelation.main(["--record", str(tmp_path / "record.json"), "--runs", *runs])
    return json.loads((tmp_path / "record.json").read_text())


def test_the_record_has_means_intervals_speakers_and_paired_differences(run, tmp_path):
    values = np.random.default_rng(0).random((2, 20)).round(4)
    names = [f"{'rl' if place < 12 else 'sb'}{place:03d}" for place in range(20)]
    tables = [dict(zip(names, row.tolist(), strict=True)) for row in values]
    found = recorded(tmp_path, run("acf", tables[0]), run("fft", tables[1]))
    of_acf, difference = found["metrics"]["acf"]["fda"], found["differences"]["fft - acf"]["fda"]
    low, high = Bootstrap().interval(values[0][:, None])[:, 0]
    assert of_acf["tracks"] == 20 and found["bootstrap"] == {"resamples": 10000, "level": 0.95, "seed": 0}
    assert of_acf[COLUMNS[0]] == pytest.approx({"mean": values[0].mean(), "low": low, "high": high}, abs=1e-6)
    assert difference[COLUMNS[0]]["mean"] == pytest.approx((values[1] - values[0]).mean(), abs=1e-6)
    assert difference[COLUMNS[1]] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    speakers = {name: of_speaker[COLUMNS[0]] for name, of_speaker in of_acf["speakers"].items()}
    assert speakers == pytest.approx({"rl": values[0][:12].mean(), "sb": values[0][12:].mean()}, abs=1e-6)
    assert (found["commands"], found["commit"]) == (["melisma acf", "melisma fft"], "c0ffee")


def test_a_single_track_has_no_interval_and_no_speaker_is_made_up(run, tmp_path):
    of_set = recorded(tmp_path, run("acf", {"vocadito_1": 0.25}))["metrics"]["acf"]["fda"]
    assert of_set[COLUMNS[0]] == {"mean": 0.25} and "speakers" not in of_set


def test_what_is_missing_is_named(run, tmp_path):
    with pytest.raises(DataError, match="give --runs NAME=RUN"):
        autocorrelation.record({}, "")
    with pytest.raises(DataError, match="scored on different tracks"):
        recorded(tmp_path, run("acf", {"a": 0.1}), run("fft", {"b": 0.1}))
    with pytest.raises(DataError, match="they differ in commit; validate them again"):
        recorded(tmp_path, run("one", {"a": 0.1}), run("two", {"a": 0.1}, commit="decaf"))
    assert not (tmp_path / "record.json").exists()
