"""Compiled networks: the same training up to rounding, names and validations as without."""

import copy

import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule
from torch import nn
from torch.utils.data import DataLoader

from callbacks import AveragedWeights, CompiledNetwork


class Module(LightningModule):
    """Notes which of its calls were compiled."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.network = Network()

    def training_step(self, batch, index):
        return self.network(batch).square().mean()

    def validation_step(self, batch, index):
        self.network(batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.compiled = nn.Linear(3, 2), []

    def forward(self, values):
        # An attribute of a list would be a guard, and each change of it another compilation.
        note(torch.compiler.is_compiling(), self.training)
        return self.layer(values).tanh()


CALLS = []


@torch.compiler.assume_constant_result
def note(compiling, training):
    CALLS.append((compiling, training))
    return 0


def fitted(quiet, *callbacks):
    module, batches = Module(), torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(1))
    trainer = quiet(*callbacks, max_steps=6, num_sanity_val_steps=0)
    CALLS.clear()
    trainer.fit(module, DataLoader(batches, batch_size=None), DataLoader(batches[:2], batch_size=None))
    return module


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_training_is_compiled_and_validation_is_not(quiet, backend):
    module = fitted(quiet, CompiledNetwork("default", backend))
    assert (False, False) in CALLS and (True, True) in CALLS
    assert not {(True, False), (False, True)} & set(CALLS)
    plain = fitted(quiet)
    assert (True, True) not in CALLS
    assert list(module.state_dict()) == list(plain.state_dict()) == ["network.layer.weight", "network.layer.bias"]
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(module.state_dict()[name], value, rtol=0, atol=1e-6)


def test_nothing_is_compiled_unless_it_is_asked_for(quiet):
    fitted(quiet, CompiledNetwork())
    assert (True, True) not in CALLS


def test_after_the_fit_the_network_is_as_it_was_and_can_be_copied(quiet):
    module = fitted(quiet, CompiledNetwork("default", "eager"), AveragedWeights())
    assert module.network._compiled_call_impl is None
    copy.deepcopy(module)


@pytest.mark.parametrize("mode", ["reduce-overhead", "max-autotune"])
def test_cuda_graphs_are_refused_on_a_cpu(quiet, mode):
    with pytest.raises(MisconfigurationException, match=r"--compile\.mode to default"):
        fitted(quiet, CompiledNetwork(mode))


def test_a_missing_compiler_is_named(quiet, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(MisconfigurationException, match=r"C\+\+ compiler"):
        fitted(quiet, CompiledNetwork("default"))
