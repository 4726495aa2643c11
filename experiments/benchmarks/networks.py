"""The networks of the melody catalogue beside CREPE tiny: parameters, multiply-adds, time for a second of audio.

    python -m experiments.benchmarks.networks

Each network has its published size and reads excerpts of noise at its published hop: as many as give the seconds of
audio that are asked for, at least one. Before each of its turns CREPE tiny has one of the same kind, so that both meet
the machine in the same state; a ratio is the median over the rounds of what the two took for a second of audio. The
order of the networks changes from round to round, and a first round is not counted. CREPE tiny is measured against
itself, too: how far that is from 1 is how far the others may be off. One thread by default, since several wait for each
other where a machine is shared, and small networks more than large ones.

- Forward: the excerpts to logits, in evaluation mode, without gradients.
- Training: forward in training mode, binary cross-entropy against random targets, backward, a step of Adam. The rules
  have no parameters and nothing to train.
- Multiply-adds: of the forward pass of one excerpt, times the excerpts of a second. torch.utils.flop_counter counts
  convolutions and matrix products, with what they read of padding; we add Fourier transforms, those of n real numbers
  as 1.25 n log2(n). Activations, normalisations, pooling and harmonic stacking are not counted.

Networks that read spectrograms are given them; the time of the constant-Q transform is not theirs.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jsonargparse import ArgumentParser
from jsonargparse.typing import PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from architectures import (
    CREPE,
    HCNN,
    Autocorrelation,
    ConvolutionalVoicing,
    DeepSalience,
    FrameNetwork,
    FrameOutput,
    Harmonics,
    KimCREPE,
    MultiResolution,
    NormAfterConvolution,
    Perceptron,
    ReconstructingCREPE,
    ResidualBlock,
    ResidualSalience,
    SpectralPeak,
    SpectrogramNetwork,
    VoicingNetwork,
    VoicingPerceptron,
    WaveNet,
)
from architectures.layers import parameter_count
from architectures.spectrogram.voicing import Kernel
from architectures.wavenet.output import Activation, AveragePool, Convolution
from architectures.wavenet.parts import Concat, InitialConvolution, KeepContext
from experiments.benchmarks.machine import describe_machine

REFERENCE = "CREPE tiny"
BINS = 360  # six octaves of 5 bins per semitone


class Entry(NamedTuple):
    """A network of the catalogue at its published size.

    Attributes:
        build: makes it.
        rate: samples per second of the audio.
        hop: samples between label frames.
    """

    build: Callable[[], FrameNetwork | VoicingNetwork]
    rate: int = 16000
    hop: int = 93


def _march_wavenet() -> WaveNet:
    """The first run of March 2019."""
    layers = [layer for _ in range(2) for layer in (Convolution(256, 32, 16), Activation())]
    return WaveNet(640, 93, 1, 944, 64, 64, 2, initial=InitialConvolution(2), crop=KeepContext(), postprocessing=layers)


def _final_wavenet() -> WaveNet:
    layers = [AveragePool(5), Convolution(180, 16, 4), Activation(), Convolution(BINS, 64, 8)]
    return WaveNet(BINS, 160, 5, 8192, max_dilation=1024, stacks=2, skips=Concat(), postprocessing=layers)


CONTEXT: dict[str, Any] = {"kernels": (1, 3, 3, 3), "dilations": (1, 2, 4, 8), "frames": 10, "context": 14}
LONG: dict[str, Any] = {"kernels": ((5, 5), (5, 5), (9, 3), (9, 3), (5, 70)), "last_kernel": (10, 1), "context": 14}
NOTES_AND_OCTAVES = (Kernel(5), Kernel(5, 5), Kernel(12), Kernel(12, 12))
THESIS = {"rate": 44100, "hop": 256}
HALF = {"rate": 44100, "hop": 512}

CATALOGUE: dict[str, Entry] = {
    REFERENCE: Entry(partial(CREPE, BINS), hop=160),
    "CREPE full": Entry(partial(CREPE, BINS, capacity=32), hop=160),
    "CREPE of five resolutions": Entry(partial(CREPE, 640, 2048, 8, first=MultiResolution(5))),
    "residual CREPE": Entry(partial(CREPE, 128, 1024, 16, block=ResidualBlock())),
    "CREPE tiny of Kim et al.": Entry(partial(KimCREPE, BINS), hop=160),
    "reconstructing CREPE tiny": Entry(partial(ReconstructingCREPE, BINS), hop=160),
    "WaveNet": Entry(_final_wavenet, hop=160),
    "WaveNet of March": Entry(_march_wavenet),
    "deep salience": Entry(partial(DeepSalience, BINS), **HALF),
    "deep salience with harmonic layers": Entry(
        partial(DeepSalience, BINS, capacity=18, layer_harmonics=Harmonics(2, 3)), **HALF
    ),
    "residual deep salience": Entry(
        partial(ResidualSalience, BINS, **LONG, block=NormAfterConvolution()), rate=22050, hop=256
    ),
    "HCNN": Entry(partial(HCNN, BINS), **THESIS),
    "HCNN with context": Entry(partial(HCNN, BINS, 3, layer_harmonics=Harmonics(1, 2), **CONTEXT), **THESIS),
    "HCNN of MIREX": Entry(partial(HCNN, BINS, filters=12, layer_harmonics=Harmonics(3, 5)), **THESIS),
    "HCNN of MIREX with context": Entry(
        partial(HCNN, BINS, filters=8, layer_harmonics=Harmonics(5, 6), **CONTEXT), **THESIS
    ),
    "voicing by notes and octaves": Entry(
        partial(ConvolutionalVoicing, NOTES_AND_OCTAVES, harmonics=Harmonics(0, 6)), **HALF
    ),
    "perceptron P1": Entry(partial(Perceptron, 128, 1981)),
    "perceptron P2": Entry(partial(Perceptron, 128, 1024)),
    "perceptron P3": Entry(partial(VoicingPerceptron, 128, 1024)),
    "autocorrelation": Entry(partial(Autocorrelation, BINS), hop=160),
    "spectral peak": Entry(partial(SpectralPeak, BINS), hop=160),
}


class Subject:
    """A network with all that its turns need.

    Args:
        entry: the network.
        seconds: of audio that a turn is about.
        device: where it runs.
    """

    def __init__(self, entry: Entry, seconds: float, device: torch.device) -> None:
        network = entry.build().to(device)
        excerpt: tuple[int, ...] = (network.window,)
        if isinstance(network, SpectrogramNetwork | VoicingNetwork):
            excerpt = (network.channels, network.window, network.bins)
        of_one = network.frames * entry.hop / entry.rate
        self.network, self.excerpts_per_second = network, 1 / of_one
        self.excerpts = max(1, round(seconds / of_one))
        self.seconds = self.excerpts * of_one
        self.parameters = parameter_count(network)
        self.input = torch.randn(self.excerpts, *excerpt, device=device)
        with torch.no_grad():
            self.targets = [torch.rand_like(output) for output in self._outputs()]
        self.optimizer = torch.optim.Adam(network.parameters()) if self.parameters else None

    def turns(self) -> dict[str, Callable[[], None]]:
        """What is timed, by name."""
        return {"forward": self.forward, **({"training": self.step} if self.optimizer else {})}

    @torch.no_grad()
    def forward(self) -> None:
        """Logits of the excerpts."""
        self.network.eval()
        self._outputs()

    def step(self) -> None:
        """One step of training on the excerpts."""
        assert self.optimizer is not None, "a rule has no step"
        self.network.train()
        self.optimizer.zero_grad()
        pairs = zip(self._outputs(), self.targets, strict=True)
        loss = sum(functional.binary_cross_entropy_with_logits(output, target) for output, target in pairs)
        assert isinstance(loss, Tensor)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    @torch.no_grad()
    def multiply_adds(self) -> float:
        """Of the forward pass for a second of audio."""
        transforms = {torch.ops.aten._fft_r2c: _of_r2c, torch.ops.aten._fft_c2r: _of_c2r}
        with FlopCounterMode(display=False, custom_mapping=transforms) as counter:
            self.network.eval()(self.input[:1])
        return float(counter.get_total_flops()) / 2 * self.excerpts_per_second

    def _outputs(self) -> list[Tensor]:
        output = self.network(self.input)
        return [each for each in output if each is not None] if isinstance(output, FrameOutput) else [output]


def _of_r2c(input: Sequence[int], *_: object, out_shape: Sequence[int]) -> int:
    return _of_transforms(math.prod(input[:-1]), input[-1])


def _of_c2r(input: Sequence[int], *_: object, out_shape: Sequence[int]) -> int:
    return _of_transforms(math.prod(out_shape[:-1]), out_shape[-1])


def _of_transforms(number: int, size: int) -> int:
    """Operations of so many Fourier transforms of so many real numbers, half of the usual count for complex ones."""
    return round(number * 2.5 * size * math.log2(size))


def duration(turn: Callable[[], None], device: torch.device, least: float) -> float:
    """Seconds that one call takes, the mean over as many as last `least` seconds together, at least one."""
    done, began = 0, _now(device)
    while (taken := _now(device) - began) < least or not done:
        turn()
        done += 1
    return taken / done


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


class PairedSeconds(NamedTuple):
    """What a turn took for a second of audio.

    Attributes:
        seconds: of the network.
        reference: of CREPE tiny, immediately before.
    """

    seconds: float
    reference: float


Costs = Mapping[str, Mapping[str, Sequence[PairedSeconds]]]


def measure(subjects: Mapping[str, Subject], device: torch.device, rounds: int, least: float) -> Costs:
    """The costs of every network by the name of the turn, one of each round."""
    costs: dict[str, dict[str, list[PairedSeconds]]] = {
        name: {turn: [] for turn in subject.turns()} for name, subject in subjects.items()
    }
    reference, names = subjects[REFERENCE], list(subjects)
    with tqdm(desc="measuring", total=len(names) * (rounds + 1), unit="network") as progress:
        for number in range(rounds + 1):
            for place in np.random.default_rng(number).permutation(len(names)):
                subject = subjects[names[place]]
                for turn, call in subject.turns().items():
                    before = duration(reference.turns()[turn], device, least) / reference.seconds
                    cost = PairedSeconds(duration(call, device, least) / subject.seconds, before)
                    if number:  # nothing is allocated or compiled any more
                        costs[names[place]][turn].append(cost)
                progress.update()
    return costs


def ratio(costs: Sequence[PairedSeconds]) -> float:
    """How many times as long as CREPE tiny: the median over the rounds."""
    return statistics.median(cost.seconds / cost.reference for cost in costs)


def table(subjects: Mapping[str, Subject], costs: Costs) -> str:
    """A line for each network; times are medians, `x tiny` the median ratio and its range over the rounds."""
    width = max(map(len, subjects))
    lines = [
        f"{'':{width}}  {'parameters':>10}  {'G multiply-adds':>15}  {'excerpts':>8}  {'forward':>9}  "
        f"{'x tiny':>27}  {'training':>9}  {'x tiny':>27}",
        f"{'':{width}}  {'':>10}  {'/s of audio':>15}  {'a turn':>8}  {'ms/s':>9}  {'':>27}  {'ms/s':>9}",
    ]
    for name, subject in subjects.items():
        cells = [f"{subject.parameters:>10}", f"{subject.multiply_adds() / 1e9:>15.4g}", f"{subject.excerpts:>8}"]
        for each in costs[name].values():
            ratios = [cost.seconds / cost.reference for cost in each]
            spread = f"{ratio(each):.3g} ({min(ratios):.3g} to {max(ratios):.3g})"
            cells.append(f"{1e3 * statistics.median(cost.seconds for cost in each):>9.1f}  {spread:>27}")
        lines.append(f"{name:{width}}  " + "  ".join(cells))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the table, and end with the line of ratios."""
    options = _parser().parse_args(arguments)
    device = torch.device(options.device)
    torch.set_num_threads(options.threads)
    print(describe_machine(("torch", "numpy")))
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"
    print(f"on {where}, threads: {torch.get_num_threads()}, about {options.seconds} s of audio a turn", flush=True)
    names = [REFERENCE, *(name for name in options.networks if name != REFERENCE)]
    torch.manual_seed(0)
    subjects = {name: Subject(CATALOGUE[name], options.seconds, device) for name in names}
    costs = measure(subjects, device, options.rounds, options.least)
    print(f"\n{table(subjects, costs)}\n")
    result: dict[str, Any] = {
        name: {turn: float(f"{ratio(each):.4g}") for turn, each in turns.items()} for name, turns in costs.items()
    }
    print(f"RESULT {json.dumps(result)}")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m experiments.benchmarks.networks",
        description=(__doc__ or "").splitlines()[0],
        allow_abbrev=False,
    )
    parser.add_argument("--rounds", type=PositiveInt, default=5, help="turns of each network that count")
    parser.add_argument("--seconds", type=PositiveFloat, default=0.1, help="of audio in a turn")
    parser.add_argument("--least", type=PositiveFloat, default=0.05, help="seconds that a turn is repeated for")
    parser.add_argument("--device", type=Literal["cpu", "cuda"], default="cpu", help="where the networks run")
    parser.add_argument(
        "--threads", type=PositiveInt, default=1, help="several wait for each other on a shared machine"
    )
    parser.add_argument(
        "--networks", nargs="+", choices=[*CATALOGUE], default=[*CATALOGUE], metavar="NAME", help="which of them"
    )
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
