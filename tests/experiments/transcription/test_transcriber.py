"""Recordings in blocks through a convolutional network: the same as at once, in memory that does not grow with them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from architectures import HCNN
from architectures.front_ends import constant_q, filter_banks
from datamodules.corpora.base import Audio
from datamodules.corpora.sources.audio_files import AudioFile
from datamodules.errors import DataError
from experiments.transcription import spool
from experiments.transcription.transcriber import Transcriber
from lightning_modules import Argmax, LocalAverage, PitchGrid, PitchModel, SalienceSoftmax, Viterbi
from tests.architectures.convolutional_networks import TinyConvolutional

ROOT = Path(__file__).parents[3]
SHARDS = {"rate": 8000, "hop": 80, "spectrogram": None}


def transcriber(decoder=None, voicing=True):
    torch.manual_seed(0)
    network = TinyConvolutional(voicing=voicing).eval()
    grid = PitchGrid(48, 16, 2)
    return Transcriber(PitchModel(network, grid, SalienceSoftmax(), decoder or LocalAverage(), 0.5), SHARDS)


def of_spectrograms():
    torch.manual_seed(0)
    network = HCNN(48, bins=60, frames=5, context=1, bins_per_semitone=1, filters=4, kernels=(1, 3)).eval()
    spectrogram = {"class": "ConstantQ", "minimum": 110.0, "bins_per_octave": 12, "octaves": 5}
    model = PitchModel(network, PitchGrid(45, 48, 1), SalienceSoftmax(), LocalAverage(), 0.5)
    return Transcriber(model, {**SHARDS, "spectrogram": spectrogram})


def song(seconds, rate, channels=1):
    times = np.arange(int(seconds * rate)) / rate
    tone = (
        0.4 * np.sin(2 * np.pi * (200 * times + 3 * times**2)) + np.random.default_rng(0).normal(size=len(times)) * 0.1
    )
    return np.stack([tone / (channel + 1) for channel in range(channels)], axis=1).astype(np.float32)


@pytest.mark.parametrize("decoder", [LocalAverage(), Argmax(), Viterbi()], ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("voicing", [True, False])
@pytest.mark.parametrize("rate", [8000, 44100])
def test_blocks_give_what_the_whole_gives(decoder, voicing, rate):
    made, samples = transcriber(decoder, voicing), song(15.03, rate, 2)
    whole = made(samples, rate)
    blocks = made.of_blocks(Audio(samples[start : start + 30001], rate) for start in range(0, len(samples), 30001))
    assert len(whole.f0) == 1503 and whole.voiced.dtype == bool
    assert np.array_equal(whole.times, np.arange(1503) * 80 / 8000)
    for ours, theirs in zip(blocks, whole, strict=True):
        assert np.array_equal(ours, theirs)


def test_a_frame_wise_decoder_never_sees_the_whole(monkeypatch):
    made, seen = transcriber(), []
    decode = made.model.decode
    monkeypatch.setattr(made.model, "decode", lambda logits: (seen.append(len(logits.pitch)), decode(logits))[1])
    made(song(12, 8000), 8000)
    assert seen == [500, 500, 200]


@pytest.mark.parametrize("held", [1 << 26, 1000])
def test_a_network_of_spectrograms_hears_blocks_as_the_whole(held, monkeypatch):
    monkeypatch.setattr(spool, "HELD", held)
    monkeypatch.setattr(filter_banks, "CHUNK", 300)
    made, samples = of_spectrograms(), song(12.03, 22050, 2)
    whole = made(samples, 22050)
    monkeypatch.setattr(constant_q, "HELD", 2)
    blocks = made.of_blocks(Audio(samples[start : start + 30001], 22050) for start in range(0, len(samples), 30001))
    assert len(whole.f0) == 1203
    for ours, theirs in zip(blocks, whole, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    with pytest.raises(DataError, match="too short: no sample of it is left at 8000"):
        made(np.zeros(1, np.float32), 48000)


def test_voicing_follows_the_threshold_and_the_series_its_sign():
    made = transcriber()
    result = made(song(3, 8000), 8000)
    assert 0 < result.voiced.sum() < 300
    assert np.array_equal(result.voiced, result.confidence > 0.5)
    assert np.array_equal(result.series.f0, np.where(result.voiced, result.f0, -result.f0))


@pytest.mark.parametrize("rate", [8000, 48000])
def test_what_has_no_sample_at_the_rate_is_refused(rate):
    with pytest.raises(DataError, match="too short: no sample of it is left at 8000"):
        transcriber()(np.zeros(1 if rate == 48000 else 0, np.float32), rate)


MEASURE = """
import json, resource, sys
from pathlib import Path
from architectures.front_ends import constant_q, filter_banks
from datamodules.corpora.sources.audio_files import AudioFile
from experiments.transcription import spool
from tests.experiments.transcription.test_transcriber import of_spectrograms, transcriber
filter_banks.CHUNK, constant_q.HELD, spool.HELD = 500, 0, 1  # as of a recording of hours
made, peaks = eval(sys.argv.pop(1))(), []
for path in sys.argv[1:]:
    frames = len(made.of_blocks(AudioFile(Path(path)).blocks(1 << 17)).f0)
    peaks.append([frames, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024])
print(json.dumps(peaks))
"""


@pytest.mark.long
@pytest.mark.sampled(1)
@pytest.mark.parametrize("of", [transcriber, of_spectrograms], ids=lambda each: each.__name__)
def test_memory_does_not_grow_with_the_recording(of, tmp_path):
    half_a_minute = song(30, 48000, 2)
    for name, times in (("short", 1), ("long", 6)):
        with soundfile.SoundFile(tmp_path / f"{name}.wav", "w", 48000, 2) as file:
            for _ in range(times):
                file.write(half_a_minute)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MEASURE, of.__name__, str(tmp_path / "short.wav"), str(tmp_path / "long.wav")]
    printed = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (short, before), (long, after) = json.loads(printed)
    assert (short, long) == (3000, 18000)
    # As a whole, the longer one is 69 MB of audio before anything is computed.
    assert after - before < 8, f"{before:.0f} MB, then {after:.0f} MB"


def test_a_file_and_its_samples_give_the_same(tmp_path):
    made = transcriber()
    soundfile.write(tmp_path / "a.flac", song(25, 22050, 2), 22050)
    whole, blocks = (
        made(*AudioFile(tmp_path / "a.flac").read()),
        made.of_blocks(AudioFile(tmp_path / "a.flac").blocks(999)),
    )
    assert np.abs(np.log(blocks.f0 / whole.f0)).max() < 1e-5
    assert np.abs(blocks.confidence - whole.confidence).max() < 1e-5
