"""Values that follow from another part of a configuration, so that no file states them twice.

A network's width follows from the pitch grid or from the list of classes or phones, the size of its input from the
front end, and the windows that the data module cuts from the network.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from architectures import FrontEnd
from datamodules import SpectrogramShape
from lightning_modules import AudioModule, PitchGrid


def link_to_network(parser: ArgumentParser) -> None:
    """All links that end at the network; they are resolved when a configuration is parsed."""
    link_grid_to_network(parser)
    link_labels_to_network(parser)
    link_front_end_to_network(parser)


def link_grid_to_network(parser: ArgumentParser) -> None:
    """Give the network the width that the pitch grid asks for; a link whose ends a class lacks is skipped."""
    network = "model.init_args.network.init_args"
    parser.link_arguments("model.init_args.grid", f"{network}.width", compute_fn=_bins)
    for name in ("lowest_note", "bins_per_semitone"):
        parser.link_arguments(f"model.init_args.grid.{name}", f"{network}.{name}")


def link_labels_to_network(parser: ArgumentParser) -> None:
    """Give the network a logit for each class, or for each phone and the blank."""
    network = "model.init_args.network.init_args"
    parser.link_arguments("data.init_args.classes", f"{network}.classes", compute_fn=len)
    parser.link_arguments("data.init_args.phones", f"{network}.symbols", compute_fn=lambda phones: len(phones) + 1)


def link_front_end_to_network(parser: ArgumentParser) -> None:
    """Give the network the bins of the front end and, of clips of one length, the frames.

    Their names are not those of a FrameNetwork's arguments, for what may be a link's target is not written into
    config.yaml.
    """
    network, front_end = "model.init_args.network.init_args", "model.init_args.front_end"
    parser.link_arguments(front_end, f"{network}.feature_bins", compute_fn=lambda given: _front_end(given).bins)
    sources = ("model.init_args.network.class_path", front_end, "data.init_args.seconds")
    parser.link_arguments(sources, f"{network}.feature_frames", compute_fn=_frames)


def _front_end(given: Namespace) -> FrontEnd:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(FrontEnd, "front_end")
    front_end: FrontEnd = parser.instantiate(Namespace(front_end=given)).front_end  # type: ignore[no-untyped-call]
    return front_end


def _frames(network: str, given: Namespace, seconds: float | None) -> int | None:
    if "feature_frames" not in _parameters(network):  # it is asked for every network; the link is skipped afterwards
        return None
    front_end = _front_end(given)
    if seconds is None or front_end.rate is None:
        raise ValueError("the network takes clips of one length; give data.seconds, and audio to model.front_end")
    return front_end.frames(round(seconds * front_end.rate))


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


def _rate(model: AudioModule) -> int | None:
    rate: int | None = getattr(getattr(model, "front_end", model.network), "rate", None)
    return rate


NEEDS: dict[str, Callable[[AudioModule], Any]] = {
    **{name: _attribute(name) for name in ("window", "frames", "hop")},
    "rate": _rate,
    "output_frames": lambda model: getattr(model, "output_frames", None),
    "spectrogram": _spectrogram,
}


def link_network_to_data(parser: ArgumentParser) -> None:
    """Give the data module what the network needs, once that is built; keys that a data module lacks are skipped."""
    for name, need in NEEDS.items():
        parser.link_arguments("model", f"data.init_args.{name}", compute_fn=need, apply_on="instantiate")


def overruled(data: Namespace) -> str | None:
    """The first key of the data module that is given although it follows from the network, if there is one.

    Args:
        data: `class_path` and `init_args`, with defaults where nothing was given.
    """
    parameters = _parameters(data.class_path)
    given = (key for key in NEEDS if key in data.init_args and data.init_args[key] != parameters[key].default)
    return next(given, None)


def _parameters(class_path: str) -> Mapping[str, inspect.Parameter]:
    module, _, name = class_path.rpartition(".")
    return inspect.signature(getattr(importlib.import_module(module), name)).parameters
