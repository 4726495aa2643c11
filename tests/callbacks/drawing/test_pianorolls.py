import io
import json
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import soundfile
from jsonargparse import ArgumentParser
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from callbacks import MultiPitchPianorolls, Pianorolls, run_folder
from callbacks.drawing.pianorolls import first_notes
from callbacks.drawing.sonified import sonified


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


def test_fixed_excerpts_are_drawn_besides_the_first_tracks(made_trainer, toy_tracker, monkeypatch):
    drawn = {}

    def draw(*, times, title, **_):
        drawn[title.removeprefix("toy: ")] = times[0], times[-1]
        return Figure()

    monkeypatch.setattr("callbacks.drawing.pianorolls.pianoroll_with_salience", draw)
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
        ({"excerpts": {"a": (2.0, 1.0)}}, r"excerpts: a: from 2.0 s to 1.0 s"),
        ({"excerpts": {"a": (-1.0, 1.0)}}, r"excerpts: a: from -1.0 s"),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(wrong, said):
    with pytest.raises(ValueError, match=said):
        Pianorolls(**wrong)


def test_excerpts_are_lists_in_yaml():
    parser = ArgumentParser()
    parser.add_class_arguments(Pianorolls, "pianorolls")
    made = parser.instantiate_classes(parser.parse_string("pianorolls: {excerpts: {a: [1, 2.5]}}")).pianorolls
    assert made.excerpts == {"a": (1.0, 2.5)}


def test_what_is_kept_is_the_excerpt_and_not_a_view_of_the_whole_track(track):
    callback = Pianorolls(tracks=2, seconds=1.0)
    for name in "dbeac":
        callback.collect(None, track(name))
    kept = callback.kept["toy"].first.named
    assert set(kept) == {"a", "b"}
    assert kept["a"].salience.shape == (100, 49)
    assert all(array.base is None for array in kept["a"][:5])


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
    part = first_notes(track("a", **changes), seconds=1.0)
    assert part.times[0] == pytest.approx(first, abs=0.0101)
    assert len(part.times) == len(part.pitch) == len(part.salience) == pytest.approx(count, abs=1)


def test_a_short_track_is_drawn_whole(track):
    assert len(first_notes(track("a"), seconds=100.0).times) == 350


def test_wandb_gets_every_picture(made_trainer, toy_tracker, wandb_logger, tmp_path):
    trainer = made_trainer(logger=wandb_logger, max_epochs=2, pictures=Pianorolls(seconds=1.0))
    trainer.fit(toy_tracker())
    folder = run_folder(trainer)
    assert folder == tmp_path / "runs" / "toy" / wandb_logger.experiment.id
    media = Path(wandb_logger.experiment.dir) / "media" / "images" / "val" / "toy"
    assert len(list(media.glob("a_*.png"))) == len(list(media.glob("b_*.png"))) == 2
    assert pictures(folder) == ["a.png", "b.png"]
    assert media.is_relative_to(tmp_path / "runs" / "wandb")


def test_tracks_of_several_pitches_are_drawn(quiet, toy_multi_pitch_tracker):
    trainer, module = quiet(MultiPitchPianorolls(seconds=1.0)), toy_multi_pitch_tracker()
    trainer.validate(module)
    trainer.predict(module)
    for pass_name in ("validate", "predict"):
        assert pictures(run_folder(trainer) / pass_name) == ["a.png", "b.png"]


def test_an_excerpt_of_several_voices_begins_before_the_first_that_sounds(chord):
    assert first_notes(chord("a"), seconds=1.0).times[0] == pytest.approx(0.5, abs=0.0101)
    part = first_notes(chord("a", threshold=0.5) | {"reference": None}, seconds=1.0)
    assert part.pitch.shape == part.confidence.shape == (len(part.times), 3)


def sounds(folder):
    """Names, samples and rates of what can be heard of a set."""
    return {path.name: soundfile.read(path, dtype="int16") for path in (folder / "toy" / "sounds").iterdir()}


