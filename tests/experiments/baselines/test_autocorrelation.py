"""Autocorrelation and spectrum: one picture of both, and one record of their validations."""

import json

import numpy as np
import pytest
import yaml

from architectures import Autocorrelation, SpectralPeak
from callbacks.predictions.tables import write_table
from datamodules.errors import DataError
from experiments.baselines import autocorrelation
from experiments.catalogue.figures import FigurePlace
from experiments.catalogue.records import read_record
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


@pytest.mark.slow
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
        kept = {
            "command": ["melisma", "--config", f"{name}.yaml"],
            "commit": commit,
            "seed": 0,
            "data_sets": {},
            "packages": {},
        }
        kept |= {"hours": 0.1, "hardware": "a machine"}
        (folder.parent / "record.json").write_text(json.dumps(kept))
        return f"{name}={tmp_path / name}"

    return make


def recorded(tmp_path, *runs):
    autocorrelation.main(["--record", str(tmp_path / "record.json"), "--runs", *runs])
    return json.loads((tmp_path / "record.json").read_text())


def place(metric, method="acf", part="all"):
    return FigurePlace("validate", "fda", part, metric, method)


def test_the_record_has_means_intervals_speakers_and_paired_differences(run, tmp_path):
    values = np.random.default_rng(0).random((2, 20)).round(4)
    names = [f"{'rl' if number < 12 else 'sb'}{number:03d}" for number in range(20)]
    tables = [dict(zip(names, row.tolist(), strict=True)) for row in values]
    stated = recorded(tmp_path, run("acf", tables[0]), run("fft", tables[1]))
    found = read_record(tmp_path / "record.json", "records/record.json")
    first = found.figures[place(COLUMNS[0])]
    assert first.value == pytest.approx(values[0].mean(), abs=1e-6)
    assert first.interval == pytest.approx(Bootstrap().interval(values[0][:, None])[:, 0].tolist(), abs=1e-6)
    assert first.difference is None
    difference = found.figures[place(COLUMNS[0], "fft")].difference
    paired = (values[1] - values[0])[:, None]
    assert difference == pytest.approx((paired.mean(), *Bootstrap().interval(paired)[:, 0]), abs=1e-6)
    assert found.figures[place(COLUMNS[1], "fft")].difference == (0.0, 0.0, 0.0)
    for speaker, tracks in (("rl", slice(12)), ("sb", slice(12, None))):
        of_speaker = found.figures[place(COLUMNS[0], part=f"speaker {speaker}")]
        assert of_speaker.value == pytest.approx(values[0][tracks].mean(), abs=1e-6)
    assert (found.kind, found.commit, found.recipe, found.headline) == (
        "comparison",
        "c0ffee",
        "acf.yaml",
        place(COLUMNS[0]),
    )
    evaluation = stated["evaluations"]["validate"]
    assert evaluation["commands"] == ["melisma --config acf.yaml", "melisma --config fft.yaml"]
    assert evaluation["tracks"] == {"fda": 20} and evaluation["bootstrap"]["resamples"] == 10000


def test_a_single_track_has_no_interval_and_no_speaker_is_made_up(run, tmp_path):
    recorded(tmp_path, run("acf", {"vocadito_1": 0.25}), run("fft", {"vocadito_1": 0.5}))
    figures = read_record(tmp_path / "record.json", "").figures
    assert {each.part for each in figures} == {"all"}
    assert figures[place(COLUMNS[0], "fft")] == (0.5, None, None)


def test_what_is_missing_is_named(run, tmp_path):
    with pytest.raises(DataError, match="give --runs NAME=RUN"):
        autocorrelation.record({}, "")
    with pytest.raises(DataError, match="fft and acf were scored on different tracks"):
        recorded(tmp_path, run("acf", {"a": 0.1}), run("fft", {"b": 0.1}))
    with pytest.raises(DataError, match="two differs from one in commit; validate them again"):
        recorded(tmp_path, run("one", {"a": 0.1}), run("two", {"a": 0.1}, commit="decaf"))
    assert not (tmp_path / "record.json").exists()
