"""Models as graphs from the audio, or the spectrogram, of one recording of any length to the answer about it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures import ConvolutionalNetwork, FrameOutput, FromAudio
from architectures.base import Sequences
from architectures.streams import without_batch
from datamodules.errors import DataError
from experiments.exporting.recurrent import with_lstm_operations
from experiments.transcription.transcriber import Transcriber
from experiments.transcription.utterances import ClipTagger, PhoneTagger


class Graph(NamedTuple):
    """What is exported.

    Attributes:
        module: takes a tensor, gives as many as there are outputs.
        example: of the input, some seconds long.
        axis: of the input whose length may vary; None: it must be as the example's.
        least: length along that axis.
        input: its name.
        outputs: their names.
        metadata: what a program must know that runs it.
    """

    module: nn.Module
    example: Tensor
    axis: int | None
    least: int
    input: str
    outputs: tuple[str, ...]
    metadata: dict[str, str]


def graph_of(model: Transcriber | ClipTagger | PhoneTagger) -> Graph:
    """The graph of a model on the CPU.

    Raises:
        DataError: its decoder, or its front end, needs what a graph has not.
    """
    if isinstance(model, Transcriber):
        return _of_pitch(model)
    return _of_clips(model) if isinstance(model, ClipTagger) else _of_phones(model)


def _of_pitch(tracker: Transcriber) -> Graph:
    model, network = tracker.model, tracker.model.network
    if not model.decoder.frame_wise:
        raise DataError(
            f"model.decoder: {type(model.decoder).__name__} decodes whole tracks, which a graph does not; release or "
            "train the model with LocalAverage"
        )
    grid = model.grid
    metadata = {
        "task": "pitch",
        "rate": tracker.rate,
        "hop": tracker.hop,
        "voicing_threshold": tracker.threshold,
        "grid": {"lowest_note": grid.lowest_note, "bins_per_semitone": grid.bins_per_semitone, "bins": grid.bins},
        "times": "frame t is centred on sample t * hop",
        "f0": "Hz, the best guess; the frame is voiced where the confidence is greater than voicing_threshold",
    }
    if isinstance(tracker.whole, FromAudio):
        transform = tracker.whole.transform
        metadata["input"] = (
            "(channels, frames, bins), 0 to 1, by the transform stated here, relative to the recording's maximum"
        )
        metadata["transform"] = tracker.spectrogram
        sound = _sound(tracker.rate, tracker.rate)
        example = torch.cat(list(transform.of_recording(lambda: [sound])), dim=1)
        made: nn.Module = _SpectrogramPitch(tracker)
        return Graph(
            made.eval().requires_grad_(False),
            example,
            1,
            network.frames + 1,
            "spectrogram",
            ("f0", "confidence"),
            _texts(metadata),
        )
    metadata["input"] = f"(samples,), mono, full scale at 1, {tracker.rate} samples per second"
    made = _ExcerptPitch(tracker) if isinstance(network, ConvolutionalNetwork) else _WindowPitch(tracker)
    example = _sound(tracker.rate, tracker.rate)
    return Graph(
        made.eval().requires_grad_(False), example, 0, _least(tracker), "audio", ("f0", "confidence"), _texts(metadata)
    )


def _of_clips(tagger: ClipTagger) -> Graph:
    fixed = tagger.seconds is not None
    samples = tagger.rate if tagger.seconds is None else round(tagger.seconds * tagger.rate)
    metadata = {
        "task": "classes",
        "rate": tagger.rate,
        "input": f"(samples,), mono, full scale at 1, {tagger.rate} samples per second"
        + (f", exactly {samples}" if fixed else ""),
        "classes": list(tagger.classes),
    }
    example = _sound(samples, tagger.rate)
    least = _least(tagger)
    return Graph(
        _Clips(tagger).eval().requires_grad_(False),
        example,
        None if fixed else 0,
        least,
        "audio",
        ("probabilities",),
        _texts(metadata),
    )


def _of_phones(tagger: PhoneTagger) -> Graph:
    network, front_end = tagger.module.network, tagger.module.front_end
    hop: Any = front_end.hop
    metadata = {
        "task": "phones",
        "rate": tagger.rate,
        "input": f"(samples,), mono, full scale at 1, {tagger.rate} samples per second",
        "phones": ["<blank>", *tagger.phones],
        "log_probs": "(frames, phones with the blank first)",
        "times": f"frame t is centred on {network.offset * hop} + t * {network.stride * hop} samples",
    }
    example = _sound(tagger.rate, tagger.rate)
    return Graph(
        with_lstm_operations(_Phones(tagger)).eval().requires_grad_(False),
        example,
        0,
        _least(tagger),
        "audio",
        ("log_probs",),
        _texts(metadata),
    )


def _sound(samples: int, rate: int) -> Tensor:
    """A voice that glides from 150 to 300 Hz, and noise."""
    seconds = torch.arange(samples, dtype=torch.float64) / rate
    turns = 150 * seconds + 75 * seconds.square() * rate / samples
    voice = sum(torch.sin(2 * torch.pi * harmonic * turns) / harmonic for harmonic in range(1, 9))
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (0.1 * torch.as_tensor(voice) + 0.01 * noise).float()


def _least(model: Transcriber | ClipTagger | PhoneTagger) -> int:
    """Samples of a tenth of a second: graphs are made for several frames."""
    return model.rate // 10


def _texts(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}


class _Pitch(nn.Module):
    """A tracker's network and decoder."""

    def __init__(self, tracker: Transcriber) -> None:
        super().__init__()
        self.network, self.model, self.hop = tracker.model.network, tracker.model, tracker.hop

    def decoded(self, logits: Tensor | FrameOutput, frames: int) -> tuple[Tensor, Tensor]:
        """f0 and confidence of the first frames of successive excerpts `(excerpts, frames, ...)`."""
        whole = without_batch(logits)
        if isinstance(whole, FrameOutput):
            whole = FrameOutput(whole.pitch[:frames], None if whole.voicing is None else whole.voicing[:frames])
        else:
            whole = whole[:frames]
        found = self.model.decode(whole)
        return found.f0, found.confidence


