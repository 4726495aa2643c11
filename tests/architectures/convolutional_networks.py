"""A network that is fully convolutional over time, small enough for tests of whatever takes such networks."""

from torch import nn

from architectures import ConvolutionalNetwork, FrameOutput

HOP, TAPS, REACH = 80, 400, 2  # samples; samples of a frame; frames on each side


class TinyConvolutional(ConvolutionalNetwork):
    """Frames of 400 samples, and what two frames on each side say of them."""

    def __init__(self, width: int = 32, frames: int = 3, channels: int = 8, voicing: bool = True) -> None:
        super().__init__()
        self.width, self.frames, self.hop, self.rate = width, frames, HOP, 8000
        self.window = self.window_of(frames)
        self.filters = nn.Conv1d(1, channels, TAPS, HOP)
        self.context = nn.Conv1d(channels, width + voicing, 2 * REACH + 1)
        self.norm = nn.BatchNorm1d(width + voicing)  # its statistics are buffers, one of them of integers
        self.voicing = voicing

    def window_of(self, frames):
        return (frames - 1 + 2 * REACH) * HOP + TAPS

    def forward(self, audio):
        logits = self.norm(self.context(self.filters(audio[:, None]).relu())).transpose(1, 2)
        return FrameOutput(logits[..., :-1], logits[..., -1]) if self.voicing else logits
