"""A learning rate that falls after every epoch, however many steps an epoch has."""

from __future__ import annotations

from torch.optim.lr_scheduler import ExponentialLR


class EpochDecay(ExponentialLR):
    """The learning rate times `gamma` after each epoch of training.

    Other schedules are stepped with every optimiser step, so that their lengths have to be changed with the size of the
    data set or of the batches; this one is the same for all. With `gamma` 1/1.1 it is the annealing of DeepSpeech's
    public PyTorch code.

    Args:
        optimizer: of which it changes the learning rates.
        gamma: factor.
        last_epoch: number of epochs that are over, less one; -1 begins anew.
    """
