"""Whether shards hold what a network reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from datamodules.errors import DataError
from datamodules.shards.format import Grid
from datamodules.shards.index import SplitIndex
from datamodules.windows.cut import AUDIO, WindowSignal, WindowSpectrogram

SAME_PITCH = 1.0  # cent


@dataclass(frozen=True)
class SpectrogramShape:
    """The spectrogram that a network reads.

    Args:
        channels: of the spectrogram.
        bins: of each channel.
        lowest_note: MIDI note of bin 0 (in a harmonic transform, of harmonic 1), 69 for 440 Hz; None: any.
        bins_per_semitone: resolution; None: any.
    """

    channels: int
    bins: int
    lowest_note: float | None = None
    bins_per_semitone: int | None = None


class NetworkInput(NamedTuple):
    """What a network reads; None: anything.

    Attributes:
        hop: samples between label frames.
        rate: samples per second.
        spectrogram: read instead of audio; None: audio.
    """

    hop: int | None = None
    rate: int | None = None
    spectrogram: SpectrogramShape | None = None

    @property
    def signal(self) -> WindowSignal:
        """What windows are cut from."""
        shape = self.spectrogram
        return AUDIO if shape is None else WindowSpectrogram(shape.channels, shape.bins)

    def check_grid(self, directory: str, grid: Grid) -> None:
        """Refuse shards of another hop or rate.

        Args:
            directory: named in the message.
            grid: of the shards.

        Raises:
            DataError: hop or rate differ; names the keys to change.
        """
        pairs = (("hop", grid.hop, self.hop), ("rate", grid.rate, self.rate))
        differing = [
            _Property(name, str(stored), str(wanted), f"model.network.{name}", name)
            for name, stored, wanted in pairs
            if wanted not in (None, stored)
        ]
        _refuse(directory, "records", differing)

    def check(self, index: SplitIndex) -> None:
        """Refuse shards that do not hold what the network reads.

        Args:
            index: of their split.

        Raises:
            DataError: they have another hop or rate, lack the spectrogram or hold another one; names the directory,
                the values and the keys to change.
        """
        self.check_grid(index.directory, index.grid)
        if self.spectrogram is not None:
            for directory, shape in index.widths("cqt"):
                if shape is None:
                    raise DataError(
                        f"{directory}: there are recordings without spectrogram, and the network reads one of "
                        f"{self.spectrogram.channels} channels and {self.spectrogram.bins} bins; add to the recipe "
                        "spectrogram: {class_path: datamodules.ConstantQ} and prepare it in another directory"
                    )
                stored = index.spectrograms[directory] or {}
                _refuse(directory, "spectrograms", _differing(self.spectrogram, shape, stored))


ANYTHING = NetworkInput()


class _Property(NamedTuple):
    """A property in which shards and network differ.

    Attributes:
        name: of the property.
        stored: its value in the shards.
        wanted: the value that the network needs.
        model: key of the configuration that states the latter.
        recipe: key of the recipe that states the former.
    """

    name: str
    stored: str
    wanted: str
    model: str
    recipe: str


def _differing(wanted: SpectrogramShape, shape: tuple[int, ...], stored: Mapping[str, Any]) -> Iterable[_Property]:
    """Properties in which a stored spectrogram of this shape differs; `stored` holds its parameters, where known."""
    channels, bins = shape
    if channels != wanted.channels:
        keys = "model.network.channels", "spectrogram.filter_scales or spectrogram.harmonics"
        yield _Property("channels", str(channels), str(wanted.channels), *keys)
    if bins != wanted.bins:
        yield _Property("bins", str(bins), str(wanted.bins), "model.network.bins", "spectrogram.octaves")
    minimum, per_octave = stored.get("minimum"), stored.get("bins_per_octave")
    if minimum is not None and wanted.lowest_note is not None:
        lowest = 440 * 2 ** ((wanted.lowest_note - 69) / 12)
        if abs(1200 * math.log2(minimum / lowest)) > SAME_PITCH:
            keys = "model.grid.lowest_note", "spectrogram.minimum"
            yield _Property("lowest bin", f"{minimum:.2f} Hz", f"{lowest:.2f} Hz", *keys)
    if per_octave is not None and wanted.bins_per_semitone not in (None, per_octave / 12):
        keys = "model.network.bins_per_semitone", "spectrogram.bins_per_octave"
        yield _Property("bins per semitone", f"{per_octave / 12:g}", str(wanted.bins_per_semitone), *keys)


def _refuse(directory: str, what: str, differing: Iterable[_Property]) -> None:
    columns = list(zip(*differing, strict=True))
    if columns:
        names, stored, wanted, model, recipe = columns
        has, made_for = (
            ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))
            for values in (stored, wanted)
        )
        raise DataError(
            f"{directory}: its {what} have {has}, but the network is made for {made_for}; change {', '.join(model)}, "
            f"or the recipe's {', '.join(recipe)} and prepare it in another directory"
        )
