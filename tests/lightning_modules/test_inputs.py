import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

from architectures import CREPE, HCNN, ConvolutionalVoicing
from architectures.spectrogram.voicing import Kernel
from datamodules.batches import PitchBatch
from lightning_modules.inputs import network_input


def voicing(channels=2, bins=20, frames=4, context=1):
    return ConvolutionalVoicing([Kernel(5, 5)], channels, bins, bins, frames, context, filters=2)


def audio_batch(samples=256, frames=1):
    audio = torch.arange(2 * samples, dtype=torch.int16).view(2, samples)
    return PitchBatch(audio, torch.zeros(2, frames), torch.ones(2, frames, dtype=torch.bool), *[torch.zeros(2)] * 2)


def test_full_scale_of_audio_is_1():
    audio = torch.zeros(1, 256, dtype=torch.int16)
    audio[0, :3] = torch.tensor([-32768, 0, 16384])
    batch = audio_batch()._replace(signal=audio)
    given = network_input(batch, CREPE(12, 256, 1))
    assert given.dtype == torch.float32 and given[0, :3].tolist() == [-1.0, 0.0, 0.5]


def test_a_spectrogram_has_its_channels_first_and_is_between_0_and_1(make_spectrogram_batch):
    batch = make_spectrogram_batch()
    batch.signal[0, 0, 0, :3] = torch.tensor([0, 65535, 13107], dtype=torch.int32).to(torch.uint16)
    given = network_input(batch, voicing())
    assert given.shape == (3, 2, 6, 20) and given.dtype == torch.float32 and given.is_contiguous()
    assert given[0, 0, 0, :3].tolist() == pytest.approx([0.0, 1.0, 0.2], abs=1e-7)
    assert given[2, 1, 3, 7].item() == pytest.approx(batch.signal[2, 3, 1, 7].item() / 65535, abs=1e-7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 1}, r"data: 1 channels of the spectrogram, but the network takes 2; .* model\.network\.channels"),
        ({"bins": 30}, r"data: 30 bins of the spectrogram, but the network takes 20; .* model\.network\.bins"),
        ({"context": 2}, r"data\.window: 8 label frames, but the network takes 6; .* model\.network\.window"),
        ({"frames": 6, "context": 0}, r"data\.frames: 6 label frames, but the network takes 4"),
    ],
)
def test_a_spectrogram_of_another_size_is_refused_with_its_keys(make_spectrogram_batch, changes, message):
    with pytest.raises(MisconfigurationException, match=message):
        network_input(make_spectrogram_batch(**changes), voicing())


def test_audio_of_another_size_is_refused_with_its_keys():
    with pytest.raises(MisconfigurationException, match=r"data\.window: 100 samples, but the network takes 256"):
        network_input(audio_batch(100), CREPE(12, 256, 1))
    with pytest.raises(MisconfigurationException, match=r"data\.frames: 2 label frames, but the network takes 1"):
        network_input(audio_batch(256, 2), CREPE(12, 256, 1))


def test_the_other_kind_of_excerpt_is_refused(make_spectrogram_batch):
    with pytest.raises(
        MisconfigurationException, match=r"excerpts are spectrogram, but model\.network, CREPE, takes au"
    ):
        network_input(make_spectrogram_batch(), CREPE(12, 256, 1))
    with pytest.raises(
        MisconfigurationException, match=r"excerpts are audio, but model\.network, HCNN, takes spectrog"
    ):
        network_input(audio_batch(), HCNN(360))
