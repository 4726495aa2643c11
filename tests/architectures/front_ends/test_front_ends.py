"""What every front end for audio keeps to."""

import pytest
import torch

from architectures import MFCC, HTKMelSpectrogram, LogMelFilterbank, SlaneyMelSpectrogram, StandardisedSpectrum

FRONT_ENDS = {
    kind.__name__: kind
    for kind in (MFCC, LogMelFilterbank, StandardisedSpectrum, SlaneyMelSpectrogram, HTKMelSpectrogram)
}
# torchaudio warns of filters that are empty, as the published ones are.
pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filterbank has all zero values")
every_front_end = pytest.mark.parametrize("kind", FRONT_ENDS.values(), ids=FRONT_ENDS)


@every_front_end
def test_checkpoints_hold_nothing_of_it(kind):
    front_end = kind()
    assert not front_end.state_dict() and not list(front_end.parameters())
    assert list(front_end.buffers()), "but its window follows the model to the device"


@every_front_end
def test_half_precision_audio_has_features_in_single_precision(kind):
    audio = 0.1 * torch.randn(2, 4000, generator=torch.Generator().manual_seed(0))
    lengths = torch.full((2,), 4000)
    with torch.autocast("cpu", torch.bfloat16):
        values = kind()(audio.bfloat16(), lengths).values
    assert values.dtype == torch.float32
    torch.testing.assert_close(values, kind()(audio.bfloat16().float(), lengths).values, rtol=0, atol=0)
