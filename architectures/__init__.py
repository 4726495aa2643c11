"""Networks: tensors in, tensors out. No Lightning, no files, no data sets.

Words for dimensions, here and in every signature: batch, samples, frames, bins, channels, classes.
"""

from architectures.base import FrameNetwork
from architectures.crepe import CREPE

__all__ = ["CREPE", "FrameNetwork"]
