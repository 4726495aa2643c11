"""Callbacks of tracks whose pitch was estimated."""

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer

from callbacks.passes import PassCallback
from lightning_modules.outputs import DecidesVoicing, PitchTrackOutput


class TrackCallback(PassCallback[PitchTrackOutput]):
    """Sees every finished track."""

    items = "tracks"
    field = "pitch"
    purpose = "pitch, which the model does not estimate"


def voicing_threshold(trainer: Trainer, dataset: str) -> float:
    """The voicing threshold that the module decided for a set; known in `finish`.

    Raises:
        MisconfigurationException: the module decided none.
    """
    module = trainer.lightning_module
    thresholds = module.voicing_thresholds if isinstance(module, DecidesVoicing) else {}
    if dataset not in thresholds:
        raise MisconfigurationException(
            f"{type(module).__name__}.voicing_thresholds: none of {dataset!r}; there are: {sorted(thresholds)}"
        )
    return thresholds[dataset]