class _ExcerptPitch(_Pitch):
    """A network that takes excerpts of any length: the recording is one excerpt."""

    @override
    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        network = self.network
        assert isinstance(network, ConvolutionalNetwork)
        frames = (audio.shape[0] + self.hop - 1) // self.hop
        before = network.window_of(1) // 2
        behind = network.window_of(1) + (frames - 1) * self.hop - before - audio.shape[0]
        padded = torch.cat([audio.new_zeros(before), audio, audio.new_zeros(behind)])
        return self.decoded(network(padded[None]), frames)


class _WindowPitch(_Pitch):
    """A network of windows: all of the recording's are a batch."""

    @override
    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        network = self.network
        frames = (audio.shape[0] + self.hop - 1) // self.hop
        step = network.frames * self.hop
        lead = network.window // 2 - (network.frames - 1) * self.hop // 2
        windows = (frames + network.frames - 1) // network.frames
        behind = (windows - 1) * step + network.window
        padded = torch.cat([audio.new_zeros(max(lead, 0)), audio[max(-lead, 0) :], audio.new_zeros(behind)])
        return self.decoded(network(padded[:behind].unfold(0, network.window, step)), frames)


class _SpectrogramPitch(_Pitch):
    """A network of excerpts of spectrograms: all of the recording's are a batch."""

    @override
    def forward(self, spectrogram: Tensor) -> tuple[Tensor, Tensor]:
        network: Any = self.network
        frames = spectrogram.shape[1]
        behind = (frames + network.frames - 1) // network.frames * network.frames - frames
        padded = functional.pad(spectrogram, (0, 0, network.context, behind + network.context))
        excerpts = padded.unfold(1, network.window, network.frames).permute(1, 0, 3, 2)
        return self.decoded(network(excerpts), frames)


class _Clips(nn.Module):
    def __init__(self, tagger: ClipTagger) -> None:
        super().__init__()
        self.front_end, self.network = tagger.module.front_end, tagger.module.network

    @override
    def forward(self, audio: Tensor) -> Tensor:
        features = self.front_end(audio[None], _length(audio))
        logits: Tensor = self.network(features.values, features.lengths)
        return logits[0].softmax(-1)


class _Phones(nn.Module):
    def __init__(self, tagger: PhoneTagger) -> None:
        super().__init__()
        self.front_end, self.network = tagger.module.front_end, copy.deepcopy(tagger.module.network)

    @override
    def forward(self, audio: Tensor) -> Tensor:
        features = self.front_end(audio[None], _length(audio))
        logits: Sequences = self.network(features.values, features.lengths)
        return logits.values[0].log_softmax(-1)


def _length(audio: Tensor) -> Tensor:
    return torch.full((1,), audio.shape[0], dtype=torch.int64)
