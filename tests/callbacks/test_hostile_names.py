"""Sets and tracks whose names are paths: files about them stay in their folder, one for each."""

from pathlib import Path

import pytest

from callbacks import AlignmentPictures, Pianorolls, PredictedClasses, PredictedF0, PredictedPhonemes, run_folder
from datamodules.files import file_name

SET = "../../../set"
NAMES = ("../../../../x", "/tmp/melisma-outside", "..", "", "a/b", "x" * 300, ".hidden", "plain")


def outside(tmp_path):
    """All files but those of the run."""
    files = {path for path in tmp_path.rglob("*") if path.is_file()} - set((tmp_path / "root").rglob("*"))
    return files | set(Path("/tmp").glob("melisma-outside*"))


def predict(trainer, module, tmp_path):
    before = outside(tmp_path)
    trainer.predict(module)
    folder = run_folder(trainer) / "predict"
    assert outside(tmp_path) == before
    written = {path for path in (tmp_path / "root").rglob("*") if path.is_file()}
    assert written and all(path.is_relative_to(folder / file_name(SET)) for path in written)
    return folder / file_name(SET)


@pytest.fixture
def hostile_tracker(toy_tracker, track):
    class Module(toy_tracker):
        def predict_step(self, batch, index):
            return {
                "tracks": [track(name, threshold=0.5, reference=None, dataset=SET) for name in NAMES]
                if index == 0
                else []
            }

    return Module()


def test_tables_and_pianorolls_of_tracks_stay_in_the_folder_of_their_set(quiet, hostile_tracker, tmp_path):
    folder = predict(quiet(PredictedF0(), Pianorolls(tracks=len(NAMES), seconds=0.2)), hostile_tracker, tmp_path)
    for kind, suffix in (("f0", ".csv"), ("pictures", ".png")):
        assert {path.name for path in (folder / kind).iterdir()} == {file_name(name) + suffix for name in NAMES}
    assert (folder / "f0" / "plain.csv").exists()


@pytest.mark.long
def test_tables_and_pictures_of_utterances_stay_in_the_folder_of_their_set(quiet, toy_recognizer, utterance, tmp_path):
    class Module(toy_recognizer):
        def predict_step(self, batch, index):
            made = utterance("a") | {"reference": None, "aligned": None, "dataset": SET}
            return {"utterances": [made | {"id": name} for name in NAMES] if index == 0 else []}

    callbacks = PredictedPhonemes(), AlignmentPictures(utterances=len(NAMES))
    folder = predict(quiet(*callbacks), Module(), tmp_path)
    assert {path.name for path in (folder / "pictures").iterdir()} == {f"{file_name(name)}.png" for name in NAMES}
    assert {path.name for path in folder.iterdir()} == {"pictures", "phones.tsv", "phones.ctm"}


def test_the_table_of_clips_stays_in_the_folder_of_their_set(quiet, toy_classifier, clip, tmp_path):
    class Module(toy_classifier):
        def predict_step(self, batch, index):
            return {"utterances": [clip("a") | {"id": name, "dataset": SET} for name in NAMES] if index == 0 else []}

    folder = predict(quiet(PredictedClasses()), Module(), tmp_path)
    assert [path.name for path in folder.iterdir()] == ["classes.tsv"]


@pytest.mark.long
def test_pictures_for_weights_and_biases_stay_among_its_own(quiet, hostile_tracker, wandb_logger, tmp_path):
    trainer = quiet(Pianorolls(tracks=len(NAMES), seconds=0.2), logger=wandb_logger)
    trainer.predict(hostile_tracker)
    media = next(tmp_path.rglob("files/media/images"))
    copies = {path for path in tmp_path.rglob("*.png") if not path.is_relative_to(run_folder(trainer) / "predict")}
    assert len(copies) == len(NAMES) and all(path.is_relative_to(media / "predict" / file_name(SET)) for path in copies)
