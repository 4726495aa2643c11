import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callbacks import ClipPictures, run_folder
from callbacks.drawing.clips import ClipResults


def results(clips, wrong=8):
    found = ClipResults(("no", "yes", "go"), wrong)
    for clip in clips:
        found.add(clip, clip["label"])
    return found


def ids(found):
    return [clip["id"] for clip in found.wrong]


def test_rows_are_the_truth_and_columns_the_estimate(clip):
    assert results(map(clip, "dbac")).counts.tolist() == [[0, 2, 0], [0, 1, 0], [1, 0, 0]]


def test_the_most_confidently_wrong_clips_are_kept_by_id_where_they_are_equally_confident(clip):
    for order in ("dbac", "cabd", "bdca"):
        assert ids(results(map(clip, order))) == ["a", "b", "d"]
        assert ids(results(map(clip, order), wrong=2)) == ["a", "b"]
    assert ids(results(map(clip, "dbac"), wrong=0)) == []


def test_the_results_of_processes_are_joined(clip):
    joined, other = results(map(clip, "dc"), wrong=2), results(map(clip, "ba"), wrong=2)
    joined.join(other)
    assert ids(joined) == ["a", "b"]
    assert joined.counts.sum() == 4


def test_a_clip_that_is_kept_does_not_keep_its_batch(clip):
    batch = np.zeros((100, 4000), dtype=np.int16)
    (kept,) = results([clip("a", audio=batch[3])]).wrong
    assert kept["audio"].base is None


FILES = [
    "confusion.png",
    "confusion.tsv",
    "wrong.tsv",
    *(f"wrong_{n}.{kind}" for n in (1, 2) for kind in ("png", "wav")),
]


def pictures(trainer, function="validate"):
    return sorted(path.name for path in (run_folder(trainer) / function / "toy" / "pictures").iterdir())


def test_confusions_and_wrong_clips_are_drawn(quiet, toy_classifier):
    trainer = quiet(ClipPictures(wrong=2))
    trainer.validate(toy_classifier())
    assert pictures(trainer) == FILES


def test_tables_and_sounds_are_files_too(quiet, toy_classifier, clip):
    trainer = quiet(ClipPictures(wrong=2, top=2))
    trainer.validate(toy_classifier())
    folder = run_folder(trainer) / "validate" / "toy"
    tables = {name: (folder / "pictures" / f"{name}.tsv").read_text().splitlines() for name in ("confusion", "wrong")}
    assert tables["confusion"] == ["truth\testimate\tclips", "no\tyes\t2", "yes\tyes\t1", "go\tno\t1"]
    header, *rows = (line.split("\t") for line in tables["wrong"])
    assert header == ["id", "audio", "picture", "truth", "class", "probability", "class_2", "probability_2"]
    assert [row[:5] for row in rows] == [
        ["a", "pictures/wrong_1.wav", "pictures/wrong_1.png", "go", "no"],
        ["b", "pictures/wrong_2.wav", "pictures/wrong_2.png", "no", "yes"],
    ]
    for row in rows:
        samples, rate = soundfile.read(folder / row[1], dtype="int16")
        assert rate == 8000 and samples.tolist() == clip(row[0])["audio"].tolist()
        assert (folder / row[2]).is_file()


def test_pictures_of_more_mistakes_do_not_stay(quiet, toy_classifier, clip):
    class Better(toy_classifier):
        def validation_step(self, batch, index):
            outputs = super().validation_step(batch, index)
            return outputs if self.current_epoch == 0 or index == 0 else {"utterances": [clip("c")]}

    trainer = quiet(ClipPictures(), max_epochs=2)
    trainer.fit(Better())
    assert pictures(trainer, "validation") == [name for name in FILES if "_2" not in name]
    table = run_folder(trainer) / "validation" / "toy" / "pictures" / "wrong.tsv"
    assert len(table.read_text().splitlines()) == 2


def test_clips_of_unknown_classes_are_not_drawn(quiet, toy_classifier, tmp_path):
    quiet(ClipPictures()).predict(toy_classifier())
    assert not list(tmp_path.rglob("*.png"))


def test_wandb_gets_pictures_tables_and_audio(quiet, toy_classifier, wandb_logger, clip, tmp_path):
    quiet(ClipPictures(wrong=2, top=2), logger=wandb_logger).fit(toy_classifier())
    media = Path(wandb_logger.experiment.dir) / "media"
    images = sorted(path.name.split("_")[0] for path in (media / "images" / "val" / "toy").glob("*.png"))
    assert images == ["confusion", "wrong", "wrong"]
    tables = {
        path.name.split("_table_")[0]: json.loads(path.read_text())
        for path in (media / "table" / "val" / "toy").glob("*.json")
    }
    assert tables["confusion"] == {
        "columns": ["truth", "estimate", "clips"],
        "data": [["no", "yes", 2], ["yes", "yes", 1], ["go", "no", 1]],
    }
    assert tables["wrong"] == {
        "columns": ["id", "audio", "picture", "truth", "class", "probability", "class_2", "probability_2"],
        "data": [
            ["a", "Audio", "Image", "go", "no", pytest.approx(0.8), "yes", pytest.approx(0.2)],
            ["b", "Audio", "Image", "no", "yes", pytest.approx(0.8), "no", pytest.approx(0.1)],
        ],
    }
    # What a table holds besides text is uploaded from here.
    staged = [path for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()]
    recordings = [soundfile.read(path, dtype="int16") for path in staged if path.read_bytes()[:4] == b"RIFF"]
    assert {rate for _, rate in recordings} == {8000}
    assert {samples.tobytes() for samples, _ in recordings} == {clip(name)["audio"].tobytes() for name in "ab"}


def test_arguments_out_of_range_are_refused_by_name():
    for arguments in ({"wrong": -1}, {"top": 0}):
        (name,) = arguments
        with pytest.raises(ValueError, match=f"{name}={arguments[name]}"):
            ClipPictures(**arguments)
