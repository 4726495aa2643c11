"""Between processes: all tensors of a message as one, since each costs a file and a connection; and errors as such."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from datamodules.errors import DataError

Content = TypeVar("Content")

_ALIGNED = 8  # bytes; no type of our batches is wider


def or_error(make: Callable[[], Content]) -> Content | DataError:
    """What a worker sends: what it was asked for, or why there is none.

    An error that it raised would arrive with the worker's traceback in its message, and keep its fellows waiting.
    """
    try:
        return make()
    except DataError as error:
        return error


def arrived(messages: Iterable[Content | DataError]) -> Iterator[Content]:
    """What workers were asked for.

    Raises:
        DataError: a worker could not make it.
    """
    for message in messages:
        if isinstance(message, DataError):
            raise DataError(str(message))
        yield message


class Slot(NamedTuple):
    """Where a tensor lies in a message.

    Attributes:
        begin: its first byte.
        bytes: how many.
        dtype: of the tensor.
        shape: of the tensor.
    """

    begin: int
    bytes: int
    dtype: torch.dtype
    shape: tuple[int, ...]


class Message(NamedTuple):
    """Some batches.

    Attributes:
        data: `(bytes,)` uint8, the tensors behind each other.
        batches: with a Slot in the place of every tensor.
    """

    data: Tensor
    batches: list[Any]


def pack(batches: Sequence[Any]) -> Message:
    """Put batches into a message.

    Args:
        batches: named tuples, of tensors and other values.
    """
    tensors: list[tuple[Slot, Tensor]] = []
    end = 0
    for batch in batches:
        for field in batch:
            if isinstance(field, Tensor):
                slot = Slot(end, field.numel() * field.element_size(), field.dtype, tuple(field.shape))
                tensors.append((slot, field))
                end += -(-slot.bytes // _ALIGNED) * _ALIGNED
    data = torch.empty(end, dtype=torch.uint8)
    for slot, field in tensors:
        data[slot.begin : slot.begin + slot.bytes] = field.reshape(-1).view(torch.uint8)
    slots = iter(tensors)
    emptied = [type(b)(*(next(slots)[0] if isinstance(field, Tensor) else field for field in b)) for b in batches]
    return Message(data, emptied)


def unpack(message: Message) -> list[Any]:
    """The batches of a message; their tensors are views of its data."""

    def tensor(slot: Slot) -> Tensor:
        return message.data[slot.begin : slot.begin + slot.bytes].view(slot.dtype).reshape(slot.shape)

    return [type(b)(*(tensor(field) if isinstance(field, Slot) else field for field in b)) for b in message.batches]
