"""Exported models in onnxruntime and torch.export against torch: every kind of network, at several lengths."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from architectures import CREPE, HCNN, NoteOctaveVoicingHead
from datamodules.errors import DataError
from experiments import load
from experiments.exporting import files
from experiments.exporting.files import write_graph
from experiments.exporting.graphs import graph_of
from experiments.transcription.transcriber import Transcriber
from lightning_modules import LocalAverage, PitchGrid, PitchModel, SalienceSoftmax, Viterbi
from tests.architectures.convolutional_networks import TinyConvolutional
from tests.experiments.transcription.conftest import CLIPS, UTTERANCES, made_run

SPECTROGRAM = {"class": "ConstantQ", "minimum": 110.0, "bins_per_octave": 12, "octaves": 5}


def crepe(frames=1):
    return CREPE(24, 600, 1, frames), PitchGrid(45, 24, 1), None


def convolutional():
    return TinyConvolutional(voicing=True), PitchGrid(48, 16, 2), None


def hcnn():
    head = NoteOctaveVoicingHead(filters=2)
    network = HCNN(48, bins=60, frames=5, context=1, bins_per_semitone=1, filters=4, kernels=(1, 3), voicing=head)
    return network, PitchGrid(45, 48, 1), SPECTROGRAM


def tracker(network, grid, spectrogram, decoder=None):
    model = PitchModel(network.eval(), grid, SalienceSoftmax(), decoder or LocalAverage(), 0.4)
    return Transcriber(model, {"rate": 8000, "hop": 80, "spectrogram": spectrogram})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A clip classifier for each kind of length, and a phoneme recogniser, with weights of seed 0."""
    folder = tmp_path_factory.mktemp("runs")
    network = {"class_path": "architectures.ConvRNN"}
    mel = {"class_path": "architectures.SlaneyMelSpectrogram", "init_args": {"rate": 16000}}
    rnn = {
        "model": {
            "class_path": "lightning_modules.ClipClassifier",
            "init_args": {"network": network, "front_end": mel},
        },
        "data": {"class_path": "datamodules.ClipData", "init_args": {"classes": ["a", "b"], "seconds": 1.0}},
    }
    made = {"MelCNN": CLIPS, "ConvRNN": rnn, "ConvLSTM": UTTERANCES}
    return {name: load(made_run(folder / name, stated)) for name, stated in made.items()}


def session_of(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(crepe, id="crepe"),
        pytest.param(lambda: crepe(4), id="frames", marks=pytest.mark.long),
        pytest.param(convolutional, id="conv", marks=pytest.mark.long),
        pytest.param(hcnn, id="hcnn", marks=pytest.mark.long),
    ],
)
def test_pitch_in_onnx_is_that_of_torch(make, tmp_path):
    torch.manual_seed(0)
    made = tracker(*make())
    path = tmp_path / "model.onnx"
    check = write_graph(graph_of(made), path)
    assert check.size == path.stat().st_size and max(check.difference.values()) < 1e-4 and check.ratio > 0
    assert b"/architectures/" not in path.read_bytes()  # no folder of the machine that wrote it
    onnx.checker.check_model(onnx.load(path))
    session = session_of(path)
    metadata = session.get_modelmeta().custom_metadata_map
    assert (metadata["rate"], metadata["hop"], metadata["voicing_threshold"]) == ("8000", "80", "0.4")
    for seconds in (0.5, 1.337):
        samples = (np.random.default_rng(0).normal(size=int(8000 * seconds)) * 0.1 * 32768).round() / 32768
        expected = made(samples.astype(np.float32), 8000)
        values = samples.astype(np.float32)
        if made.spectrogram is not None:
            values = made.whole.transform(torch.from_numpy(values)[None])[0].numpy()
        f0, confidence = session.run(None, {session.get_inputs()[0].name: values})
        assert len(f0) == len(expected.f0)
        assert np.abs(f0 / expected.f0 - 1).max() < 1e-4 and np.abs(confidence - expected.confidence).max() < 1e-4


@pytest.mark.long
def test_the_released_tracker_hears_in_onnx_what_it_hears(tmp_path):
    made = load("tracker", threads=1)
    check = write_graph(graph_of(made), tmp_path / "tracker.onnx")
    assert check.size < 1_000_000
    tone = (0.3 * np.sin(2 * np.pi * 220 * np.arange(12345) / 16000)).astype(np.float32)
    f0, confidence = session_of(tmp_path / "tracker.onnx").run(None, {"audio": tone})
    assert np.abs(1200 * np.log2(f0[10:-10] / 220)).max() < 10 and (confidence[10:-10] > made.threshold).all()


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", ["MelCNN", pytest.param("ConvRNN", marks=pytest.mark.long), "ConvLSTM"])
def test_clips_and_phones_in_onnx_are_those_of_torch(trained, name, tmp_path):
    made = trained[name]
    check = write_graph(graph_of(made), tmp_path / "model.onnx")
    assert max(check.difference.values()) < 1e-4
    metadata = session_of(tmp_path / "model.onnx").get_modelmeta().custom_metadata_map
    if name == "ConvLSTM":
        assert json.loads(metadata["phones"]) == ["<blank>", *made.phones]
        samples = (np.random.default_rng(1).normal(size=9001) * 3000).round().astype(np.int16)
        with torch.no_grad():
            expected = made.module(torch.from_numpy(samples)[None], torch.tensor([9001])).values[0].numpy()
    else:
        assert json.loads(metadata["classes"]) == list(made.classes)
        samples = (np.random.default_rng(1).normal(size=made.rate) * 3000).round().astype(np.int16)
        expected = made(samples, made.rate).probabilities[0]
    (found,) = session_of(tmp_path / "model.onnx").run(None, {"audio": samples.astype(np.float32) / 32768})
    assert found.shape == expected.shape and np.abs(found - expected).max() < 1e-4


def test_torch_export_gives_the_same(tmp_path):
    torch.manual_seed(0)
    made = tracker(*crepe())
    write_graph(graph_of(made), tmp_path / "model.pt2")
    extra = {"metadata.json": ""}
    program = torch.export.load(tmp_path / "model.pt2", extra_files=extra).module()
    samples = np.round(np.random.default_rng(0).normal(size=5000) * 3000) / 32768
    f0, _ = program(torch.from_numpy(samples).float())
    assert np.abs(f0.numpy() / made(samples, 8000).f0 - 1).max() < 1e-4
    assert json.loads(extra["metadata.json"])["rate"] == "8000"


@pytest.mark.long
def test_what_differs_is_not_written(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"before")
    graph = graph_of(tracker(*convolutional()))
    monkeypatch.setattr(files, "TOLERANCE", -1.0)
    with pytest.raises(DataError, match=r"model.onnx: it would differ from torch by \{'f0'"):
        write_graph(graph, path)
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_exported_says_so(tmp_path):
    with pytest.raises(DataError, match=r"model.decoder: Viterbi decodes whole tracks"):
        graph_of(tracker(*crepe(), decoder=Viterbi()))
    with pytest.raises(DataError, match=r"model.tflite: an export ends in .onnx or .pt2"):
        write_graph(graph_of(tracker(*crepe())), tmp_path / "model.tflite")
