"""Objects from files that somebody else may have written: what is made, and what is refused before it is imported."""

import sys
from functools import partial

import pytest
from torch import nn

from architectures import HCNN, ConvolutionalVoicing, Harmonics, SpectrogramNetwork
from datamodules.errors import DataError
from experiments.instantiation import allowed_class, instantiate
from lightning_modules import LocalAverage, PitchGrid
from lightning_modules.decoding.pitch.peaks import PitchDecoder


class Holder:
    """Takes what the tests give."""

    def __init__(self, network: SpectrogramNetwork | None = None, decoder: PitchDecoder | None = None, size: int = 1):
        self.network, self.decoder, self.size = network, decoder, size


def made(**stated):
    return instantiate(Holder, stated, "file: model")


HCNN_ARGUMENTS = {
    "width": 48,
    "bins": 60,
    "frames": 5,
    "context": 1,
    "bins_per_semitone": 1,
    "filters": 4,
    "kernels": [3, 3],
    "harmonics": {"undertones": 1, "overtones": 2},
    "layer_harmonics": {"undertones": 0, "overtones": 1},
    "normalisation": {"class_path": "torch.nn.BatchNorm2d", "init_args": {"eps": 0.01}},
}


def test_classes_dataclasses_and_factories_are_made_of_their_arguments():
    holder = made(
        network={"class_path": "architectures.HCNN", "init_args": HCNN_ARGUMENTS},
        decoder={"class_path": "lightning_modules.LocalAverage", "init_args": {"radius": 0.25}},
        size=3,
    )
    expected = HCNN(
        **{
            **HCNN_ARGUMENTS,
            "harmonics": Harmonics(1, 2),
            "layer_harmonics": Harmonics(0, 1),
            "normalisation": partial(nn.BatchNorm2d, eps=0.01),
        }
    )
    assert repr(holder.network) == repr(expected)
    assert {name: tuple(value.shape) for name, value in holder.network.state_dict().items()} == {
        name: tuple(value.shape) for name, value in expected.state_dict().items()
    }
    assert isinstance(holder.decoder, LocalAverage) and holder.decoder.radius == 0.25
    assert holder.size == 3


def test_lists_of_dataclasses_and_dataclasses_themselves():
    stated = {
        "kernels": [{"bins": 5, "frames": 5}],
        **{"bins": 60, "width": 48, "frames": 5, "context": 2, "filters": 4, "last_frames": 3, "bins_per_semitone": 1},
    }
    assert instantiate(ConvolutionalVoicing, stated, "x").frames == 5
    assert instantiate(PitchGrid, {"semitones": 7}, "x") == PitchGrid(semitones=7)


FOREIGN = [
    "os.system",
    "subprocess.Popen",
    "builtins.eval",
    "this.that",
    "torch.load",
    "torch.hub.load",
    "torch.optim.Adam",
    "datamodules.AudioFolder",
    "architectures.base.abstractmethod",
    "architectures.wavenet.stack.os",
    "architectures.sys",
    "architectures.nothing.X",
    "architectures.Nothing",
    "architectures",
    "lightning_modules.base.lightning",
    "lightning_modules.metrics",
    "torch.nn.functional.relu",
    "torch.nnn.X",
    "",
    7,
    None,
]


@pytest.mark.parametrize("path", FOREIGN)
def test_other_code_is_refused_and_not_imported(path):
    with pytest.raises(DataError, match=r"model\.network: class_path .* is refused; it has to be a class of arch"):
        made(network={"class_path": path, "init_args": {}})
    assert "this" not in sys.modules


def test_what_a_module_of_ours_imports_from_elsewhere_is_refused():
    import lightning_modules.voicing_thresholds as module

    assert module.NamedTuple is not None
    with pytest.raises(DataError, match="is refused"):
        allowed_class("lightning_modules.melody.PitchBatch", "x")


@pytest.mark.parametrize(
    ("stated", "complaint"),
    [
        ({"netwrk": None}, "model: Holder cannot be made: got an unexpected keyword argument 'netwrk'"),
        (
            {"decoder": {"class_path": "architectures.Samples"}},
            r"model\.decoder: a PitchDecoder is expected, not Samples",
        ),
        ({"decoder": 5}, r"model\.decoder: a PitchDecoder is expected, not int"),
        (
            {"decoder": {"class_path": "lightning_modules.LocalAverage", "init_args": {"radius": -1}}},
            r"model\.decoder: LocalAverage cannot be made: radius: -1",
        ),
        (
            {"decoder": {"class_path": "lightning_modules.LocalAverage", "radius": 1}},
            r"model\.decoder: radius beside class_path",
        ),
        ({"decoder": {"class_path": "lightning_modules.LocalAverage", "init_args": [1]}}, "a mapping of arguments"),
    ],
)
def test_mistakes_are_named_by_their_key(stated, complaint):
    with pytest.raises(DataError, match=complaint):
        made(**stated)
