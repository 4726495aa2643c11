"""How often a callback acts."""

from lightning.pytorch import Trainer
from lightning.pytorch.trainer.states import TrainerFn


class ValidationInterval:
    """Says yes at the first and then every n-th validation of a fit, and always outside of fit.

    Args:
        every: validations from one yes to the next.

    Raises:
        ValueError: `every` is below 1.
    """

    def __init__(self, every: int) -> None:
        if every < 1:
            raise ValueError(f"every_n_validations: {every}; it must be 1 or more")
        self._every = every
        self._seen = 0

    def due(self, trainer: Trainer) -> bool:
        """Count the validation that begins, and say whether to act in it."""
        if trainer.state.fn != TrainerFn.FITTING:
            return True
        self._seen += 1
        return (self._seen - 1) % self._every == 0
