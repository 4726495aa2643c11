"""Pitch of audio as it arrives: from a microphone, a pipe, or another program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from architectures import FrameOutput
from architectures.streams import joined, stream_of
from datamodules.errors import DataError
from datamodules.preparation.mono import MonoStream, resampling_delay
from experiments.transcription.signals import Samples, audio_of, threads

if TYPE_CHECKING:
    from experiments.transcription.transcriber import Transcriber, Transcription


class PitchStream:
    """The pitch of a recording whose audio is pushed as it arrives.

    What comes out is what the Transcriber gives for the whole recording, but for rounding.

    Args:
        transcriber: whose network reads audio, and whose decoder looks at one frame at a time.
        rate: samples per second of what is pushed.
        frames: that are computed at once, at least: more take less time and come later.

    Raises:
        DataError: the network reads spectrograms, which are relative to the loudest of the whole recording, or the
            decoder needs the whole.

    Attributes:
        latency: s from a sound to the frames that depend on it, less the time to compute.
    """

    def __init__(self, transcriber: Transcriber, rate: int, frames: int = 10) -> None:
        model = transcriber.model
        if not transcriber.model.decoder.frame_wise:
            raise DataError(
                f"{type(model.decoder).__name__} decodes whole recordings; a stream needs a model whose decoder looks "
                "at one frame at a time, such as tracker_live"
            )
        if model.network.signal != "audio":
            raise DataError(
                f"{type(model.network).__name__} reads spectrograms, which are relative to the loudest of a whole "
                "recording; a stream needs a model that reads audio, such as tracker_live"
            )
        self._transcriber, self._audio = transcriber, MonoStream(rate, transcriber.rate)
        self.rate, self._frames = rate, 0
        self._logits = stream_of(model.network, transcriber.hop, frames)
        self.latency = self._logits.latency / transcriber.rate + resampling_delay(rate, transcriber.rate)

    def push(self, samples: Samples) -> Transcription:
        """Take audio.

        Args:
            samples: as `signals.audio_of` takes them, of any length.

        Returns:
            The frames that are complete now, perhaps none.

        Raises:
            DataError: it is no audio.
        """
        audio = audio_of(samples, self.rate)
        return self._heard(self._audio.push(audio.samples)) if len(audio.samples) else self._found([])

    def finish(self) -> Transcription:
        """The remaining frames; nothing can be pushed any more."""
        return self._heard(self._audio.finish(), last=True)

    def _heard(self, samples: NDArray[np.int16], last: bool = False) -> Transcription:
        block = torch.from_numpy(samples.astype(np.float32) / 32768).to(self._transcriber.device)
        with torch.inference_mode(), threads(self._transcriber.threads):
            runs = [*self._logits.push(block), *(self._logits.finish() if last else ())]
            return self._found(runs)

    def _found(self, runs: Sequence[Tensor | FrameOutput]) -> Transcription:
        from experiments.transcription.transcriber import Transcription

        made = self._transcriber
        if not runs:
            nothing = np.zeros(0)
            return Transcription(nothing, nothing, nothing, nothing > 0)
        decoded = made.model.decode(joined(runs))
        first, self._frames = self._frames, self._frames + len(decoded.f0)
        return made.answer_of([decoded], first)


def streamed(stream: PitchStream, blocks: Iterable[Samples]) -> Iterator[Transcription]:
    """The frames of a recording as they are complete, without the empty answers between them.

    Args:
        stream: nothing was pushed to it yet.
        blocks: as `push` takes them.
    """
    for block in blocks:
        found = stream.push(block)
        if len(found.times):
            yield found
    found = stream.finish()
    if len(found.times):
        yield found
