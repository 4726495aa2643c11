"""The public trackers by the names that `melisma compare --methods` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules import DataError

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Method:
    """A public tracker in given settings.

    Attributes:
        file: Python file of its class, which imports nothing of melisma.
        tracker: name of the class.
        settings: arguments of its constructor, JSON values.
        requirement: what `pip install` takes.
        packages: the distributions whose versions decide what it gives; all have to be there.
    """

    file: Path
    tracker: str
    settings: Mapping[str, Any]
    requirement: str
    packages: tuple[str, ...]


def own(name: str, where: str) -> Method | None:
    """The tracker of a user's file, `FILE.py:CLASS`; None if `where` is of another form.

    Args:
        name: of the method, for the message.
        where: file and class.

    Raises:
        DataError: there is no such file.
    """
    file, colon, tracker = where.rpartition(":")
    if not (colon and file.endswith(".py")):
        return None
    if not Path(file).is_file():
        raise DataError(f"--methods {name}={where}: there is no file {file}")
    return Method(Path(file).resolve(), tracker, {}, "", ())


def _torchcrepe(tracker: str, model: str, **settings: float) -> Method:
    packages = ("torchcrepe", "torch")
    return Method(HERE / "torchcrepe.py", tracker, {"model": model, **settings}, "torchcrepe>=0.0.24", packages)


_AVERAGED = {"hop": 0.01, "voiced": 0.5}
# torchcrepe's own lowest, 50 Hz, cuts low voices and basses; 32.7 Hz is the lowest pitch of the network's bins.
_SHIPPED = {"hop": 0.01, "lowest": 32.7, "highest": 2006.0, "voiced": 0.21}

METHODS: dict[str, Method] = {
    "pyin": Method(
        HERE / "pyin.py",
        "Pyin",
        # librosa recommends C2 to C7, 65.4 to 2093 Hz; low male voices are lower.
        {"hop": 0.01, "lowest": 50.0, "highest": 2093.0045},
        "librosa>=0.11",
        ("librosa",),
    ),
    "torchcrepe_tiny": _torchcrepe("AveragedCrepe", "tiny", **_AVERAGED),
    "torchcrepe_full": _torchcrepe("AveragedCrepe", "full", **_AVERAGED),
    "torchcrepe_tiny_viterbi": _torchcrepe("ShippedCrepe", "tiny", **_SHIPPED),
    "torchcrepe_full_viterbi": _torchcrepe("ShippedCrepe", "full", **_SHIPPED),
    "pesto": Method(
        HERE / "pesto.py",
        "Pesto",
        {"model": "mir-1k_g7", "hop": 0.01, "voiced": 0.5},
        "pesto-pitch>=2.0.1",
        ("pesto-pitch", "torch"),
    ),
    "swift_f0": Method(
        HERE / "swift_f0.py", "Swift", {"voiced": 0.5}, "swift-f0[audio]>=0.3", ("swift-f0", "onnxruntime", "soxr")
    ),
    "fcpe": Method(HERE / "fcpe.py", "Fcpe", {"voiced": 0.006}, "torchfcpe>=0.0.4", ("torchfcpe", "torch")),
    "praat": Method(
        HERE / "praat.py",
        "Praat",
        # Praat's standard values but for the range, 75 to 600 Hz, which cuts low voices and most music.
        {"hop": 0.01, "lowest": 50.0, "highest": 2000.0, "silence": 0.03, "voiced": 0.45},
        "praat-parselmouth>=0.4.7",
        ("praat-parselmouth",),
    ),
    "basic_pitch": Method(
        HERE / "basic_pitch.py", "BasicPitch", {"voiced": 0.3}, "basic-pitch[onnx]>=0.4", ("basic-pitch", "onnxruntime")
    ),
}
