import json
import re
import shutil

import numpy as np
import pytest
import yaml

from callbacks.predictions.set_frames import SetFrames
from datamodules.errors import DataError
from experiments.commands import report
from experiments.reporting.encoding import NOTE_STEPS
from tests.experiments.reporting.conftest import HOP, HOSTILE, TRACKS, truth_of
from tests.experiments.reporting.page_data import read_page


def notes_of(text):
    import base64

    return np.frombuffer(base64.b64decode(text), "<i2") / NOTE_STEPS


@pytest.fixture(scope="module")
def page(evaluated, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "report.html"
    words = ["--recordings", str(evaluated.recordings), "--audio", "--bootstrap=100", "--out", str(out)]
    report.main([str(evaluated.report), *words])
    return out


class TestEvaluation:
    def test_every_track_is_there_and_short_ones_are_whole(self, page):
        found = read_page(page)
        [section] = found["data"]["sections"]
        assert section["methods"] == ["sharp", "jumpy"] and section["items"] == sorted(TRACKS)
        for place, name in enumerate(section["items"]):
            block = found[f"block-0-{place}"]
            assert block["name"] == name and block["seconds"] == pytest.approx(TRACKS[name])
            frames = sum(each["frames"] for each in block["excerpts"])
            assert frames == round(TRACKS[name] / HOP)
            assert all(each["sound"] and each["behind"]["pictures"] for each in block["excerpts"])

    def test_contours_are_those_of_the_tables(self, page):
        found = read_page(page)
        place = found["data"]["sections"][0]["items"].index("glide")
        [excerpt] = found[f"block-0-{place}"]["excerpts"]
        _, f0 = truth_of(TRACKS["glide"])
        truth = np.where(f0 > 0, 69 + 12 * np.log2(np.maximum(f0, 1) / 440), 0)
        assert np.abs(notes_of(excerpt["reference"]) - truth).max() < 0.003
        sharp = notes_of(excerpt["methods"]["sharp"]["pitch"])
        assert np.abs((sharp - truth)[f0 > 0] - 0.105).max() < 0.006
        assert (sharp[f0 == 0] < 0).all()

    def test_figures_are_those_of_the_evaluation(self, page, evaluated):
        means = {each["name"]: each["cells"] for each in read_page(page)["data"]["sections"][0]["means"]}
        summary = json.loads((evaluated.report / "summary.json").read_text())["methods"]
        for place, method in enumerate(("sharp", "jumpy")):
            for metric, of in summary[method].items():
                assert means[metric][place]["value"] == pytest.approx(of["mean"], rel=1e-5)

    def test_it_asks_for_nothing_and_holds_no_place_of_the_machine(self, page, evaluated):
        text = page.read_text(encoding="utf-8")
        assert "default-src 'none'" in text
        assert str(evaluated.report.parent) not in text and str(page.parent) not in text
        ours = re.sub(r"<script>/\*\*\n\* plotly.js.*?</script>", "", text, flags=re.DOTALL)
        assert len(ours) < len(text) - 3e6
        assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", ours)

    def test_a_name_is_no_element(self, page):
        text = page.read_text(encoding="utf-8")
        assert HOSTILE in read_page(page)["data"]["sections"][0]["items"]
        assert "<script>alert" not in text

    def test_without_audio_there_is_none(self, evaluated, tmp_path):
        report.main([str(evaluated.report), "--out", str(tmp_path / "r.html"), "--bootstrap=100"])
        found = read_page(tmp_path / "r.html")
        assert all(each["sound"] is None for each in found["block-0-0"]["excerpts"])
        assert "--recordings" in found["data"]["sections"][0]["remark"]

    def test_what_has_no_room_is_left_out(self, evaluated, tmp_path, monkeypatch):
        monkeypatch.setattr("experiments.reporting.report._SHELL", 7.0e6 - 60_000)
        words = ["--recordings", str(evaluated.recordings), "--megabytes=7", "--bootstrap=100"]
        report.main([str(evaluated.report), *words, "--out", str(tmp_path / "r.html")])
        found = read_page(tmp_path / "r.html")
        seconds = [sum(each["frames"] for each in found[f"block-0-{k}"]["excerpts"]) * HOP for k in range(3)]
        assert 0 < sum(seconds) < sum(TRACKS.values())


class TestRefusals:
    def test_a_folder_of_nothing(self, tmp_path):
        with pytest.raises(DataError, match=r"neither a run \(config.yaml\) nor what compare or evaluate wrote"):
            report.main([str(tmp_path)])

    def test_audio_that_is_not_there(self, evaluated, tmp_path):
        with pytest.raises(DataError, match=r"--audio: .*--recordings FOLDER"):
            report.main([str(evaluated.report), "--audio", "--out", str(tmp_path / "r.html")])
        assert not (tmp_path / "r.html").exists()

    def test_a_summary_of_another_version(self, evaluated, tmp_path):
        shutil.copytree(evaluated.report, tmp_path / "old")
        (tmp_path / "old" / "summary.json").write_text('{"methods": {"a": {}}}')
        with pytest.raises(DataError, match=r"summary.json: not as this version writes it .*compare again"):
            report.main([str(tmp_path / "old")])

    def test_a_damaged_summary_names_its_file(self, evaluated, tmp_path):
        shutil.copytree(evaluated.report, tmp_path / "old")
        (tmp_path / "old" / "summary.json").write_text("{")
        with pytest.raises(DataError, match=r"summary.json, line 1: not valid JSON"):
            report.main([str(tmp_path / "old")])

    def test_too_small_a_page(self, evaluated):
        with pytest.raises(DataError, match="--megabytes 3"):
            report.main([str(evaluated.report), "--megabytes=3"])

    def test_a_recording_that_is_none(self, evaluated, tmp_path):
        shutil.copytree(evaluated.recordings, tmp_path / "recordings")
        (tmp_path / "recordings" / "glide.wav").write_bytes(b"RIFF")
        with pytest.raises(DataError, match=r"glide.wav: not readable as audio"):
            report.main([str(evaluated.report), "--recordings", str(tmp_path / "recordings"), "--bootstrap=100"])


def write_run(folder, finished=True):
    """A run folder as fit and validate leave it: two tracks, one of them without annotation."""
    (folder / "validate" / "toy").mkdir(parents=True)
    (folder / "checkpoints").mkdir()
    config = {"seed_everything": 3, "data": {"init_args": {"validation": {"toy": "/home/jo/data/toy"}}}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    times, f0 = truth_of(12.0)
    frames = len(times)
    salience = np.zeros((1000, 60), np.uint8)
    salience[:, 30] = 255
    SetFrames(
        tracks=np.array(["sung", "unknown"]),
        starts=np.array([0, frames, 2 * frames]),
        times=np.tile(times, 2),
        reference=np.append(f0, np.full(frames, np.nan)).astype(np.float32),
        pitch=np.tile(np.where(f0 > 0, f0, 100), 2).astype(np.float32),
        confidence=np.tile(np.where(f0 > 0, 0.8, 0.2), 2).astype(np.float32),
        threshold=np.float64(0.5),
        notes=np.arange(40, 100, dtype=np.float32),
        salience=salience,
        excerpt_track=np.array([0]),
        excerpt_first=np.array([100]),
        excerpt_rows=np.array([0, 1000]),
    ).save(folder / "validate" / "toy" / "frames.npz")
    (folder / "validate" / "toy" / "scores.tsv").write_text("id\traw_pitch_accuracy\tvoicing_recall\nsung\t1\t\n")
    lines = [
        {"event": "fit", "step": 0, "epoch": 0, "max_steps": 40, "max_epochs": None, "batches": 10},
        {"step": 10, "epoch": 0, "seconds": 2.5, "metrics": {"train/loss": 0.5, "lr": 0.1}},
        {
            "step": 10,
            "epoch": 0,
            "seconds": 2.5,
            "metrics": {"throughput/waiting_for_data": 0.1, "throughput/memory_gib": 1},
        },
        {"step": 20, "epoch": 1, "seconds": 60.0, "metrics": {"val/toy/raw_pitch_accuracy": 0.5, "val/toy/loss": None}},
        *([{"event": "end", "step": 20, "epoch": 1, "seconds": 61.0}] if finished else []),
    ]
    (folder / "curves.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    if finished:
        record = {
            "command": ["/home/jo/bin/melisma", "fit", "--config", "/home/jo/mine.yaml"],
            "seed": 3,
            "data_sets": {"/home/jo/data/toy": "abc"},
            "validations": [],
            "best": {"metric": "val/toy/raw_pitch_accuracy", "value": 0.5, "step": 20, "epoch": 1},
            "finished": True,
            "throughput": {"windows_per_second": 1234.0, "waiting_for_data": 0.125, "memory_gib": 0.5},
        }
        (folder / "record.json").write_text(json.dumps(record))


class TestRun:
    def test_a_finished_run(self, tmp_path):
        write_run(tmp_path / "run")
        report.main([str(tmp_path / "run"), "--bootstrap=100"])
        found = read_page(tmp_path / "run" / "report.html")
        [section] = found["data"]["sections"]
        assert (section["name"], section["items"]) == ("toy, validate", ["sung"])  # the other has no truth
        assert section["outcomes"]["frames"]["estimate"][2:] == [0] * 7
        kinds = [picture["kind"] for picture in found["block-0-0"]["excerpts"][0]["behind"]["pictures"]]
        assert kinds == ["salience"]
        run = found["data"]["run"]
        assert run["state"] == "finished"
        facts = dict(run["facts"])
        assert facts["step"] == "20 of 40" and facts["best"].startswith("val/toy/raw_pitch_accuracy 0.5000")
        curves = {curve["name"]: curve for curve in run["curves"]}
        assert [line["name"] for line in curves["loss"]["lines"]] == ["train/loss", "val/toy/loss"]
        assert curves["loss"]["lines"][1]["value"] == [None]
        assert curves["raw pitch accuracy"]["best"] == 20
        assert list(curves)[-1] == "waiting for data" and "memory gib" not in curves
        assert facts["throughput"] == "1234 windows a second, 12.5% of the time waiting for data, 0.50 GiB"

    def test_it_names_no_home(self, tmp_path):
        write_run(tmp_path / "run")
        report.main([str(tmp_path / "run"), "--bootstrap=100"])
        text = (tmp_path / "run" / "report.html").read_text()
        assert "/home/jo" not in text and "toy: .../toy" in text
        assert ".../melisma fit --config .../mine.yaml" in text

    def test_a_run_in_training(self, tmp_path):
        write_run(tmp_path / "run", finished=False)
        report.main([str(tmp_path / "run"), "--bootstrap=100"])
        run = read_page(tmp_path / "run" / "report.html")["data"]["run"]
        assert run["state"] == "in training, or killed"
        assert dict(run["facts"])["training time"] == "1.0 min, about 1.0 min left at this pace"

    def test_scores_alone_are_shown_as_a_table(self, tmp_path):
        write_run(tmp_path / "run")
        (tmp_path / "run" / "validate" / "toy" / "frames.npz").unlink()
        report.main([str(tmp_path / "run"), "--bootstrap=100"])
        [section] = read_page(tmp_path / "run" / "report.html")["data"]["sections"]
        assert (section["kind"], section["scores"]["rows"]) == ("items", [["sung", 1.0, None]])
        assert [figure["cells"][0]["value"] for figure in section["figures"]] == [1.0, None]

    def test_a_run_before_its_first_validation(self, tmp_path):
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "config.yaml").write_text("seed_everything: 1\n")
        report.main([str(tmp_path / "run")])
        data = read_page(tmp_path / "run" / "report.html")["data"]
        assert data["sections"] == [] and "seed_everything: 1" in data["run"]["configuration"]

    def test_audio_of_data_that_is_not_here(self, tmp_path):
        write_run(tmp_path / "run")
        with pytest.raises(DataError, match="--audio: toy, validate: no audio: /home/jo/data/toy is not here"):
            report.main([str(tmp_path / "run"), "--audio"])

    def test_a_damaged_configuration(self, tmp_path):
        write_run(tmp_path / "run")
        (tmp_path / "run" / "config.yaml").write_text("a: [")
        with pytest.raises(DataError, match=r"config\.yaml, line 1: not valid YAML"):
            report.main([str(tmp_path / "run")])
