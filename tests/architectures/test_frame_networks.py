"""What every network that reads windows of audio keeps to; `test_base` has what it shares with spectrograms."""

import re
from functools import partial

import pytest

from tests.architectures.frame_networks import AUDIO, outputs
from tests.architectures.frame_networks import AUDIO_WIDTH as WIDTH
from tests.architectures.frame_networks import on_audio as made

every_network = pytest.mark.parametrize("build", AUDIO.values(), ids=AUDIO)


@every_network
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_vector_of_logits_for_every_frame_of_any_batch(build, training, batch):
    network, audio = made(build)
    shapes = {name: value.shape for name, value in outputs(network.train(training), audio[:batch]).items()}
    assert network.width == WIDTH and shapes.pop("pitch") == (batch, network.frames, WIDTH)
    assert shapes.pop("voicing", (batch, network.frames)) == (batch, network.frames)
    assert shapes.pop("reconstruction", (batch, network.window)) == (batch, network.window)
    assert not shapes


@pytest.mark.parametrize("name", [name for name, build in AUDIO.items() if "frames" in build.keywords])
@pytest.mark.parametrize("frames", [1, 4])
def test_any_number_of_frames_from_one(name, frames):
    network, audio = made(partial(AUDIO[name], frames=frames))
    assert outputs(network, audio[:1])["pitch"].shape == (1, frames, WIDTH)


# Samples of the shortest window; those of WaveNet, CREPE with variable stride and HarmonicTracker follow from others.
SHORTEST = {"CREPE": 253, "KimCREPE": 253, "ReconstructingCREPE": 253, "Autocorrelation": 245}


@pytest.mark.parametrize("name", [name for name in AUDIO if not re.search("WaveNet|variable|Tracker", name)])
def test_any_window_from_the_shortest(name):
    (least,) = {samples for family, samples in SHORTEST.items() if name.split()[0] == family} or {1}
    for window in (least, least + 1):
        network, audio = made(partial(AUDIO[name], window=window))
        assert network.window == window and audio.shape[1] == window
        assert all(value.isfinite().all() for value in outputs(network, audio).values())
    with pytest.raises(ValueError, match=re.escape(f"window: {least - 1}")):
        AUDIO[name](WIDTH, window=least - 1)
