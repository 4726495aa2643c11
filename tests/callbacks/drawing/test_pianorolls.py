from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from jsonargparse import ArgumentParser
from lightning.pytorch.loggers import WandbLogger

from callbacks import Pianorolls, run_folder
from callbacks.drawing.pianorolls import excerpt


def pictures(folder):
    return sorted(path.name for path in folder.rglob("*.png") if "wandb" not in path.parts)


def test_the_first_tracks_by_name_are_drawn(made_trainer, toy_tracker):
    trainer, module = made_trainer(pictures=Pianorolls(seconds=1.0)), toy_tracker()
    trainer.fit(module)
    trainer.validate(module)
    trainer.predict(module)
    for pass_name in ("validation", "validate", "predict"):
        folder = run_folder(trainer) / pass_name / "toy" / "pictures"
        assert sorted(path.name for path in folder.iterdir()) == ["a.png", "b.png"]
    assert matplotlib.image.imread(folder / "a.png").shape[:2] == (825, 1320)


def test_not_every_validation_is_drawn(made_trainer, toy_tracker, monkeypatch):
    drawn = []
    monkeypatch.setattr("callbacks.drawing.pianorolls._draw", lambda trainer, *_: drawn.append(trainer.global_step))
    made_trainer(pictures=Pianorolls(tracks=1, every_n_validations=2), max_epochs=4).fit(toy_tracker())
    assert drawn == [4, 12]


def test_fixed_excerpts_are_drawn_besides_the_first_tracks(made_trainer, toy_tracker, monkeypatch):
    drawn = {}

    def draw(trainer, dataset, name, part):
        drawn[name] = part.times[0], part.times[-1]

    monkeypatch.setattr("callbacks.drawing.pianorolls._draw", draw)
    pianorolls = Pianorolls(tracks=1, seconds=1.0, excerpts={"a": (1.0, 1.5), "d": (3.0, 60.0)})
    made_trainer(pictures=pianorolls).validate(toy_tracker())
    assert set(drawn) == {"a", "b", "d"}
    assert drawn["a"] == pytest.approx((1.0, 1.49))
    assert drawn["d"] == pytest.approx((3.0, 3.99))


def test_an_excerpt_of_a_track_that_is_in_no_set_is_named(made_trainer, toy_tracker):
    trainer = made_trainer(pictures=Pianorolls(tracks=0, excerpts={"a": (0, 1), "absent": (0, 1)}))
    with pytest.warns(UserWarning, match="excerpts: no set has a track named absent"):
        trainer.validate(toy_tracker())
    assert pictures(run_folder(trainer)) == ["a.png"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tracks": -1}, "tracks=-1"),
        ({"every_n_validations": 0}, "every_n_validations: 0"),
        ({"excerpts": {"a": (2.0, 1.0)}}, r"excerpts: a: from 2.0 s to 1.0 s"),
        ({"excerpts": {"a": (-1.0, 1.0)}}, r"excerpts: a: from -1.0 s"),
    ],
)
def test_arguments_that_cannot_be_are_refused_by_name(wrong, said):
    with pytest.raises(ValueError, match=said):
        Pianorolls(**wrong)


def test_excerpts_are_lists_in_yaml():
    parser = ArgumentParser()
    parser.add_class_arguments(Pianorolls, "pianorolls")
    made = parser.instantiate_classes(parser.parse_string("pianorolls: {excerpts: {a: [1, 2.5]}}")).pianorolls
    assert made.excerpts == {"a": (1.0, 2.5)}


def test_no_more_candidates_are_kept_than_drawn(made_trainer, track):
    callback = Pianorolls(tracks=2, seconds=1.0)
    for name in "dbeac":
        callback.collect(None, track(name))
        assert len(callback._candidates["toy"]) <= 2
    assert set(callback._candidates["toy"]) == {"a", "b"}
    kept = callback._candidates["toy"]["a"].salience
    assert kept.shape == (100, 49)
    assert kept.base is None  # not a view that keeps the whole track


@pytest.mark.parametrize(
    ("changes", "first", "count"),
    [
        ({}, 0.5, 100),
        # Without a truth the first frame with more than half of the greatest confidence counts.
        ({"reference": None}, 1.5, 100),
        ({"reference": np.zeros(400, dtype=np.float32)}, 1.5, 100),
        ({"reference": None, "confidence": np.zeros(400, dtype=np.float32)}, 0.0, 50),
    ],
)
def test_the_excerpt_begins_before_the_first_voiced_frame(track, changes, first, count):
    part = excerpt(track("a", **changes), seconds=1.0)
    assert part.times[0] == pytest.approx(first, abs=0.0101)
    assert len(part.times) == len(part.pitch) == len(part.salience) == pytest.approx(count, abs=1)


def test_a_short_track_is_drawn_whole(track):
    assert len(excerpt(track("a"), seconds=100.0).times) == 350


def test_wandb_gets_every_picture(made_trainer, toy_tracker, tmp_path, monkeypatch):
    for place in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"WANDB_{place}_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    logger = WandbLogger(project="toy", save_dir=tmp_path / "runs", offline=True)
    trainer = made_trainer(logger=logger, max_epochs=2, pictures=Pianorolls(seconds=1.0))
    trainer.fit(toy_tracker())
    folder = run_folder(trainer)
    assert folder == tmp_path / "runs" / "toy" / logger.experiment.id
    media = Path(logger.experiment.dir) / "media" / "images" / "val" / "toy"
    logger.experiment.finish()
    assert len(list(media.glob("a_*.png"))) == len(list(media.glob("b_*.png"))) == 2
    assert pictures(folder) == ["a.png", "b.png"]
    assert media.is_relative_to(tmp_path / "runs" / "wandb")
