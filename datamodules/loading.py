"""What the loaders of windows and of utterances share: work handed to processes, and what comes back."""

from __future__ import annotations

import multiprocessing.util
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info
from typing_extensions import override

from datamodules.errors import DataError, MachineFault

Request = TypeVar("Request")
Content = TypeVar("Content")

_FILES, _FEWEST = 4096, 256  # that a process with workers asks for, and without which it does not begin
_ALIGNED = 8  # bytes; no type of our batches is wider


class Answers(Dataset[Content | DataError], Generic[Request, Content]):
    """Answers requests in whatever process they arrive; the sampler of its DataLoader lists the requests.

    A DataError is returned, not raised: raised in a worker it would arrive with the worker's traceback in its message,
    and keep the other workers waiting.

    Args:
        answer: what is done in the worker.
    """

    def __init__(self, answer: Callable[[Request], Content]) -> None:
        self.answer = answer

    @override
    def __getitem__(self, request: Request) -> Content | DataError:
        try:
            content = self.answer(request)
            if get_worker_info() is not None:
                _share(content)
            return content
        except DataError as error:
            return error


def _share(content: object) -> None:
    """Bring tensors to where the other process sees them.

    Torch does it as well, but in a thread whose error nobody hears of, and the training would wait for ever.

    Raises:
        MachineFault: there is no room.
    """
    try:
        for field in content if isinstance(content, tuple) else (content,):
            if isinstance(field, Tensor):
                field.share_memory_()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        if "shared memory" not in str(error) and "</torch_" not in str(error):
            raise
        raise MachineFault(
            "/dev/shm: full, through which workers hand over batches; enlarge it (`mount -o remount,size=8G /dev/shm`, "
            "`docker run --shm-size=8g`), or take fewer of data.workers; with --resume.run the same command goes on"
        ) from error


def outlive_first_signal(worker: int) -> None:
    """For DataLoader's `worker_init_fn`: let the process that a worker belongs to decide when it ends.

    A cluster and Ctrl+C signal all processes of a job at once. A worker that died of it would end a training that is
    about to save itself. So the first SIGTERM of others is not obeyed, but the second is. One of its own process is
    obeyed at once: a process of `multiprocessing` that ends sends it once to what it started, and waits.

    Args:
        worker: its number.
    """
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    # Only who waits for a signal is told who sent it.
    threading.Thread(target=_obey, args=(os.getppid(),), daemon=True).start()


def _obey(owner: int) -> None:
    if signal.sigwaitinfo({signal.SIGTERM}).si_pid == owner:
        os._exit(0)  # as torch's own workers do; killed by a signal they would count as lost
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # for this thread, which takes the second
    signal.pause()


def ready_for_workers(workers: int) -> None:
    """Let this process and its workers open as many files as batches on their way take, and end in good order.

    Every batch that a worker hands over is a file. Where there may be no more, the worker can send neither the batch
    nor an error, and the training would wait for ever.

    At its end a process ends its workers by SIGTERM. One that has just been started does not know yet to what it has to
    listen, and dies of it, which torch's handler would call an error.

    Args:
        workers: of a loader.

    Raises:
        MachineFault: the system allows too few.
    """
    if workers:
        multiprocessing.util.Finalize(None, _expect_ends, exitpriority=0)
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not workers or allowed >= _FILES:
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_FILES, most), most))
    if most < _FEWEST:
        raise MachineFault(
            f"data.workers: {workers}, but a process may open {most} files, which are too few to hand over batches; "
            f"raise `ulimit -n` to {_FILES}, or set data.workers to 0"
        )


def _expect_ends() -> None:
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def arrived(answers: Iterable[Content | DataError]) -> Iterator[Content]:
    """The answers of `Answers`, in their order.

    Raises:
        DataError: a worker could not make one.
    """
    for answer in answers:
        if isinstance(answer, DataError):
            raise DataError(str(answer))
        yield answer


class ResumableLoader:
    """A loader that can begin within an epoch: its data module knows the position.

    Lightning takes a loader for resumable if it has these two methods.
    """

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the position is in the state of the data module."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing to restore."""


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
    """Several batches as one tensor: between processes, every tensor costs a file and a connection.

    Attributes:
        data: `(bytes,)` uint8, the tensors behind each other.
        batches: with a Slot in the place of every tensor.
    """

    data: Tensor
    batches: list[Any]


def pinned(batch: Any) -> Any:  # noqa: ANN401 - of any data module
    """A batch, a named tuple, whose tensors are in pinned memory; anything else as it is."""
    if not hasattr(batch, "_asdict"):
        return batch
    fields: dict[str, Any] = batch._asdict()
    return batch._replace(**{name: each.pin_memory() for name, each in fields.items() if isinstance(each, Tensor)})


def pack(batches: Sequence[Any]) -> Message:
    """Put batches, named tuples of tensors and other values, into a message."""
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
