"""Arrays in NumPy's .npy files: features that stand in for audio, and lists of symbols."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.corpora.base import FeatureSource
from datamodules.errors import DataError
from datamodules.files import sha256_of

# The header is a Python literal: of a damaged one NumPy passes on whatever Python's parser raises.
DAMAGED = (ValueError, EOFError, TypeError, SyntaxError, TokenError, MemoryError)


@dataclass(frozen=True)
class NpyFeatures(FeatureSource):
    """Features in a .npy file: `(frames, dimensions)`, at least one frame, finite in float32."""

    path: Path

    @override
    def fingerprint(self) -> str:
        return sha256_of(self.path)

    @override
    def read(self) -> NDArray[np.float32]:
        array = read_npy(self.path)
        if array.dtype.kind not in "fiu":
            raise DataError(f"{self.path}: features are numbers, but these are of the type {array.dtype}")
        if array.ndim != 2 or not array.size:
            raise DataError(f"{self.path}: its shape is {array.shape}, but (frames, dimensions) is expected")
        with np.errstate(over="ignore"):
            features: NDArray[np.float32] = np.ascontiguousarray(array, np.float32)
        finite = np.isfinite(features).all(axis=1)
        if not finite.all():
            raise DataError(f"{self.path}: frame {int(np.argmin(finite))} has a value that is not a finite number")
        return features


def read_symbols(path: Path) -> list[str]:
    """Symbols in a .npy file, a one-dimensional array of strings.

    Raises:
        DataError: the file is missing or damaged, or holds something else.
    """
    array = read_npy(path)
    if array.dtype.kind != "U" or array.ndim != 1:
        raise DataError(f"{path}: a list of strings is expected, but it holds {array.dtype} of the shape {array.shape}")
    symbols = [str(symbol) for symbol in array]
    for symbol in symbols:
        if symbol.split() != [symbol]:
            raise DataError(f"{path}: {symbol!r} is not a symbol; symbols are not empty and have no blanks in them")
    return symbols


def read_npy(path: Path) -> NDArray[Any]:
    """An array as its .npy file has it; pickled objects are refused, because unpickling can run any code.

    Raises:
        DataError: the file is missing, damaged or no .npy file, or holds pickled objects.
    """
    try:
        with path.open("rb") as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except DAMAGED as error:
        if "allow_pickle" in str(error):
            raise DataError(
                f"{path}: it holds pickled objects, which can run code when they are read; if you trust the file, "
                "store it as plain strings: np.save(path, np.load(path, allow_pickle=True).astype(str))"
            ) from error
        raise DataError(f"{path}: not a whole .npy file: {error}") from error
    return array
