import json
from pathlib import Path

import pytest

from callbacks import PhoneConfusions, run_folder

HEAD = "reference\thypothesis\ttimes\n"


def test_the_edits_of_all_utterances_are_counted(quiet, toy_recognizer, utterance):
    class Module(toy_recognizer):
        def validation_step(self, batch, index):
            pairs = [[1, 1], [2, 1], [0, 2], [0, 2], [2, 0], [2, 0]][: 4 + 2 * (int(batch[0]) % 2)]
            return {"utterances": [utterance("dbac"[int(batch[0])], aligned=pairs)]}

    trainer = quiet(PhoneConfusions())
    trainer.validate(Module())
    folder = run_folder(trainer) / "validate" / "toy"
    # Inserted in each of four utterances twice, deleted in two of them twice, substituted in each once.
    assert (folder / "phone_confusions.tsv").read_text() == HEAD + "\tT\t8\nT\t\t4\nT\tAH\t4\n"
    assert (folder / "pictures" / "phone_confusions.png").is_file()


def test_without_references_nothing_is_drawn(quiet, toy_recognizer, tmp_path):
    quiet(PhoneConfusions()).predict(toy_recognizer())
    assert not list(tmp_path.rglob("*confusions*"))


def test_wandb_gets_the_picture_and_the_table(quiet, toy_recognizer, wandb_logger):
    quiet(PhoneConfusions(every_n_validations=2), logger=wandb_logger, max_epochs=2).fit(toy_recognizer())
    media = Path(wandb_logger.experiment.dir) / "media"
    (table,) = (media / "table" / "val" / "toy").iterdir()
    assert json.loads(table.read_text()) == {
        "columns": ["reference", "hypothesis", "times"],
        "data": [["T", "AH", 4]],
    }
    (image,) = (media / "images" / "val" / "toy").iterdir()
    assert image.name.startswith("phone_confusions_")


def test_arguments_out_of_range_are_refused_by_name():
    with pytest.raises(ValueError, match="pairs: 0"):
        PhoneConfusions(pairs=0)
