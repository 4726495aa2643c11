"""Lightning's FSDPStrategy on CPUs with gloo, which Lightning and torch refuse although all of it computes there."""

from unittest import mock

import torch
from lightning.pytorch.strategies import FSDPStrategy
from lightning.pytorch.strategies import fsdp as lightnings
from torch.distributed.fsdp import FullStateDictConfig, FullyShardedDataParallel, StateDictType
from torch.distributed.fsdp.api import FullOptimStateDictConfig


def whole(module, world_size, rank0_only=True):
    """Lightning's context, without the move to the CPU, which on a CPU frees what it has moved."""
    weights = FullStateDictConfig(offload_to_cpu=False, rank0_only=rank0_only)
    states = FullOptimStateDictConfig(offload_to_cpu=False, rank0_only=rank0_only)
    return FullyShardedDataParallel.state_dict_type(module, StateDictType.FULL_STATE_DICT, weights, states)


of_torch = FullyShardedDataParallel.__init__


def on_cpu(self, *arguments, device_id=None, **options):
    of_torch(self, *arguments, device_id=torch.device("cpu"), **options)


class FSDPOnCPU(FSDPStrategy):
    """What GPUs would do, of a recipe on two processes."""

    def __init__(self, state_dict_type: str = "full", wrap: bool = False):
        """`wrap` shares each linear layer for itself."""
        policy = {"auto_wrap_policy": {torch.nn.Linear}} if wrap else {}
        super().__init__(state_dict_type=state_dict_type, **policy)

    def _setup_model(self, model):
        with mock.patch.object(FullyShardedDataParallel, "__init__", on_cpu):
            return super()._setup_model(model)

    def lightning_module_state_dict(self):
        with mock.patch.object(lightnings, "_get_full_state_dict_context", whole):
            return super().lightning_module_state_dict()

    def optimizer_state(self, optimizer):
        with mock.patch.object(lightnings, "_get_full_state_dict_context", whole):
            return super().optimizer_state(optimizer)

    def load_checkpoint(self, *arguments, **options):
        with mock.patch.object(lightnings, "_get_full_state_dict_context", whole):
            return super().load_checkpoint(*arguments, **options)
