"""TensorBoard gets what Weights & Biases gets; without a logger, and with any other, the same is in the run folder."""

import io
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import soundfile
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from callbacks import ClipPictures, ErrorPictures, run_folder
from tests.callbacks.drawing.drawing_callbacks import CALLBACKS


@pytest.fixture
def board(tmp_path):
    return TensorBoardLogger(tmp_path / "board", name="toy")


def events(logger):
    """What the event files of a run hold, all of it."""
    found = EventAccumulator(logger.log_dir, {"images": 0, "audio": 0, "tensors": 0})
    return found.Reload()


def texts(found):
    """Text of each step by name, as lines of cells."""
    named = {tag: found.Tensors(tag) for tag in found.Tags()["tensors"] if tag.endswith("/text_summary")}
    return {
        tag.removesuffix("/text_summary"): {
            each.step: [line[2:-2].split(" | ") for line in each.tensor_proto.string_val[0].decode().splitlines()]
            for each in of_tag
        }
        for tag, of_tag in named.items()
    }


def pixels(encoded):
    return np.rint(255 * matplotlib.image.imread(io.BytesIO(encoded))[..., :3]).astype(int)


@pytest.mark.slow
def test_pictures_of_every_drawn_validation_are_there_at_the_step_of_training(quiet, toy_tracker, board):
    trainer = quiet(ErrorPictures(every_n_validations=2), logger=board, max_epochs=3)
    trainer.fit(toy_tracker())
    found = events(board)
    assert sorted(found.Tags()["images"]) == [
        f"val/toy/errors/{name}" for name in ("confusion", "error_histogram", "note_accuracy")
    ]
    drawn = found.Images("val/toy/errors/confusion")
    assert [each.step for each in drawn] == [4, 12]
    assert texts(found)["val/toy/errors/error_histogram_table"].keys() == {4, 12}
    latest = run_folder(trainer) / "validation" / "toy" / "errors" / "confusion.png"
    np.testing.assert_array_equal(pixels(drawn[-1].encoded_image_string), pixels(latest.read_bytes()))


def test_tables_are_those_of_the_files(quiet, toy_tracker, board):
    trainer = quiet(ErrorPictures(), logger=board)
    trainer.validate(toy_tracker())
    table = run_folder(trainer) / "validate" / "toy" / "errors" / "note_accuracy.tsv"
    header, *rows = (line.split("\t") for line in table.read_text().splitlines())
    assert texts(events(board))["val/toy/errors/note_accuracy_table"] == {0: [header, ["---"] * 4, *rows]}
    assert rows == [["57", "A3", "1200", "1200"]]


def test_clips_can_be_seen_and_heard(quiet, toy_classifier, board, clip):
    quiet(ClipPictures(wrong=2, top=1), logger=board).fit(toy_classifier())
    found = events(board)
    assert sorted(found.Tags()["images"]) == ["val/toy/confusion", "val/toy/wrong/1", "val/toy/wrong/2"]
    assert sorted(found.Tags()["audio"]) == [f"val/toy/wrong_table/audio/{number}" for number in (1, 2)]
    for number, name in ((1, "a"), (2, "b")):
        (heard,) = found.Audio(f"val/toy/wrong_table/audio/{number}")
        samples, rate = soundfile.read(io.BytesIO(heard.encoded_audio_string), dtype="int16")
        assert (rate, heard.step) == (8000, 4)
        np.testing.assert_allclose(samples, clip(name)["audio"], atol=2)
    _, _, first, second = texts(found)["val/toy/wrong_table"][4]
    assert first[:4] == ["a", "pictures/wrong_1.wav", "pictures/wrong_1.png", "go"]
    assert second[0] == "b"


def test_what_would_end_a_cell_is_escaped(quiet, toy_classifier, board, clip):
    class Odd(toy_classifier):
        def validation_step(self, batch, index):
            return {"utterances": [{**clip("a"), "id": "a|b\n\\c"}] if index == 0 else []}

    quiet(ClipPictures(wrong=1), logger=board).validate(Odd())
    assert texts(events(board))["val/toy/wrong_table"][0][2][0] == "a\\|b \\\\c"


def test_a_table_without_rows_is_in_no_logger(quiet, toy_classifier, board, clip):
    class Right(toy_classifier):
        def validation_step(self, batch, index):
            return {"utterances": [clip("c")] if index == 0 else []}

    trainer = quiet(ClipPictures(), logger=board)
    trainer.validate(Right())
    assert set(texts(events(board))) == {"val/toy/confusion_table"}
    assert len((run_folder(trainer) / "validate/toy/pictures/wrong.tsv").read_text().splitlines()) == 1


def keys_of_wandb(media):
    """Keys of images and tables, without the numbers and hashes that end the names of files."""
    return {
        kind: {path.relative_to(media / kind).as_posix().rsplit("_", 2)[0] for path in (media / kind).rglob("*.*")}
        for kind in ("images", "table")
    }


def files(trainer):
    folder = run_folder(trainer) / "validation"
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("callback", CALLBACKS, ids=lambda callback: callback.__name__)
def test_both_loggers_get_the_same_names_and_no_logger_the_same_files(quiet, callback, request, board, wandb_logger):
    module = request.getfixturevalue(CALLBACKS[callback])
    both, none = quiet(callback(), logger=[board, wandb_logger]), quiet(callback())
    for trainer in (both, none):
        trainer.fit(module())
    found, media = events(board), keys_of_wandb(Path(wandb_logger.experiment.dir) / "media")
    numbered = {tag.rsplit("/", 1)[0] if tag.endswith(tuple("123456789")) else tag for tag in found.Tags()["images"]}
    assert numbered == media["images"] != set()
    assert set(texts(found)) == media["table"]
    assert files(both) == files(none)
    assert sum(path.suffix == ".tsv" for path in files(none)) == len(media["table"])


@pytest.mark.long
def test_another_logger_is_no_mistake(quiet, toy_classifier, tmp_path):
    other, none = quiet(ClipPictures(), logger=CSVLogger(tmp_path / "csv")), quiet(ClipPictures())
    for trainer in (other, none):
        trainer.fit(toy_classifier())
    assert files(other) == files(none) != {}
