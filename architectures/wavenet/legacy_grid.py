"""WaveNet whose output steps are taken for label frames wherever they are, as in three published runs."""

from __future__ import annotations

from typing_extensions import override

from architectures.wavenet.output import Places
from architectures.wavenet.wavenet import WaveNet


class LegacyGridWaveNet(WaveNet):
    """WaveNet that takes its steps for the label frames in order, whatever the samples from one to the next.

    Runs of March 2019 without a dense layer gave 8 steps, 256 samples apart, of a window of 2048 samples, and learned
    them against 8 labels that were 93 samples apart in its middle: the outermost steps were 570 samples (36 ms) off
    their labels. One of them is noted as a "complete flop". It is kept to show that. WaveNet refuses such steps; with a
    `hop` of 256 and no context it is the same network on the grid of its steps.

    Arguments are WaveNet's.
    """

    @override
    def check_places(self, places: Places, hop: int) -> None:
        pass
