import json
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from callbacks import ErrorPictures, run_folder
from callbacks.pictures import count_confusions, count_correct, count_errors

PICTURES = ["confusion", "error_histogram", "note_accuracy"]


def test_every_set_has_its_pictures(made_trainer, toy_tracker):
    trainer = made_trainer(ErrorPictures(further_formats=["svg"]))
    trainer.validate(toy_tracker())
    folder = run_folder(trainer) / "validate" / "toy" / "errors"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{picture}.{suffix}" for picture in PICTURES for suffix in ("png", "svg", "tsv")
    )
    assert matplotlib.image.imread(folder / "confusion.png").shape[:2] == (825, 946)
    assert (folder / "note_accuracy.svg").read_text().startswith("<?xml")


def test_all_frames_of_all_tracks_are_counted(quiet, toy_tracker, track, monkeypatch):
    drawn = []
    monkeypatch.setattr(ErrorPictures, "draw", lambda self, trainer, dataset, counts: iter(drawn.append(counts) or ()))
    quiet(ErrorPictures()).validate(toy_tracker())
    (counts,) = drawn
    one = track("a")
    assert (counts.confusions == 4 * count_confusions(one["reference"], one["pitch"])).all()
    assert (counts.errors == 4 * count_errors(one["reference"], one["pitch"])).all()
    assert (counts.notes == 4 * count_correct(one["reference"], one["pitch"])).all()
    assert counts.errors.sum() == 4 * 300


def test_sets_are_kept_apart_and_those_without_a_reference_left_out(track):
    callback = ErrorPictures()
    callback.collect(None, track("a"))
    callback.collect(None, track("b", dataset="high", reference=np.full(400, 440.0, dtype=np.float32)))
    callback.collect(None, track("c", dataset="unknown", reference=None))
    assert {name: int(counts.notes[1].sum()) for name, counts in callback.kept.items()} == {"toy": 300, "high": 400}


def test_predicting_without_references_draws_nothing(made_trainer, toy_tracker):
    trainer = made_trainer(ErrorPictures())
    trainer.predict(toy_tracker())
    assert not (run_folder(trainer) / "predict" / "toy" / "errors").exists()


def test_a_set_without_a_voiced_frame_has_empty_pictures(made_trainer, toy_tracker, track):
    class Silent(toy_tracker):
        def validation_step(self, batch, index):
            return {"tracks": [track("a", reference=np.zeros(400, dtype=np.float32))]}

    trainer = made_trainer(ErrorPictures())
    trainer.validate(Silent())
    folder = run_folder(trainer) / "validate" / "toy" / "errors"
    assert sorted(path.stem for path in folder.glob("*.png")) == PICTURES
    assert [len(path.read_text().splitlines()) for path in sorted(folder.glob("*.tsv"))] == [1, 1, 1]


def test_what_is_kept_does_not_grow_with_the_tracks(track):
    callback = ErrorPictures()
    for index in range(20):
        callback.collect(None, track(str(index)))
    (counts,) = callback.kept.values()
    assert sum(array.nbytes for array in vars(counts).values()) < 140_000


def test_arguments_out_of_range_are_refused_by_name():
    with pytest.raises(ValueError, match="further_formats: bmp; there are svg, pdf"):
        ErrorPictures(further_formats=["bmp"])


def test_wandb_gets_images_and_tables(quiet, toy_tracker, wandb_logger):
    quiet(ErrorPictures(), logger=wandb_logger).fit(toy_tracker())
    media = Path(wandb_logger.experiment.dir) / "media"
    folder = Path("val", "toy", "errors")
    assert sorted(path.name.rsplit("_", 2)[0] for path in (media / "images" / folder).iterdir()) == PICTURES
    tables = {
        path.name.split("_table_")[0]: json.loads(path.read_text()) for path in (media / "table" / folder).iterdir()
    }
    assert tables["confusion"] == {"columns": ["reference", "estimate", "frames"], "data": [["A3", "A3", 1200]]}
    assert tables["error_histogram"] == {"columns": ["semitones", "frames"], "data": [[0, 1200]]}
    assert tables["note_accuracy"] == {
        "columns": ["midi", "note", "correct frames", "frames"],
        "data": [[57, "A3", 1200, 1200]],
    }
