"""Throughput of a training by a clock that the test moves: what is counted, what is left out, where it goes."""

import json
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import nn
from torch.utils.data import DataLoader

from callbacks import CompiledNetwork, RunCurves, RunFolder, RunRecord, Throughput, run_folder
from callbacks.run import throughput, waiting
from callbacks.run.curve_file import read_curves
from callbacks.run.matrix_rate import computed_in, matrix_rate, step_operations, without_weights
from datamodules.batches import ClipBatch, PitchBatch

WINDOWS, FRAMES, SAMPLES = 4, 5, 16
LOADING, COMPUTING, VALIDATING = 1.0, 3.0, 100.0  # seconds


class Clock:
    """Stands for the module `time`."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    for module in (throughput, waiting):
        monkeypatch.setattr(module, "time", made)
    return made


def windows(size=WINDOWS):
    f0, zeros = torch.zeros(size, FRAMES), torch.zeros(size, dtype=torch.int64)
    return PitchBatch(torch.zeros(size, SAMPLES), f0, f0 >= 0, zeros, zeros)


def clips():
    zeros = torch.zeros(2, dtype=torch.int64)
    return ClipBatch(torch.zeros(2, SAMPLES), torch.tensor([10, 6]), zeros, zeros >= 0, zeros)


class Module(LightningModule):
    """A linear layer on windows; loading, computing and validating take their seconds."""

    def __init__(self, clock):
        super().__init__()
        self.network, self.clock = nn.Linear(SAMPLES, 3), clock

    def training_step(self, batch, index):
        self.clock.now += COMPUTING
        return self.network(batch[0]).square().mean()

    def validation_step(self, batch, index):
        self.clock.now += VALIDATING

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class Loading:
    def __init__(self, clock, batch, batches):
        self.clock, self.batch, self.batches = clock, batch, batches

    def __len__(self):
        return self.batches

    def __iter__(self):
        for _ in range(self.batches):
            self.clock.now += LOADING
            yield self.batch


class Data(LightningDataModule):
    def __init__(self, loading, validates):
        super().__init__()
        self.loading, self.validates = loading, validates
        self.training_index = SimpleNamespace(grid=SimpleNamespace(rate=8, hop=2))

    def train_dataloader(self):
        return self.loading

    def val_dataloader(self):
        return DataLoader(range(1)) if self.validates else []


@pytest.fixture
def fit(quiet, clock):
    """Fits on some kind of batch; gives the trainer."""

    def run(batch, *more, every=4, validate=None, callback=None, **options):
        trainer = quiet(
            RunFolder(), *more, callback or Throughput(warm_up=2), RunRecord(), RunCurves(), max_epochs=1,
            log_every_n_steps=every, val_check_interval=validate, check_val_every_n_epoch=None, **options,
        )  # fmt: skip
        trainer.fit(Module(clock), datamodule=Data(Loading(clock, batch, 12), validates=validate))
        return trainer

    return run


def curves(trainer):
    return read_curves(run_folder(trainer) / "curves.jsonl")


def logged(trainer, name):
    steps, values = curves(trainer).series(f"throughput/{name}")
    return dict(zip(steps.tolist(), values.tolist(), strict=True))


def test_windows_and_audio_are_counted_behind_the_first_batches(fit):
    trainer = fit(windows())
    seconds = LOADING + COMPUTING
    assert logged(trainer, "windows_per_second") == dict.fromkeys((4, 8, 12), WINDOWS / seconds)
    assert logged(trainer, "audio_seconds_per_second") == dict.fromkeys((4, 8, 12), WINDOWS * FRAMES * 2 / 8 / seconds)
    assert logged(trainer, "waiting_for_data") == dict.fromkeys((4, 8, 12), LOADING / seconds)
    assert all(0.01 < memory < 100 for memory in logged(trainer, "memory_gib").values())


def test_utterances_are_counted_without_their_padding(fit):
    trainer = fit(clips())
    assert logged(trainer, "utterances_per_second") == dict.fromkeys((4, 8, 12), 2 / 4)
    assert logged(trainer, "audio_seconds_per_second") == dict.fromkeys((4, 8, 12), (10 + 6) / 8 / 4)


def test_validations_are_left_out(fit):
    trainer = fit(windows(), validate=3)
    assert set(logged(trainer, "windows_per_second").values()) == {WINDOWS / (LOADING + COMPUTING)}
    record = json.loads((run_folder(trainer) / "record.json").read_text())
    assert record["throughput"]["windows_per_second"] == 1.0
    assert record["throughput"]["waiting_for_data"] == 0.25


def test_steps_count_where_gradients_are_accumulated(fit):
    trainer = fit(windows(), every=2, accumulate_grad_batches=3)
    assert logged(trainer, "windows_per_second") == {2: 1.0, 4: 1.0}


def test_a_training_shorter_than_the_warm_up_has_no_throughput(fit):
    trainer = fit(windows(), callback=Throughput(warm_up=12))
    assert not any(name.startswith("throughput") for name in curves(trainer).names)
    assert json.loads((run_folder(trainer) / "record.json").read_text())["throughput"] is None


def test_the_share_of_the_matrix_rate_is_of_forward_and_backward(fit, monkeypatch):
    monkeypatch.setattr(throughput, "matrix_rate", lambda device, dtype: 1000.0)
    trainer = fit(windows())
    # Forward, and backward for the weights; the input needs no gradient.
    operations = 2 * (2 * WINDOWS * SAMPLES * 3)
    share = operations / (LOADING + COMPUTING) / 1000
    assert logged(trainer, "matrix_rate_share") == pytest.approx(dict.fromkeys((4, 8, 12), share), rel=1e-3)
    assert json.loads((run_folder(trainer) / "record.json").read_text())["throughput"]["matrix_rate"] == 1000


@pytest.mark.parametrize("more", [(), (CompiledNetwork(mode="default", backend="eager"),)], ids=["plain", "compiled"])
def test_the_network_is_watched_once_and_as_it_was_afterwards(fit, monkeypatch, more):
    monkeypatch.setattr(throughput, "matrix_rate", lambda device, dtype: 1000.0)
    trainer = fit(windows(), *more)
    assert logged(trainer, "matrix_rate_share")
    network = trainer.lightning_module.network
    assert not network._forward_pre_hooks and network._compiled_call_impl is None


def test_without_the_matrix_rate_nothing_is_measured_of_it(fit, monkeypatch):
    monkeypatch.setattr(throughput, "matrix_rate", lambda device, dtype: pytest.fail("measured"))
    trainer = fit(windows(), callback=Throughput(warm_up=2, matrix_rate=False))
    assert logged(trainer, "windows_per_second") and not logged(trainer, "matrix_rate_share")


def test_the_profiler_is_left_as_it_was(fit):
    trainer = fit(windows())
    assert not {"start", "stop"} & set(vars(trainer.profiler))


def test_operations_are_counted_by_shapes_without_weights():
    network = nn.Sequential(nn.Conv1d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 14, 5))
    empty = without_weights(network)
    assert all(each.is_meta for each in empty.parameters())
    forward = 2 * 14 * 4 * 3 + 2 * 56 * 5
    # The input of the first layer needs no gradient.
    assert step_operations(empty, (torch.zeros(1, 1, 16),)) == 2 * forward + 2 * 56 * 5
    assert step_operations(without_weights(nn.LSTM(3, 3)), (torch.zeros(1, 2, 3),)) is None


def test_the_matrix_rate_is_that_of_the_machine_and_draws_nothing():
    state = torch.get_rng_state()
    assert 1e8 < matrix_rate(torch.device("cpu"), torch.float32) < 1e14
    assert torch.equal(torch.get_rng_state(), state)
    assert computed_in("bf16-mixed") == torch.bfloat16 and computed_in("32-true") == torch.float32


def test_a_negative_warm_up_is_refused():
    with pytest.raises(ValueError, match="warm_up"):
        Throughput(warm_up=-1)
