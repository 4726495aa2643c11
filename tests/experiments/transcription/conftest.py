"""Folders of runs that were never trained: configurations, and checkpoints with random weights."""

import pytest
import torch
import yaml

from experiments.runs import untrained_model

CLASSES, PHONES = ["no", "yes", "up"], ["AA", "B", "K", "S"]
CLIPS = {
    "model": {
        "class_path": "lightning_modules.ClipClassifier",
        "init_args": {
            "network": {"class_path": "architectures.MelCNN"},
            "front_end": {"class_path": "architectures.HTKMelSpectrogram", "init_args": {"rate": 8000}},
        },
    },
    "data": {"class_path": "datamodules.ClipData", "init_args": {"classes": CLASSES, "seconds": 1.0}},
}
UTTERANCES = {
    "model": {
        "class_path": "lightning_modules.PhonemeRecognizer",
        "init_args": {
            "network": {
                "class_path": "architectures.ConvLSTM",
                "init_args": {
                    "embedding": {
                        "class_path": "architectures.BasicBlockEmbedding",
                        "init_args": {"width": 8, "stride": 2},
                    },
                    "hidden": 8,
                    "layers": 1,
                    "dropout": 0.0,
                    "head": {"class_path": "architectures.LinearHead"},
                },
            },
            "front_end": {"class_path": "architectures.MFCC", "init_args": {"coefficients": 13, "rate": 8000}},
        },
    },
    "data": {"class_path": "datamodules.PhonemeData", "init_args": {"phones": PHONES}},
}


def made_run(folder, stated):
    """A run folder with the weights of seed 0."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(stated))
    torch.manual_seed(0)
    model = untrained_model(folder / "config.yaml")
    torch.save({"state_dict": model.state_dict()}, folder / "checkpoints" / "best.ckpt")
    return folder


@pytest.fixture(scope="module")
def clip_run(tmp_path_factory):
    return made_run(tmp_path_factory.mktemp("clips") / "run", CLIPS)


@pytest.fixture(scope="module")
def phone_run(tmp_path_factory):
    return made_run(tmp_path_factory.mktemp("phones") / "run", UTTERANCES)
