import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from lightning.pytorch.loggers import WandbLogger

from callbacks import ErrorPictures, Pianorolls, run_folder
from callbacks.pictures import count_confusions, count_correct, count_errors

PICTURES = ["confusion", "error_histogram", "note_accuracy"]


@pytest.fixture
def drawn(monkeypatch):
    """Counts that were drawn, by step and set."""
    counts = {}
    monkeypatch.setattr(
        ErrorPictures, "_draw", lambda self, trainer, dataset, of_set: counts.update({trainer.global_step: of_set})
    )
    return counts


def test_every_set_has_its_pictures(made_trainer, toy_tracker):
    trainer = made_trainer(ErrorPictures(further_formats=["svg"]))
    trainer.validate(toy_tracker())
    folder = run_folder(trainer) / "validate" / "toy" / "errors"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{picture}.{suffix}" for picture in PICTURES for suffix in ("png", "svg")
    )
    assert matplotlib.image.imread(folder / "confusion.png").shape[:2] == (825, 946)
    assert (folder / "note_accuracy.svg").read_text().startswith("<?xml")


def test_all_frames_of_all_tracks_are_counted(made_trainer, toy_tracker, track, drawn):
    made_trainer(ErrorPictures()).validate(toy_tracker())
    (counts,) = drawn.values()
    one = track("a")
    assert (counts.confusions == 4 * count_confusions(one["reference"], one["pitch"])).all()
    assert (counts.errors == 4 * count_errors(one["reference"], one["pitch"])).all()
    assert (counts.notes == 4 * count_correct(one["reference"], one["pitch"])).all()
    assert counts.errors.sum() == 4 * 300


def test_not_every_validation_is_drawn(made_trainer, toy_tracker, drawn):
    made_trainer(ErrorPictures(every_n_validations=2), max_epochs=4).fit(toy_tracker())
    assert list(drawn) == [4, 12]
    assert drawn[4].errors.sum() == drawn[12].errors.sum() == 4 * 300


def test_sets_are_kept_apart_and_those_without_a_reference_left_out(track):
    callback = ErrorPictures()
    callback.collect(None, track("a"))
    callback.collect(None, track("b", dataset="high", reference=np.full(400, 440.0, dtype=np.float32)))
    callback.collect(None, track("c", dataset="unknown", reference=None))
    assert {name: int(counts.notes[1].sum()) for name, counts in callback._counts.items()} == {"toy": 300, "high": 400}


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
    assert sorted(path.stem for path in folder.iterdir()) == PICTURES


def test_what_is_kept_does_not_grow_with_the_tracks(track):
    callback = ErrorPictures()
    for index in range(20):
        callback.collect(None, track(str(index)))
    (counts,) = callback._counts.values()
    assert sum(array.nbytes for array in counts) < 140_000


def test_arguments_that_cannot_be_are_refused_by_name():
    with pytest.raises(ValueError, match="every_n_validations: 0"):
        ErrorPictures(every_n_validations=0)
    with pytest.raises(ValueError, match="further_formats: bmp; there are svg, pdf"):
        ErrorPictures(further_formats=["bmp"])


def test_wandb_gets_images_and_tables(made_trainer, toy_tracker, tmp_path, monkeypatch):
    for place in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"WANDB_{place}_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    logger = WandbLogger(project="toy", save_dir=tmp_path / "runs", offline=True)
    made_trainer(ErrorPictures(), logger=logger).fit(toy_tracker())
    media = Path(logger.experiment.dir) / "media"
    logger.experiment.finish()
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


def seeded_pitch(index):
    return np.random.default_rng(index).uniform(100, 500, 400).astype(np.float32)


SCRIPT = """
import importlib.util, pathlib, sys
from callbacks import ErrorPictures, Pianorolls

def module(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded

toy, test = module("toy", sys.argv[1]), module("test", sys.argv[2])
options = dict(devices=2, strategy="ddp", use_distributed_sampler=False, pictures=test.pianorolls())
tracker = test.different(toy.ToyTracker, toy.made_up_track)
toy.trainer(pathlib.Path("root"), ErrorPictures(), **options).validate(tracker)
"""


def pianorolls():
    return Pianorolls(tracks=1, seconds=1.0, excerpts={"c": (1.0, 1.5)})


def different(tracker, track):
    """A tracker whose every track has another pitch."""

    class Different(tracker):
        def validation_step(self, batch, index):
            return {"tracks": [track("dbac"[int(batch[0])], pitch=seeded_pitch(int(batch[0])))]}

    return Different()


def images(root):
    (run,) = (root / "runs").iterdir()
    return {str(path.relative_to(run)): matplotlib.image.imread(path) for path in sorted(run.rglob("*.png"))}


def test_one_and_two_processes_draw_the_same(made_trainer, toy_tracker, track, tmp_path):
    made_trainer(ErrorPictures(), pictures=pianorolls()).validate(different(toy_tracker, track))
    two = tmp_path / "two"
    two.mkdir()
    (two / "script.py").write_text(SCRIPT)
    result = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "script.py"),
            *(str(Path(__file__).parents[1] / "conftest.py"), __file__),
        ],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"},
        cwd=two,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    of_one, of_two = images(tmp_path / "root"), images(two / "root")
    errors = [f"validate/toy/errors/{picture}.png" for picture in PICTURES]
    assert list(of_one) == list(of_two) == [*errors, "validate/toy/pictures/a.png", "validate/toy/pictures/c.png"]
    for name, picture in of_one.items():
        assert (of_two[name] == picture).all(), name