def heard(part, threshold):
    """What a callback has to make audible of reference and estimate."""
    voiced = part.confidence > threshold
    return sonified(part.times, part.reference), sonified(part.times, np.where(voiced, part.pitch, 0.0))


def test_reference_and_estimate_can_be_heard(quiet, toy_tracker, track):
    trainer = quiet(Pianorolls(seconds=2.5))
    trainer.validate(toy_tracker())
    folder = run_folder(trainer) / "validate"
    found = sounds(folder)
    names = [f"{name}_{of}.wav" for name in "ab" for of in ("estimate", "reference")]
    assert sorted(found) == names and {rate for _, rate in found.values()} == {8000}
    reference, estimate = heard(first_notes(track("a"), seconds=2.5), 0.25)
    assert found["a_reference.wav"][0].tolist() == reference.tolist()
    assert found["a_estimate.wav"][0].tolist() == estimate.tolist()
    header, *rows = (line.split("\t") for line in (folder / "toy" / "sounds.tsv").read_text().splitlines())
    assert header == ["id", "reference", "estimate", "picture"]
    assert rows == [
        [name, f"sounds/{name}_reference.wav", f"sounds/{name}_estimate.wav", f"pictures/{name}.png"] for name in "ab"
    ]
    assert all((folder / "toy" / cell).is_file() for row in rows for cell in row[1:])


def test_of_a_track_without_annotation_only_the_estimate_is_heard(quiet, toy_tracker):
    trainer = quiet(Pianorolls(tracks=1, seconds=1.0))
    trainer.predict(toy_tracker())
    assert set(sounds(run_folder(trainer) / "predict")) == {"a_estimate.wav"}
    table = (run_folder(trainer) / "predict" / "toy" / "sounds.tsv").read_text().splitlines()
    assert table[1] == "a\t\tsounds/a_estimate.wav\tpictures/a.png"


def test_sounds_of_other_tracks_do_not_stay(quiet, toy_tracker):
    made = Pianorolls(seconds=1.0)
    trainer = quiet(made)
    trainer.validate(toy_tracker())
    folder = run_folder(trainer) / "validate"
    made.tracks = 1
    trainer.validate(toy_tracker())
    assert set(sounds(folder)) == {"a_estimate.wav", "a_reference.wav"}
    made.sounds = False
    trainer.validate(toy_tracker())
    assert sounds(folder) == {} and not (folder / "toy" / "sounds.tsv").exists()
    assert pictures(folder) == ["a.png", "b.png"]


def test_loggers_get_the_sounds(quiet, toy_tracker, track, wandb_logger, tmp_path):
    board = TensorBoardLogger(tmp_path / "board", name="toy")
    quiet(Pianorolls(tracks=1, seconds=2.5), logger=[wandb_logger, board]).fit(toy_tracker())
    expected = heard(first_notes(track("a"), seconds=2.5), 0.25)
    found = EventAccumulator(board.log_dir, {"audio": 0}).Reload()
    tags = [f"val/toy/sounds_table/{column}/1" for column in ("reference", "estimate")]
    assert sorted(found.Tags()["audio"]) == sorted(tags)
    for tag, samples in zip(tags, expected, strict=True):
        (event,) = found.Audio(tag)
        of_event, rate = soundfile.read(io.BytesIO(event.encoded_audio_string), dtype="int16")
        assert (rate, event.step) == (8000, 4)
        np.testing.assert_allclose(of_event, samples, atol=2)
    (table,) = (Path(wandb_logger.experiment.dir) / "media" / "table" / "val" / "toy").glob("sounds_table_*.json")
    written = json.loads(table.read_text())
    assert written["columns"] == ["id", "reference", "estimate", "picture"]
    assert written["data"] == [["a", "Audio", "Audio", "Image"]]
    # What a table holds besides text is uploaded from here.
    staged = [path for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()]
    recordings = [soundfile.read(path, dtype="int16") for path in staged if path.read_bytes()[:4] == b"RIFF"]
    assert {samples.tobytes() for samples, _ in recordings} == {samples.tobytes() for samples in expected}
