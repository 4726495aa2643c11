"""Checkpoints are read here and nowhere else: without running anything that they hold, and checked.

A checkpoint is a ZIP archive of a pickle and the bytes of its tensors. Its pickle is read by torch with `weights_only`,
which makes tensors and plain values and calls nothing else. What it claims is compared with the bytes that are there,
so that a small file cannot take much memory.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from datamodules.errors import DataError, machine_fault, shown

EXTRA = "_extra_state"  # what a module keeps beside its tensors, in torch's name for it
THRESHOLDS = "thresholds._extra_state"  # those of voicing, by the names of the sets
_KINDS: Mapping[str, type] = {
    "epoch": int,
    "global_step": int,
    "pytorch-lightning_version": str,
    "loops": dict,
    "callbacks": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
}
_WORDS = {int: "a number that is not negative", str: "text", dict: "a mapping", list: "a list"}
_VERSION = re.compile(r"(?P<major>\d{1,4})(\.\d{1,9})*(\.?(a|b|rc|dev|post)\d{1,9})*(\+[a-z0-9.]+)?")
_FILLED = b"bytearray\n"  # which torch lets a pickle make, of any size
REMEDY = "name another checkpoint, or one of another run"


def read_checkpoint(path: Path, mapped: bool = False) -> dict[str, Any]:
    """What a checkpoint holds, on the CPU.

    Args:
        path: `RUN/checkpoints/NAME.ckpt`.
        mapped: leave the tensors in the file, for who looks at few of them; it must not be written meanwhile.

    Returns:
        `state_dict` and what else Lightning puts beside it.

    Raises:
        DataError: the file is missing, damaged, or holds something else or weights that are not finite; names the file,
            the first key or tensor that is wrong, and a remedy.
    """
    size = _checked_archive(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        if not mapped:
            check_checkpoint(found, path, size)
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path}: refused, because it is damaged or holds more than tensors and plain values, which only running "
            f"it would tell; {REMEDY}"
        ) from error
    except DataError:
        raise
    except Exception as error:  # of a damaged pickle torch raises errors of any type
        raise DataError(f"{path}: damaged: not readable as a checkpoint; {REMEDY}") from error
    check_checkpoint(found, path, size)
    return dict(found)


def _checked_archive(path: Path) -> int:
    """Bytes of the file, whose parts are no longer than they are in it."""
    if not path.is_file():
        raise DataError(f"{path}: there is no such checkpoint")
    try:
        size = path.stat().st_size
        if not zipfile.is_zipfile(path):
            raise DataError(f"{path}: {'is damaged, or no checkpoint' if size else 'is empty'}; {REMEDY}")
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            for part in parts:  # before any is read
                if part.compress_type != zipfile.ZIP_STORED or part.file_size > size:
                    raise DataError(
                        f"{path}: is no checkpoint of torch.save: its part {shown(part.filename)} is packed"
                    )
            pickles = [archive.read(part) for part in parts if part.filename.endswith(".pkl")]
    except OSError as error:
        raise DataError(machine_fault(error, path) or f"{path}: cannot be read: {error.strerror}") from error
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DataError(f"{path}: is damaged: {error}; {REMEDY}") from error
    if any(_FILLED in each for each in pickles):
        raise DataError(f"{path}: is no checkpoint of torch.save: it asks for memory that it does not fill; {REMEDY}")
    return size


def check_checkpoint(checkpoint: object, path: object, size: int | None = None) -> None:
    """Refuse what is no checkpoint.

    Args:
        checkpoint: as it was read.
        path: where from, for messages.
        size: bytes of the file; None: not known.

    Raises:
        DataError: it is none, or its weights are not finite.
    """
    if not isinstance(checkpoint, dict):
        raise DataError(f"{path}: no checkpoint of a training: it holds {_article(checkpoint)}; {REMEDY}")
    weights = checkpoint.get("state_dict")
    if not isinstance(weights, dict):
        what = "has no state_dict" if "state_dict" not in checkpoint else f"state_dict is {_article(weights)}"
        raise DataError(f"{path}: no checkpoint of a training: {what}; {REMEDY}")
    for name in checkpoint:
        if not isinstance(name, str):
            raise DataError(f"{path}: damaged: it has a key {shown(name)}; {REMEDY}")
    for key, kind in _KINDS.items():
        value = checkpoint.get(key, kind())
        if type(value) is not kind or (isinstance(value, int) and not 0 <= value < 1 << 62):
            raise DataError(f"{path}: damaged: {key} is {shown(value)}, not {_WORDS[kind]}; {REMEDY}")
    for name, value in weights.items():
        if not isinstance(name, str):
            raise DataError(f"{path}: damaged: state_dict names a tensor {shown(name)}; {REMEDY}")
        if name.endswith(THRESHOLDS):
            _check_thresholds(value, f"{path}: {name}")
        elif not name.endswith(EXTRA):
            _check_tensor(value, f"{path}: {name}", size)


def check_lightning(checkpoint: Mapping[str, Any], path: object) -> None:
    """Refuse what no Lightning has written that can be taken over.

    Args:
        checkpoint: that `check_checkpoint` has let pass.
        path: where from, for messages.

    Raises:
        DataError: it does not say which Lightning wrote it, or it was one before 2.0.
    """
    stated = checkpoint.get("pytorch-lightning_version", "")
    found = _VERSION.fullmatch(stated)
    if found is None or int(found["major"]) < 2:
        raise DataError(
            f"{path}: no checkpoint of Lightning 2: its pytorch-lightning_version is {shown(stated)}; {REMEDY}"
        )


def _check_thresholds(value: object, name: str) -> None:
    sound = isinstance(value, dict) and all(
        isinstance(key, str) and type(each) in (int, float) and 0 <= each <= 1 for key, each in value.items()
    )
    if not sound:
        raise DataError(f"{name} is {shown(value)}, not voicing thresholds by the names of sets; {REMEDY}")


def _check_tensor(value: object, name: str, size: int | None) -> None:
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_meta or value.is_quantized:
        raise DataError(f"{name} is {_article(value)}, not a dense tensor; {REMEDY}")
    if size is not None and value.numel() * value.element_size() > min(value.untyped_storage().nbytes(), size):
        raise DataError(f"{name} claims {tuple(value.shape)}, more than the file holds; {REMEDY}")
    if (value.is_floating_point() or value.is_complex()) and not bool(value.isfinite().all()):
        raise DataError(
            f"{name} has a value that is not finite: the training diverged; use an earlier checkpoint of the run, such "
            "as checkpoints/best.ckpt, or train again with a smaller learning rate"
        )


def _article(value: object) -> str:
    kind = type(value).__name__
    return "nothing" if value is None else f"a{'n' if kind[0] in 'aeiou' else ''} {kind}"
