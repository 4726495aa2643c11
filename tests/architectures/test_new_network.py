"""A new network is one file in architectures/ and one YAML, as the README says: nothing has to be registered."""

import pytest
import torch
import yaml

import architectures
from experiments.cli import run
from tests.experiments.catalogue import ROOT, network_of, parsed

FILE = """
import torch
from torch import nn

from architectures.base import ClipNetwork, FrameNetwork, SequenceNetwork, Sequences, SpectrogramNetwork, VoicingNetwork


class Pitch(FrameNetwork):
    def __init__(self, width: int, window: int = 256, frames: int = 2) -> None:
        super().__init__()
        self.width, self.window, self.frames = width, window, frames
        self.dense = nn.Linear(window, frames * width)

    def forward(self, audio):
        return self.dense(audio).view(-1, self.frames, self.width)


class SpectrogramPitch(SpectrogramNetwork):
    def __init__(self, width: int, bins_per_semitone: int, bins: int = 540, frames: int = 4, context: int = 1) -> None:
        super().__init__()
        self.width, self.channels, self.bins, self.bins_per_semitone = width, 1, bins, bins_per_semitone
        self.frames, self.context, self.window = frames, context, frames + 2 * context
        self.convolution = nn.Conv2d(1, 1, (3, 1))

    def forward(self, spectrogram):
        return self.convolution(spectrogram)[:, 0, :, : self.width]


class Voicing(VoicingNetwork):
    def __init__(self, bins: int = 540, frames: int = 4) -> None:
        super().__init__()
        self.channels, self.bins, self.bins_per_semitone = 1, bins, 5
        self.frames, self.context, self.window = frames, 0, frames
        self.dense = nn.Linear(bins, 1)

    def forward(self, spectrogram):
        return self.dense(spectrogram)[:, 0, :, 0]


class Clips(ClipNetwork):
    def __init__(self, classes: int, feature_bins: int) -> None:
        super().__init__()
        self.classes, self.bins = classes, feature_bins
        self.dense = nn.Linear(feature_bins, classes)

    def forward(self, features, lengths):
        return self.dense(features.sum(1) / lengths[:, None])


class Utterances(SequenceNetwork):
    def __init__(self, symbols: int, feature_bins: int) -> None:
        super().__init__()
        self.symbols, self.bins = symbols, feature_bins
        self.dense = nn.Linear(feature_bins, symbols)

    def lengths(self, frames):
        return frames

    def forward(self, features, lengths):
        return Sequences(self.dense(features), lengths)
"""

# The recipe that the YAML is a copy of, the class, the shapes of an input and of its logits.
FAMILIES = [
    ("crepe_demo", "Pitch", (2, 256), (2, 2, 130)),
    ("hcnn_noctx_final", "SpectrogramPitch", (2, 1, 6, 540), (2, 4, 360)),
    ("voicing_note_1layer", "Voicing", (2, 1, 4, 540), (2, 4)),
    ("fsdd_m3_8k", "Clips", (2, 9, 128), (2, 10)),
    ("an4_base01", "Utterances", (2, 9, 39), (2, 9, 34)),
]


@pytest.fixture(scope="module", autouse=True)
def new_file(tmp_path_factory):
    """`architectures/my_file.py`, but in a folder that is thrown away."""
    folder = tmp_path_factory.mktemp("architectures")
    (folder / "my_file.py").write_text(FILE)
    architectures.__path__.append(str(folder))
    yield
    architectures.__path__.remove(str(folder))


def new_recipe(stem, name, folder, **data):
    """A copy of a recipe for the network of this name, and for other data."""
    families = (ROOT / "experiments" / family for family in ("melody", "classification", "phonemes"))
    (recipe,) = (path for family in families for path in family.rglob(f"{stem}.yaml"))
    stated = yaml.safe_load(recipe.read_text())
    stated["model"]["init_args"]["network"] = {"class_path": f"architectures.my_file.{name}"}
    stated["data"]["init_args"] |= {"recipes": [], **data}
    path = folder / "my_recipe.yaml"
    path.write_text(yaml.safe_dump(stated))
    return path


@pytest.mark.parametrize(("stem", "name", "given", "expected"), FAMILIES, ids=[name for _, name, *_ in FAMILIES])
def test_its_sizes_follow_from_grid_labels_and_front_end(stem, name, given, expected, tmp_path):
    network = network_of(parsed("fit", "--config", str(new_recipe(stem, name, tmp_path))))
    lengths = [torch.full((2,), given[1], device="meta")] if name in ("Clips", "Utterances") else []
    logits = network(torch.empty(given, device="meta"), *lengths)
    assert (logits.values if lengths and name == "Utterances" else logits).shape == expected


def test_it_trains_and_validates(melody_shards, tmp_path):
    data = {"train": [str(melody_shards)], "validation": {"demo": str(melody_shards)}}
    run([
        "fit", "--config", str(new_recipe("crepe_demo", "Pitch", tmp_path, **data)), "--trainer.fast_dev_run=true",
        "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false", f"--trainer.default_root_dir={tmp_path}",
    ])  # fmt: skip
