"""Converts the integers of a pitch batch to the input of a network."""

from __future__ import annotations

from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor, contiguous_format, float32

from architectures import FrameNetwork, SpectrogramNetwork, VoicingNetwork
from datamodules.batches import PitchBatch

_AUDIO, _SPECTROGRAM = 32768, 65535  # full scale


def network_input(batch: PitchBatch, network: FrameNetwork | VoicingNetwork) -> Tensor:
    """The signal of a batch in float32, converted on its device: half the bytes are transferred.

    Args:
        batch: with `(batch, window)` int16 audio, full scale at 32768, or a `(batch, window, channels, bins)` uint16
            spectrogram, full scale at 65535.
        network: says which signal it takes, and of what size.

    Returns:
        `(batch, window)` audio, full scale at 1, or `(batch, channels, window, bins)` spectrogram, 0 to 1.

    Raises:
        MisconfigurationException: the network takes another signal or size; the message names the keys to change.
    """
    _check(batch, network)
    if batch.signal.ndim == 2:
        return batch.signal.float() / _AUDIO
    spectrogram = batch.signal.transpose(1, 2).to(float32, memory_format=contiguous_format)
    return spectrogram.div_(_SPECTROGRAM)


def _check(batch: PitchBatch, network: FrameNetwork | VoicingNetwork) -> None:
    shape, name = tuple(batch.signal.shape), type(network).__name__
    given = {2: "audio", 4: "spectrogram"}.get(len(shape), f"{len(shape)}-dimensional")
    if given != network.signal:
        raise MisconfigurationException(
            f"data: its excerpts are {given}, but model.network, {name}, takes {network.signal}; change one of them"
        )
    unit = "samples" if given == "audio" else "label frames"
    sizes = [("data.window", shape[1], unit, "window", network.window)]
    sizes += [("data.frames", batch.f0.shape[1], "label frames", "frames", network.frames)]
    if isinstance(network, SpectrogramNetwork | VoicingNetwork):
        sizes += [("data", shape[2], "channels of the spectrogram", "channels", network.channels)]
        sizes += [("data", shape[3], "bins of the spectrogram", "bins", network.bins)]
    for key, size, of, argument, taken in sizes:
        if size != taken:
            raise MisconfigurationException(
                f"{key}: {size} {of}, but the network takes {taken}; change the data or model.network.{argument}"
            )
