import io
import os
import pickle
import struct
import zipfile

import pytest
import torch

from callbacks.run.checkpoints import AtomicCheckpointIO
from callbacks.saved.reading import read_checkpoint
from datamodules import DataError

SOUND = {
    "state_dict": {"network.weight": torch.arange(6.0).view(2, 3), "thresholds._extra_state": {"mine": 0.4}},
    "pytorch-lightning_version": "2.6.1",
    "epoch": 1,
    "global_step": 2,
    "callbacks": {},
    "loops": {},
    "optimizer_states": [],
    "lr_schedulers": [],
}


class Runs:
    """A pickle of it writes a file when it is loaded as pickles usually are."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"echo x > {self.path}",)


@pytest.fixture
def refused(tmp_path):
    """Check that a checkpoint is refused, by whatever reads one, with a message of one line that names the file."""

    def check(content, *words):
        path = tmp_path / "last.ckpt"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            torch.save(content, path)
        for read in (read_checkpoint, AtomicCheckpointIO().load_checkpoint):
            with pytest.raises(DataError) as refusal:
                read(path)
            message = str(refusal.value)
            assert message.startswith(str(path)) and "\n" not in message and len(message) < 500
            assert all(word in message for word in words), message

    return check


def saved(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def with_weight(value):
    return {**SOUND, "state_dict": {"network.weight": value}}


@pytest.mark.parametrize("mapped", [False, True])
def test_a_sound_checkpoint_is_read_as_it_was_saved(tmp_path, mapped):
    torch.save(SOUND, tmp_path / "best.ckpt")
    found = read_checkpoint(tmp_path / "best.ckpt", mapped)
    assert torch.equal(found["state_dict"].pop("network.weight"), SOUND["state_dict"]["network.weight"])
    assert found["state_dict"] == {"thresholds._extra_state": {"mine": 0.4}} and found["global_step"] == 2


@pytest.mark.parametrize("content", [b"", b"\x93\x12" * 500, b"PK\x03\x04 and no more", b"<!DOCTYPE html>"])
def test_other_bytes_are_refused(refused, content):
    refused(content, "name another checkpoint")


def test_a_checkpoint_that_is_cut_or_flipped_is_refused(refused):
    content = saved(SOUND)
    refused(content[: len(content) // 2], "damaged")
    refused(content.replace(b"state_dict", b"state\xff\xffict"), "name another")


@pytest.mark.parametrize("content", [[], None, 5, "text", torch.zeros(3), {}, {"state_dict": None}, {"state_dict": []}])
def test_what_holds_no_state_dict_is_refused(refused, content):
    refused(content, "no checkpoint of a training")


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_is_never_executed(refused, tmp_path, protocol):
    written = tmp_path / "executed"
    refused(pickle.dumps(Runs(written), protocol))
    refused({**SOUND, "callbacks": {"x": Runs(written)}}, "more than tensors and plain values")
    file = io.BytesIO()
    torch.save(with_weight(Runs(written)), file, _use_new_zipfile_serialization=False)
    refused(file.getvalue())
    assert not written.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_weights_that_are_not_finite_are_refused_with_the_first_tensor_and_a_remedy(refused, value, dtype):
    weight = torch.ones(2, 3, dtype=dtype)
    weight[1, 2] = value
    refused(with_weight(weight), "network.weight has a value that is not finite", "best.ckpt", "learning rate")


@pytest.mark.parametrize("value", [7, None, [1.0], torch.zeros(2, 2).to_sparse(), torch.empty(3, device="meta")])
def test_weights_that_are_no_dense_tensors_are_refused(refused, value):
    refused(with_weight(value), "network.weight is", "not a dense tensor")


@pytest.mark.parametrize("value", [[["mine", 0.4]], None, {"mine": "0.4"}, {3: 0.4}, {"mine": float("nan")}])
def test_damaged_voicing_thresholds_are_named(refused, value):
    state = {**SOUND["state_dict"], "thresholds._extra_state": value}
    refused({**SOUND, "state_dict": state}, "thresholds._extra_state is", "not voicing thresholds")


def test_a_tensor_that_claims_more_than_the_file_holds_is_refused_before_it_takes_memory(refused):
    refused(with_weight(torch.zeros(1).expand(10**12)), "network.weight claims (1000000000000,)")


def test_a_packed_archive_is_refused(refused, tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(SOUND))) as archive, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name in archive.namelist():
            made.writestr(name, archive.read(name))
    refused(file.getvalue(), "is packed")


def test_memory_that_a_pickle_asks_for_and_does_not_fill_is_not_taken(refused):
    class Filled:
        def __reduce__(self):
            return bytearray, (10**11,)

    refused({**SOUND, "callbacks": {"x": Filled()}}, "asks for memory")


def test_a_storage_that_is_longer_in_the_pickle_than_in_the_archive_is_refused(refused):
    content = saved(with_weight(torch.zeros(70000)))
    assert content.count(struct.pack("<i", 70000)) >= 1
    refused(content.replace(struct.pack("<i", 70000), struct.pack("<i", 90000)))


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("epoch", "one", "epoch is 'one', not a number"),
        ("global_step", -1, "global_step is -1"),
        ("global_step", True, "global_step is True"),
        ("loops", [], "loops is [], not a mapping"),
        ("optimizer_states", {}, "optimizer_states is {}, not a list"),
        ("callbacks", None, "callbacks is None"),
        (3, 4, "has a key 3"),
    ],
)
def test_a_key_of_another_kind_is_named(refused, key, value, told):
    refused({**SOUND, key: value}, told)


@pytest.mark.parametrize("version", ["", "1.9.5", "x" * 5000, "2.0\n"])
def test_lightning_takes_over_no_checkpoint_of_another_version(tmp_path, version):
    torch.save({**SOUND, "pytorch-lightning_version": version}, tmp_path / "last.ckpt")
    with pytest.raises(DataError, match="pytorch-lightning_version is"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "last.ckpt")


def test_a_file_that_asks_to_be_run_is_not(tmp_path):
    torch.save({**SOUND, "callbacks": {"x": Runs(tmp_path / "executed")}}, tmp_path / "last.ckpt")
    with pytest.raises(DataError):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "last.ckpt", weights_only=False)
    assert not (tmp_path / "executed").exists()
