"""Deep salience without frames of context has gaps where its windows meet; with them, nothing depends on the cut."""

import csv

import numpy as np
import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch.nn import functional

from architectures import DeepSalience, DeepSalienceWithoutBiases, ResidualSalience
from architectures.spectrogram.harmonics import FUNDAMENTAL
from architectures.whole_recordings import WholeSpectrogram
from callbacks import WindowGaps, run_folder

BINS, WINDOW, NOTE = 24, 16, 19  # frames of a window, and of a note
REACH = 7  # frames on each side that deep salience depends on


def melody(seed, frames):
    """A spectrogram of noise `(1, frames, bins)` in which the bins of notes are louder, and the notes `(frames,)`.

    They are so soft that a frame alone does not tell them.
    """
    generator = torch.Generator().manual_seed(seed)
    notes = torch.randint(4, BINS - 4, (-(-frames // NOTE),), generator=generator).repeat_interleave(NOTE)[:frames]
    spectrogram = 0.6 * torch.rand(frames, BINS, generator=generator)
    spectrogram[torch.arange(frames), notes] += 0.2
    return spectrogram[None], notes


def untrained(context, network=DeepSalience):
    torch.manual_seed(0)
    sizes = {"bins": BINS, "frames": WINDOW, "context": context, "bins_per_semitone": 1, "harmonics": FUNDAMENTAL}
    width = {"filters": 4} if network is ResidualSalience else {"capacity": 4}
    return network(BINS, channels=1, **sizes, **width).eval()


def trained(context):
    network = untrained(context).train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.1  # of a short training
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    spectrogram, notes = melody(0, 4000)
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        starts = torch.randint(0, 4000 - network.window, (16,), generator=generator).tolist()
        windows = torch.stack([spectrogram[:, start : start + network.window] for start in starts])
        wanted = torch.stack([notes[start + context : start + context + WINDOW] for start in starts])
        target = functional.one_hot(wanted, BINS).float()
        loss = functional.binary_cross_entropy_with_logits(network(windows), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


@torch.no_grad()
def logits(network, spectrogram):
    return WholeSpectrogram(network)(spectrogram)


def largest_change(network, shift):
    """Of the logits of the same frames, if the windows are cut `shift` frames further on; without the ends."""
    spectrogram, _ = melody(1, 10 * WINDOW)
    first, other = logits(network, spectrogram), logits(network, spectrogram[:, shift:])
    inner = slice(2 * WINDOW, 8 * WINDOW)
    return float((first[shift:][inner] - other[inner]).abs().max())


@pytest.mark.parametrize("network", [DeepSalience, DeepSalienceWithoutBiases, ResidualSalience])
def test_with_the_whole_context_no_output_depends_on_where_windows_are_cut(network):
    for shift in (1, 5, WINDOW // 2):
        assert largest_change(untrained(REACH, network), shift) < 1e-5
        assert largest_change(untrained(REACH + 3, network), shift) < 1e-5
        assert largest_change(untrained(0, network), shift) > 1e-3
        assert largest_change(untrained(REACH - 1, network), shift) > 1e-5


def hertz(notes):
    return 440.0 * 2 ** ((notes + 24 - 69) / 12)


@pytest.fixture
def tracker(toy_tracker, track):
    """A module whose tracks are melodies as a network of deep salience hears them."""

    class Tracker(toy_tracker):
        window_frames = WINDOW

        def __init__(self, network):
            super().__init__()
            self.network = network

        def validation_step(self, batch, index):
            spectrogram, notes = melody(10 + index, 50 * WINDOW - 3 * index)
            salience = torch.sigmoid(logits(self.network, spectrogram)).numpy()
            estimate = {"pitch": hertz(salience.argmax(axis=1)), "confidence": salience.max(axis=1)}
            times = 0.01 * np.arange(len(salience))
            named = {name: np.asarray(values, dtype=np.float32) for name, values in estimate.items()}
            reference = hertz(notes.numpy()).astype(np.float32)
            return {"tracks": [track(f"t{3 - index}", times=times, reference=reference, **named)]}

    return Tracker


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def validated(quiet, module, **options):
    trainer = quiet(WindowGaps(**options))
    trainer.validate(module)
    return run_folder(trainer) / "validate" / "toy"


@pytest.mark.long  # two networks are trained
def test_deep_salience_has_gaps_without_context_and_none_with_it(quiet, tracker):
    gaps, accuracy = {}, {}
    for context in (0, REACH):
        folder = validated(quiet, tracker(trained(context)))
        rows = table(folder / "gaps.tsv")
        assert [row["id"] for row in rows] == ["t0", "t1", "t2", "t3"]
        gaps[context] = [float(row["gap"]) for row in rows]
        places = table(folder / "windows" / "positions.tsv")
        assert [int(row["position"]) for row in places] == list(range(WINDOW))
        assert [row["part"] for row in places] == ["border", *3 * [""], *8 * ["middle"], *3 * [""], "border"]
        accuracy[context] = {
            part: np.mean([float(row["raw_pitch_accuracy"]) for row in places if row["part"] == part])
            for part in ("border", "middle")
        }
        assert (folder / "windows" / "positions.png").is_file()
    assert max(gaps[0]) < 0.85 < 0.93 < min(gaps[REACH]) <= max(gaps[REACH]) < 1.07
    assert accuracy[0]["border"] < accuracy[0]["middle"] - 0.05
    assert abs(accuracy[REACH]["border"] - accuracy[REACH]["middle"]) < 0.05


# Falls to a half in the two frames at both ends of windows of 20.
FADING = np.tile(np.where(np.isin(np.arange(20), (0, 1, 18, 19)), 0.4, 0.8), 20).astype(np.float32)


@pytest.mark.parametrize(
    ("options", "gap"), [({}, 0.5), ({"border": 2}, 0.5), ({"border": 4}, 0.75), ({"border": 1}, 0.5)]
)
def test_the_border_is_a_tenth_of_the_window_or_what_is_stated(quiet, toy_tracker, track, options, gap):
    class Fading(toy_tracker):
        window_frames = 20

        def validation_step(self, batch, index):
            return {"tracks": [track("dbac"[index], confidence=FADING)]}

    folder = validated(quiet, Fading(), **options)
    assert [(row["id"], float(row["gap"])) for row in table(folder / "gaps.tsv")] == [(name, gap) for name in "abcd"]


def test_a_track_without_a_frame_that_counts_has_an_empty_cell(quiet, toy_tracker, track):
    class Silent(toy_tracker):
        window_frames = 20

        def validation_step(self, batch, index):
            return {"tracks": [track("dbac"[index], reference=np.zeros(400, dtype=np.float32))]}

    assert {row["gap"] for row in table(validated(quiet, Silent()) / "gaps.tsv")} == {""}


def test_networks_without_windows_are_refused_and_so_are_borders_that_leave_no_middle(quiet, toy_tracker):
    class Single(toy_tracker):
        window_frames = 1

    class Short(toy_tracker):
        window_frames = 10

    with pytest.raises(MisconfigurationException, match="Single reads 1 at once; leave it out"):
        quiet(WindowGaps()).validate(Single())

    with pytest.raises(MisconfigurationException, match="border: 3 of 10 frames; at most 2"):
        quiet(WindowGaps(border=3)).validate(Short())
    with pytest.raises(ValueError, match="border: 0"):
        WindowGaps(border=0)
