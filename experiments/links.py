"""What follows from another part of a configuration, so that none says it twice.

The width of a network, from the pitch grid; and what the data module has to know of the network: its excerpts.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from datamodules import SpectrogramShape
from lightning_modules import AudioModule, PitchGrid


def link_grid_to_network(parser: ArgumentParser) -> None:
    """Give the network the width that the pitch grid asks for; a link whose ends a class lacks is skipped."""
    network = "model.init_args.network.init_args"
    parser.link_arguments("model.init_args.grid", f"{network}.width", compute_fn=_bins)
    for name in ("lowest_note", "bins_per_semitone"):
        parser.link_arguments(f"model.init_args.grid.{name}", f"{network}.{name}")


def _bins(grid: Namespace) -> int:
    return PitchGrid(**vars(grid)).bins


def _spectrogram(model: AudioModule) -> SpectrogramShape | None:
    """The spectrogram that the network reads; its bin 0 stands for that of the model's pitch grid."""
    network: Any = model.network
    if getattr(network, "signal", "audio") == "audio":
        return None
    lowest_note = getattr(getattr(model, "grid", None), "lowest_note", None)
    return SpectrogramShape(network.channels, network.bins, lowest_note, network.bins_per_semitone)


def _attribute(name: str) -> Callable[[AudioModule], Any]:
    return lambda model: getattr(model.network, name, None)


NEEDS: dict[str, Callable[[AudioModule], Any]] = {
    **{name: _attribute(name) for name in ("window", "frames", "hop", "rate")},
    "spectrogram": _spectrogram,
}


def link_network_to_data(parser: ArgumentParser) -> None:
    """Give the data module what the network needs, once that is built; a data module that lacks a key is let alone."""
    for name, need in NEEDS.items():
        parser.link_arguments("model", f"data.init_args.{name}", compute_fn=need, apply_on="instantiate")


def overruled(data: Namespace) -> str | None:
    """The first key of the data module that is given although it follows from the network, if there is one.

    Args:
        data: `class_path` and `init_args`, with defaults where nothing was given.
    """
    module, _, name = data.class_path.rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    given = (key for key in NEEDS if key in data.init_args and data.init_args[key] != parameters[key].default)
    return next(given, None)
