"""Recordings to classes and to phones, by a trained ClipClassifier or PhonemeRecognizer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from datamodules.corpora.base import Audio
from datamodules.errors import DataError
from datamodules.preparation.mono import mono_int16_blocks
from experiments.runs import stated_data
from experiments.transcription.signals import Hearer, threads
from lightning_modules import AudioModule, ClipClassifier, PhonemeRecognizer
from lightning_modules.decoding import align

_AT_ONCE = 32  # clips of a batch


class ClipLabels(NamedTuple):
    """The classes of a recording, clip by clip.

    Attributes:
        starts: float64 `(clips,)`, s.
        ends: float64 `(clips,)`, s.
        classes: names, in the order of the probabilities.
        probabilities: float32 `(clips, classes)`.
    """

    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]

    @property
    def labels(self) -> list[str]:
        """The most probable class of each clip."""
        return [self.classes[place] for place in self.probabilities.argmax(axis=1)]


class SpokenPhones(NamedTuple):
    """The phones of a recording, in order.

    Attributes:
        phones: names.
        starts: float64 `(phones,)`, s.
        ends: float64 `(phones,)`, s.
        confidence: float64 `(phones,)`, 0 to 1.
    """

    phones: tuple[str, ...]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    confidence: NDArray[np.float64]


class UtteranceAnswerer:
    """What answers about recordings of any rate have in common.

    Args:
        module: in evaluation mode; its front end takes audio.
        device: where it runs.
        threads: that it computes with; None: as many as torch has.

    Raises:
        DataError: the front end takes stored features.
    """

    def __init__(
        self, module: ClipClassifier | PhonemeRecognizer, device: str = "cpu", threads: int | None = None
    ) -> None:
        rate = module.front_end.rate
        if rate is None:
            raise DataError(
                f"model.front_end: {type(module.front_end).__name__} takes features that were stored beside the audio; "
                "recordings need a model that computes its features"
            )
        self.rate, self.device, self.threads = int(rate), torch.device(device), threads

    def samples_of(self, blocks: Iterable[Audio]) -> NDArray[np.int16]:
        """`(samples,)` at the rate of the model.

        Raises:
            DataError: there is none.
        """
        samples: NDArray[np.int16] = np.concatenate([np.zeros(0, np.int16), *mono_int16_blocks(blocks, self.rate)])
        if not len(samples):
            raise DataError(f"too short: no sample of it is left at {self.rate} samples per second")
        return samples


class ClipTagger(UtteranceAnswerer, Hearer[ClipLabels]):
    """A ClipClassifier on recordings of any rate.

    Args:
        module: in evaluation mode.
        classes: names, in the order of its outputs.
        seconds: of the clips that it was trained with: a longer recording is cut into such clips, the last one padded
            with silence; None: a recording is one clip.
        device: where it runs.
        threads: that it computes with; None: as many as torch has.
    """

    def __init__(
        self,
        module: ClipClassifier,
        classes: Sequence[str],
        seconds: float | None = None,
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        super().__init__(module, device, threads)
        self.module, self.classes, self.seconds = module.to(device), tuple(classes), seconds

    @override
    def of_blocks(self, blocks: Iterable[Audio]) -> ClipLabels:
        """The classes of a recording whose audio comes in blocks; errors are those of a call."""
        samples = self.samples_of(blocks)
        length = len(samples) if self.seconds is None else round(self.seconds * self.rate)
        starts = np.arange(0, len(samples), length)
        clips = np.zeros((len(starts), length), np.int16)
        clips.reshape(-1)[: len(samples)] = samples
        ends = np.minimum(starts + length, len(samples))
        with torch.inference_mode(), threads(self.threads):
            parts = [self._probabilities(some) for some in torch.split(torch.from_numpy(clips), _AT_ONCE)]
        return ClipLabels(starts / self.rate, ends / self.rate, self.classes, torch.cat(parts).numpy())

    def _probabilities(self, clips: Tensor) -> Tensor:
        lengths = torch.full((len(clips),), clips.shape[1], device=self.device)
        found: Tensor = self.module(clips.to(self.device), lengths)
        return found.cpu()


class PhoneTagger(UtteranceAnswerer, Hearer[SpokenPhones]):
    """A PhonemeRecognizer on recordings of any rate, with its decoder of tests.

    Args:
        module: in evaluation mode.
        phones: names, in the order of its outputs behind the blank.
        device: where it runs.
        threads: that it computes with; None: as many as torch has.

    Raises:
        DataError: the decoder cannot work with these phones.
    """

    def __init__(
        self, module: PhonemeRecognizer, phones: Sequence[str], device: str = "cpu", threads: int | None = None
    ) -> None:
        super().__init__(module, device, threads)
        self.module, self.phones = module.to(device), tuple(phones)
        try:
            module.test_decoder.check(self.phones)
        except ValueError as error:
            raise DataError(f"data.phones: {error}") from error

    @override
    def of_blocks(self, blocks: Iterable[Audio]) -> SpokenPhones:
        """The phones of a recording whose audio comes in blocks; errors are those of a call."""
        samples = self.samples_of(blocks)
        signal = torch.from_numpy(samples)[None].to(self.device)
        frames = int(self.module.output_frames(np.array([len(samples)]))[0])
        if frames < 1:
            raise DataError(f"too short: {len(samples) / self.rate:g} s give no frame")
        with torch.inference_mode(), threads(self.threads):
            log_probs = self.module(signal, torch.tensor([len(samples)], device=self.device))
            (hypotheses,) = self.module.test_decoder(log_probs.values, log_probs.lengths, self.phones)
            symbols = torch.tensor(hypotheses[0].symbols, dtype=torch.int64)
            spans = align(log_probs.values[0, :frames].cpu(), symbols) if len(symbols) else []
        starts, ends = (self._seconds(np.array(list(edges), np.float64)) for edges in _edges(spans))
        names = tuple(self.phones[span.symbol - 1] for span in spans)
        last = len(samples) / self.rate
        sure = np.array([span.confidence for span in spans], np.float64)
        return SpokenPhones(names, np.clip(starts, 0, last), np.clip(ends, 0, last), sure)

    def _seconds(self, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """Seconds of the borders between frames: those of frame t are half a frame before and behind its centre."""
        network, front_end = self.module.network, self.module.front_end
        hop: Any = front_end.hop
        return (network.offset + network.stride * (edges - 0.5)) * float(hop) / self.rate


def _edges(spans: Sequence[Any]) -> Iterator[Iterator[int]]:
    yield (span.start for span in spans)
    yield (span.end for span in spans)


def tagger_of(
    module: AudioModule, checkpoint: Path, device: str = "cpu", threads: int | None = None
) -> ClipTagger | PhoneTagger:
    """That of a trained module.

    Args:
        module: in evaluation mode.
        checkpoint: `RUN/checkpoints/NAME.ckpt` that it is from; RUN/config.yaml names its classes or phones.
        device: where it runs.
        threads: that it computes with; None: as many as torch has.

    Raises:
        DataError: it is another module, or cannot be used.
    """
    stated = stated_data(checkpoint.parent.parent / "config.yaml")
    if isinstance(module, ClipClassifier):
        return ClipTagger(module, stated["classes"], stated.get("seconds"), device, threads)
    if isinstance(module, PhonemeRecognizer):
        return PhoneTagger(module, stated["phones"], device, threads)
    raise DataError(
        f"{checkpoint}: of a {type(module).__name__}; models that answer are MelodyTracker, ClipClassifier and "
        "PhonemeRecognizer"
    )
