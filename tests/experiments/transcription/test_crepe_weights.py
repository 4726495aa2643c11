"""CREPE by torchcrepe's weights: found by name, equal to torchcrepe's own salience, and refused if it is none."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.errors import DataError
from experiments import load
from experiments.exporting.graphs import graph_of
from experiments.transcription import crepe_weights
from experiments.transcription.location import identity, locate

torchcrepe = pytest.importorskip("torchcrepe")
RATE = 16000


def glide(seconds=1.5):
    pitch = 220 * 2 ** (np.arange(int(seconds * RATE)) / RATE)
    harmonics = sum(np.sin(number * 2 * np.pi * np.cumsum(pitch) / RATE) / number for number in range(1, 5))
    return (0.2 * harmonics).astype(np.float32)


@pytest.mark.parametrize("model", ["tiny", pytest.param("full", marks=pytest.mark.long)])
def test_a_name_gives_the_salience_and_the_pitch_of_torchcrepe(model):
    audio = np.round(glide() * 32768).astype(np.int16)
    samples = torch.from_numpy(audio.astype(np.float32) / 32768)[None]
    windows = torchcrepe.preprocess(samples, RATE, 160, 512)
    with torch.inference_mode():
        theirs = torch.cat([torchcrepe.infer(some, model) for some in windows]).numpy()
        ours = load(f"crepe_{model}", threads=1)
        salience = torch.sigmoid(ours.whole(samples[0])).numpy()
    assert np.abs(salience - theirs[: len(salience)]).max() < 1e-5
    found = ours(audio, RATE)
    theirs = theirs[: len(found.f0)]  # they have one frame more, behind the last sample
    largest = theirs.argmax(axis=1)
    bins = largest[:, None] + np.arange(-4, 5)
    weights = np.take_along_axis(theirs, bins.clip(0, 359), axis=1) * ((bins >= 0) & (bins < 360))
    f0 = 10 * 2 ** ((1997.3794084376191 + 20 * (weights * bins).sum(axis=1) / weights.sum(axis=1)) / 1200)
    assert np.abs(1200 * np.log2(found.f0 / f0)).max() < 0.05
    inside = slice(10, 140)
    assert np.abs(1200 * np.log2(found.f0 / (220 * 2**found.times)))[inside].max() < 30 and found.voiced[inside].all()


def test_a_copy_of_the_file_is_the_same_model(tmp_path):
    there = locate("crepe_tiny")
    copy = tmp_path / "any name.pth"
    copy.write_bytes(there.read_bytes())
    assert locate(str(copy)) == copy and identity(copy) == identity(there)
    audio = glide(0.3)
    assert all(
        np.array_equal(*pair) for pair in zip(load(copy)(audio, RATE), load("crepe_tiny")(audio, RATE), strict=True)
    )


def test_it_can_be_exported():
    graph = graph_of(load("crepe_tiny"))
    assert graph.metadata["rate"] == "16000" and graph.outputs == ("f0", "confidence")


def test_it_can_be_transcribed_with_and_runs_no_code_of_torchcrepe(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "glide.wav", glide(0.5), RATE)
    code = (
        "import sys\nfrom experiments.commands.transcribe import main\n"
        "main(sys.argv[1:])\nprint('torchcrepe' in sys.modules)"
    )
    words = [str(tmp_path / "glide.wav"), "--model", "crepe_tiny", "--out", str(tmp_path)]
    root = Path(crepe_weights.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert len((tmp_path / "glide.csv").read_text().splitlines()) == 51


def test_where_torchcrepe_is_missing_the_name_says_what_to_install(monkeypatch):
    monkeypatch.setattr(crepe_weights, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"crepe_full: .*pip install torchcrepe"):
        locate("crepe_full")


def test_a_file_of_other_weights_is_refused_by_its_name(tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(DataError, match=r"other\.pth: not weights of torchcrepe"):
        load(tmp_path / "other.pth")
