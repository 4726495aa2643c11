"""What a run leaves in each kind of logger, as the README of callbacks/drawing says, read back from their files."""

import csv
import json

import lightning
import pytest
import yaml
from jsonargparse import ArgumentParser
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import DataLoader

from callbacks import ErrorPictures, ExcerptValidation, Pianorolls, RunConfig, RunCurves, RunFolder, run_folder
from callbacks.run.curve_file import read_curves
from tests.wandb_log import finished

# Steps at which each is known; Lightning gives loggers what it logs itself at one less.
CURVES = {"train/loss": [1, 2, 3, 4], "val/toy/accuracy": [4], "excerpts/few/accuracy": [2, 4]}
FIGURES = {"train/loss": [0, 1, 2, 3], "val/toy/accuracy": [3], "excerpts/few/accuracy": [2, 4]}
ERRORS = ("confusion", "error_histogram", "note_accuracy")
PICTURES = {
    *("val/few/a", "val/few/b", "val/toy/a"),
    *(f"val/toy/errors/{name}" for name in ERRORS),
}
TABLES = {
    *("val/few/sounds_table", "val/toy/sounds_table"),
    *(f"val/toy/errors/{name}_table" for name in ERRORS),
}
COLUMNS = ("reference", "estimate")
SOUNDS = {(f"val/{name}/sounds_table", column) for name in ("few", "toy") for column in COLUMNS}
CONFIGURATION = {"model": {"rate": 0.125, "layers": [1, 2]}}
ALL = {"figures": FIGURES, "configuration": True, "pictures": PICTURES, "tables": TABLES, "sounds": SOUNDS}
# Below `validation`: pictures, tables and sounds.
FILES = {
    *(f"toy/errors/{name}.{kind}" for name in ERRORS for kind in ("png", "tsv")),
    *(f"{track}.png" for track in ("toy/pictures/a", "few/pictures/a", "few/pictures/b")),
    *(f"{track}_{of}.wav" for track in ("toy/sounds/a", "few/sounds/a", "few/sounds/b") for of in COLUMNS),
    *("toy/sounds.tsv", "few/sounds.tsv"),
}


@pytest.fixture
def module(toy_tracker, track):
    """A toy whose excerpts are of a set of their own."""

    class Module(toy_tracker):
        def training_step(self, batch, index):
            loss = super().training_step(batch, index)
            self.log("train/loss", loss)
            return loss

        def begin(self):
            self.voicing_thresholds = {}

        def evaluate(self, batch):
            return {"tracks": [track("ab"[int(i)], dataset="few") for i in batch]}

        def preview(self):
            self.voicing_thresholds = {"few": 0.25}
            return {"few": {"accuracy": 0.5}}

    return Module()


class Data(lightning.LightningDataModule):
    """What `ShardedData` has of excerpts."""

    def excerpt_loaders(self):
        return [DataLoader(range(2))]


@pytest.fixture
def fit(module, quiet):
    """Fits for an epoch; gives the run folder."""
    parser = ArgumentParser()
    parser.add_argument("--model.rate", type=float)
    parser.add_argument("--model.layers", type=list[int])
    config = RunConfig(parser, parser.parse_object(CONFIGURATION))

    def run(logger):
        looks = ExcerptValidation(2, [Pianorolls(tracks=2, seconds=0.5)])
        drawn = Pianorolls(tracks=1, seconds=0.5), ErrorPictures()
        own = RunFolder(), RunCurves(), config
        trainer = quiet(*own, *drawn, looks, logger=logger, log_every_n_steps=1, max_epochs=1)
        data = Data()
        data.train_dataloader, data.val_dataloader = module.train_dataloader, module.val_dataloader
        trainer.fit(module, datamodule=data)
        return run_folder(trainer)

    return run


def of_wandb(folder):
    """Read back from the one run in a folder."""
    (path,) = folder.rglob("run-*.wandb")
    held = {"figures": {}, "configuration": False, "pictures": set(), "tables": set(), "sounds": set()}
    for record in finished(path):
        for item in record.config.update:
            held["configuration"] |= item.key == "model" and json.loads(item.value_json) == CONFIGURATION["model"]
        row = {}
        for item in record.history.item:
            row.setdefault(item.nested_key[0], {})[tuple(item.nested_key[1:])] = json.loads(item.value_json)
        for key, value in row.items():
            kind = value.get(("_type",))
            if kind == "images/separated":
                assert all((path.parent / "files" / name).is_file() for name in value["filenames",])
                held["pictures"].add(key)
            elif kind == "table-file":
                table = json.loads((path.parent / "files" / value["path",]).read_text())
                columns = zip(table["columns"], zip(*table["data"], strict=True), strict=True)
                held["sounds"] |= {(key, name) for name, cells in columns if set(cells) == {"Audio"}}
                held["tables"].add(key)
            elif key in FIGURES:
                held["figures"].setdefault(key, []).append(row["trainer/global_step"][()])
    return held


def of_board(folder):
    """Read back from the one run in a folder."""
    (path,) = folder.rglob("events.out.*")
    found = EventAccumulator(str(path), {"images": 0, "audio": 0, "tensors": 0, "scalars": 0}).Reload()
    tags = found.Tags()
    texts = {tag.removesuffix("/text_summary"): found.Tensors(tag)[-1] for tag in tags["tensors"] if "_summary" in tag}
    (text,) = texts.pop("config").tensor_proto.string_val
    text = text.decode()
    assert "_hparams_/session_start_info" in str(found.summary_metadata)
    return {
        "figures": {tag: [each.step for each in found.Scalars(tag)] for tag in tags["scalars"] if tag in FIGURES},
        "configuration": yaml.safe_load(text.removeprefix("```yaml\n").removesuffix("```")) == CONFIGURATION,
        "pictures": set(tags["images"]),
        "tables": set(texts),
        "sounds": {tuple(tag.rsplit("/", 2)[:2]) for tag in tags["audio"]},
    }


def of_csv(folder):
    """Read back from the one run in a folder."""
    (path,) = folder.rglob("metrics.csv")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return {
        "figures": {key: [int(row["step"]) for row in rows if row[key]] for key in FIGURES},
        "configuration": yaml.safe_load((path.parent / "hparams.yaml").read_text()) == CONFIGURATION,
    }


def check_run_folder(folder):
    """The same whatever the logger."""
    written = {str(path.relative_to(folder / "validation")) for path in (folder / "validation").rglob("*.*")}
    assert written == FILES
    curves = read_curves(folder / "curves.jsonl")
    assert {name: curves.series(name)[0].tolist() for name in curves.names if name != "lr"} == CURVES
    assert yaml.safe_load((folder / "config.yaml").read_text()) == CONFIGURATION


def test_weights_and_biases_gets_all_but_files(fit, wandb_logger, tmp_path):
    check_run_folder(fit(wandb_logger))
    wandb_logger.experiment.finish()
    assert of_wandb(tmp_path / "runs") == ALL


@pytest.mark.long
def test_tensorboard_gets_all_but_files(fit, tmp_path):
    check_run_folder(fit(TensorBoardLogger(tmp_path / "board", name="toy")))
    assert of_board(tmp_path / "board") == ALL


@pytest.mark.long
def test_another_logger_gets_figures_and_the_configuration(fit, tmp_path):
    check_run_folder(fit(CSVLogger(tmp_path / "table")))
    assert of_csv(tmp_path / "table") == {"figures": FIGURES, "configuration": True}


@pytest.mark.slow
def test_without_a_logger_all_is_in_the_run_folder(fit):
    check_run_folder(fit(False))
