"""Every network with parameters learns, at its smallest published size: what sounds when, not what sounds on average.

A few excerpts of harmonic tones and silence are learned by heart. The loss is compared with the best that a network
could reach that does not listen: the average target.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.nn import functional

from architectures import (
    CREPE,
    HCNN,
    AutocorrelationSequence,
    ConcatenatedInput,
    ConvolutionalVoicing,
    DeepSalience,
    DeepSalienceWithoutBiases,
    EarlyMultiResolution,
    FrameOutput,
    Harmonics,
    KimCREPE,
    MagnitudeSpectrum,
    MultiResolution,
    NormAfterConvolution,
    NormBeforeConvolution,
    NormBeforeDropout,
    NoteOctaveVoicingHead,
    Perceptron,
    ReconstructingCREPE,
    ResidualBlock,
    ResidualSalience,
    StandardisedWindow,
    TemporalVoicingHead,
    VariableStride,
    VoicingNetwork,
    VoicingPerceptron,
    WaveNet,
)
from architectures.layers import standardise_windows, tf_batch_norm_2d
from architectures.wavenet.output import Activation, AveragePool, Convolution
from architectures.wavenet.parts import Concat, InitialConvolution, KeepContext, Last
from lightning_modules import PitchGrid, SalienceBCE
from tests.architectures.counts_salience import VOICING

pytestmark = pytest.mark.usefixtures("one_thread")

RATE, HOP = 16000, 160
GRID = PitchGrid(lowest_note=48, semitones=24)
HARMONICS = torch.arange(1, 7)
LOSS = SalienceBCE(unvoiced_weight=1.0)


class Case(NamedTuple):
    """What learns, and how. What is learned by heart is learned without dropout.

    Attributes:
        build: makes the network.
        lr: of Adam.
        steps: that have to do, at most.
        batch: excerpts.
        frames: label frames of each.
        width: bins of the output, or those that a network for voicing reads.
    """

    build: Callable[..., nn.Module]
    lr: float = 3e-3
    steps: int = 100
    batch: int = 2
    frames: int = 4
    width: int = GRID.bins


def melodies(batch, frames):
    """f0 of any note of the grid in each frame, and silence in one of four."""
    notes = GRID.lowest_note + 23 * torch.rand(batch, frames)
    return GRID.hz_of(notes) * (torch.arange(batch * frames).view(batch, frames) % 4 != 3)


def tones(f0, network):
    """Their sound in the middle of windows, and before and behind it that of the outermost frames."""
    frames = f0.shape[1]
    frame = (torch.arange(network.window) - network.window // 2 + frames * HOP // 2).div(HOP, rounding_mode="floor")
    frequency = f0[:, frame.clamp(0, frames - 1)]
    phase = 2 * torch.pi * (frequency.double() / RATE).cumsum(1)
    partials = torch.sin(HARMONICS[:, None, None] * phase) / HARMONICS[:, None, None]
    return (0.1 * partials.sum(0) * (frequency > 0) + 1e-3 * torch.randn(frequency.shape)).float()


def combs(f0, network):
    """Their spectrogram: peaks at the harmonics, a floor of noise; the context is that of the outermost frames."""
    frames = f0.shape[1]
    frame = (torch.arange(network.window) - network.context).clamp(0, frames - 1)
    places = GRID.bins_per_semitone * (GRID.note_of(f0[:, frame, None] * HARMONICS) - GRID.lowest_note)
    distance = torch.arange(network.bins) - places[..., None]
    peaks = ((-distance.square() / 2).exp() * 0.8 ** (HARMONICS[:, None] - 1)).amax(2)
    spectrogram = peaks + 0.1 * torch.rand(peaks.shape)
    return spectrogram.clamp(0, 1)[:, None].expand(-1, network.channels, -1, -1).contiguous()


def losses(output, f0, audio):
    """How far each output is from what it should be; 0 is perfect."""
    values = {}
    if output.pitch is not None:
        target = GRID.gaussian(f0, LOSS.sigma)
        entropy = functional.binary_cross_entropy(target, target)
        values["pitch"] = LOSS(output.pitch, f0, torch.ones_like(f0, dtype=torch.bool), GRID) - entropy
    if output.voicing is not None:
        values["voicing"] = functional.binary_cross_entropy_with_logits(output.voicing, (f0 > 0).float())
    if output.reconstruction is not None:
        values["reconstruction"] = functional.mse_loss(output.reconstruction, standardise_windows(audio))
    return values


def averages(f0, audio):
    """The best outputs that do not depend on what is heard."""
    target, voiced = GRID.gaussian(f0, LOSS.sigma), (f0 > 0).float()
    return FrameOutput(
        target.mean((0, 1)).logit(1e-30).expand_as(target),
        voiced.mean().logit().expand_as(voiced),
        torch.zeros_like(audio),
    )


def outputs(network, heard):
    output = network(heard)
    if isinstance(network, VoicingNetwork):
        return FrameOutput(None, output)
    return output if isinstance(output, FrameOutput) else FrameOutput(output)


STRIDED = [AveragePool(5), Convolution(180, 16, 4), Activation(), Convolution(GRID.bins, 64, 8)]
OF_LOGITS = [Convolution(GRID.bins, 1), Activation(), Convolution(GRID.bins, 1), AveragePool(HOP)]
DENSE = [layer for _ in range(2) for layer in (Convolution(256, 32, 16), Activation())]
MARCH = {"hop": 93, "context": 944, "channels": 64, "skip_channels": 64, "kernel": 2, "crop": KeepContext()}
CQT = {"bins": 300}
HCQT = {"bins": 300, "channels": 1, "harmonics": Harmonics(1, 5)}
LONG = {"kernels": [(5, 5), (5, 5), (9, 3), (9, 3), (5, 70)], "last_kernel": (10, 1), "context": 14}
CONTEXT = {
    "bins": 300, "filters": 8, "kernels": [1, 3, 3, 3], "dilations": [1, 2, 4, 8], "context": 14, "dropout": 0.0,
}  # fmt: skip

# With a weight for each frame, a network can know the average of each without listening; these have one frame.
DENSE_CASE = partial(Case, batch=4, frames=1)
CASES = {
    "CREPE": DENSE_CASE(partial(CREPE, capacity=4, dropout=0.0)),
    "CREPE, multi-resolution": DENSE_CASE(partial(CREPE, capacity=8, dropout=0.0, first=MultiResolution(5))),
    "CREPE, early multi-resolution": DENSE_CASE(partial(CREPE, capacity=8, dropout=0.0, first=EarlyMultiResolution(5))),
    "CREPE, variable stride": DENSE_CASE(partial(CREPE, window=8192, capacity=8, dropout=0.0, first=VariableStride())),
    "CREPE, residual": DENSE_CASE(partial(CREPE, capacity=4, dropout=0.0, block=ResidualBlock())),
    "ReconstructingCREPE": DENSE_CASE(partial(ReconstructingCREPE, capacity=4, dropout=0.0), lr=1e-3, steps=200),
    "KimCREPE": DENSE_CASE(partial(KimCREPE, capacity=4, dropout=0.0)),
    "Perceptron": DENSE_CASE(Perceptron),
    "Perceptron, standardised": DENSE_CASE(partial(Perceptron, features=StandardisedWindow())),
    "Perceptron of a spectrum": DENSE_CASE(partial(Perceptron, features=MagnitudeSpectrum())),
    "Perceptron of an autocorrelation": DENSE_CASE(partial(Perceptron, features=AutocorrelationSequence())),
    "VoicingPerceptron": DENSE_CASE(VoicingPerceptron),
    "WaveNet, sum": Case(
        partial(WaveNet, context=1024, kernel=2, initial=InitialConvolution(2), postprocessing=OF_LOGITS), lr=1e-2
    ),
    "WaveNet, concat": Case(partial(WaveNet, max_dilation=64, skips=Concat(), postprocessing=STRIDED)),
    "WaveNet, last": Case(partial(WaveNet, channels=4, skip_channels=4, skips=Last(), postprocessing=STRIDED)),
    "WaveNet, dense": DENSE_CASE(partial(WaveNet, **MARCH, initial=InitialConvolution(2), postprocessing=DENSE)),
    "DeepSalience": Case(partial(DeepSalience, **CQT, capacity=4), lr=1e-2, steps=400),
    "DeepSalience, harmonic layers": Case(
        partial(DeepSalience, **CQT, capacity=4, layer_harmonics=Harmonics(2, 3)), lr=1e-2
    ),
    "DeepSalienceWithoutBiases": Case(partial(DeepSalienceWithoutBiases, **CQT), batch=1),
    "ResidualSalience": Case(partial(ResidualSalience, **HCQT, block=NormBeforeConvolution(0.0)), batch=1),
    "ResidualSalience, normalised afterwards": Case(
        partial(ResidualSalience, **HCQT, **LONG, block=NormAfterConvolution(0.0)), batch=1
    ),
    "ResidualSalience with a head": Case(
        partial(ResidualSalience, **HCQT, **LONG, block=NormBeforeConvolution(0.0), voicing=TemporalVoicingHead(0.0)),
        batch=1,
    ),
    "HCNN": Case(partial(HCNN, **CQT, filters=8, kernels=[1] * 4, dropout=0.0), lr=1e-2),
    "HCNN with context": Case(partial(HCNN, **CONTEXT, channels=3, layer_harmonics=Harmonics(1, 2)), lr=1e-2),
    "HCNN, normalised": Case(partial(HCNN, **CONTEXT, normalisation=tf_batch_norm_2d)),
    "HCNN with concatenation": Case(partial(HCNN, **CONTEXT, connection=ConcatenatedInput()), lr=1e-2),
    "HCNN with a head": Case(partial(HCNN, **CONTEXT, voicing=NoteOctaveVoicingHead(dropout=0.0)), lr=1e-2),
    **{
        f"voicing, {name}": Case(
            partial(ConvolutionalVoicing, kernels, block=NormBeforeDropout(dropout=0.0)), width=360
        )
        for name, (kernels, *_) in VOICING.items()
    },
    "voicing, normalised": Case(
        partial(ConvolutionalVoicing, VOICING["note_note"][0], block=NormBeforeDropout(tf_batch_norm_2d, 0.0)),
        width=360,
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_learns_what_sounds_when(case):
    torch.manual_seed(0)
    network = case.build(width=case.width, frames=case.frames)
    f0 = melodies(case.batch, case.frames)
    heard = tones(f0, network) if network.signal == "audio" else combs(f0, network)
    optimizer = torch.optim.Adam(network.parameters(), case.lr)
    deaf = losses(averages(f0, heard), f0, heard)
    goals = {}
    for _ in range(case.steps):
        now = losses(outputs(network, heard), f0, heard)
        goals = goals or {name: min(value.item(), deaf[name].item()) / 2 for name, value in now.items()}
        if all(now[name] < goals[name] for name in goals):
            break
        optimizer.zero_grad()
        sum(now.values()).backward()
        optimizer.step()
    assert all(now[name] < goals[name] for name in goals), f"{now} after {case.steps} steps, not below {goals}"
