"""Whether the processes of a run are alike, before they train together."""

import socket
from importlib.metadata import version
from typing import Any, NamedTuple

import torch
import torch.distributed
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn
from typing_extensions import override

from callbacks.run.record import commit_of_code


class _Told(NamedTuple):
    """What a process says of itself."""

    host: str
    refusal: str | None
    capability: str
    must_agree: dict[str, Any]


class AlikeProcesses(Callback):
    """Refuses to begin where the processes of a run differ in what has to be the same; all end with one message.

    That is the code (its commit), the versions of torch and Lightning, the data sets (their ids), and the step that a
    resumed run goes on from. Where one machine cannot compute the precision that is asked for, none begins. CPUs with
    different vector instructions get a warning: what they compute differs in the last bits, and so do the weights of
    their processes, of which those of the first are saved.

    Attributes:
        refusal: why this machine cannot compute what is asked for; None: it can.
    """

    def __init__(self) -> None:
        self.refusal: str | None = None

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        own = {
            "code (commit)": commit_of_code(),
            "torch": torch.__version__,
            "lightning": version("lightning"),
            "data sets": getattr(trainer.datamodule, "data_sets", {}),  # type: ignore[attr-defined]
        }
        told = self._told(trainer, own)
        for rank, each in enumerate(told):
            if each.refusal is not None:
                where = "" if len(told) == 1 else f"process {rank} on {each.host}: "
                raise MisconfigurationException(where + each.refusal)
        _refuse_different(told)
        capabilities = {each.capability: each.host for each in told}
        if trainer.accelerator.name() == "cpu" and len(capabilities) > 1:
            kinds = ", ".join(f"{host} with {kind}" for kind, host in sorted(capabilities.items()))
            rank_zero_warn(f"CPUs of different kinds ({kinds}): weights of the processes differ in their last bits")

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        _refuse_different(
            self._told(trainer, {"step to go on from, which is 0 where last.ckpt is not seen yet": trainer.global_step})
        )

    def _told(self, trainer: Trainer, own: dict[str, Any]) -> list[_Told]:
        mine = _Told(socket.gethostname(), self.refusal, torch.backends.cpu.get_cpu_capability(), own)
        if trainer.world_size == 1:
            return [mine]
        told: list[Any] = [None] * trainer.world_size
        torch.distributed.all_gather_object(told, mine)
        return told


def _refuse_different(told: list[_Told]) -> None:
    first = told[0]
    for rank, each in enumerate(told):
        for name, value in each.must_agree.items():
            if value != first.must_agree[name]:
                raise MisconfigurationException(
                    f"the processes of this run differ: {name}: {first.must_agree[name]!r} in process 0 on "
                    f"{first.host}, {value!r} in process {rank} on {each.host}; make them the same and start again"
                )
