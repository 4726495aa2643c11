"""`Engine`: runs independent tasks in this process, in others on this host, or on a cluster."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import joblib

from datamodules.documents import as_mapping, read_yaml
from datamodules.errors import DataError

Result = TypeVar("Result")
_LOOK = 2.0  # s between two looks of a worker at whether its caller lives
# By the key below `jobqueue` in dask-jobqueue's configuration.
QUEUES = {
    "htcondor": "HTCondorCluster",
    "lsf": "LSFCluster",
    "moab": "MoabCluster",
    "oar": "OARCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "slurm": "SLURMCluster",
}


class Engine(NamedTuple):
    """How many tasks run at once, and where.

    Attributes:
        jobs: tasks at once.
        backend: of joblib: `loky` (processes), `threading` (threads of this process: decoding and resampling release
            the interpreter's lock, drawing synthetic audio does not) or `dask` (workers of dask.distributed).
        scheduler: of dask: address of one that runs; or a queue such as `slurm`, or a YAML file of dask-jobqueue's
            configuration, which has one: `jobs` workers are submitted to it; null: they are started on this host.
    """

    jobs: int = 1
    backend: Literal["loky", "threading", "dask"] = "loky"
    scheduler: str | None = None

    @contextmanager
    def started(self) -> Iterator[Workers]:
        """Workers that are there until the `with` block ends.

        Raises:
            DataError: the backend is not installed, or a scheduler is given that it does not use or that is none.
        """
        if self.scheduler is not None and self.backend != "dask":
            raise DataError(f"scheduler: the backend {self.backend!r} has none; use `dask` or leave it out")
        with ExitStack() as stack:
            if self.backend == "dask":
                _start_dask(self, stack)
            ending = {"initializer": end_with_the_caller} if self.backend == "loky" and self.jobs != 1 else {}
            stack.enter_context(joblib.parallel_config(backend=self.backend, n_jobs=self.jobs, **ending))
            yield Workers(2 * self.jobs if self.is_queue else "2 * n_jobs")

    @property
    def is_queue(self) -> bool:
        """Whether workers are submitted to a queue, and come one after the other."""
        return self.scheduler is not None and (self.scheduler in QUEUES or self.scheduler.endswith((".yaml", ".yml")))


class Workers(NamedTuple):
    """What runs the tasks.

    Attributes:
        ahead: tasks that are given out at first, a number or an expression of joblib.
    """

    ahead: int | str

    def run(self, task: Callable[..., Result], arguments: Iterable[tuple[Any, ...]]) -> Iterator[Result]:
        """Results as they become available, in any order.

        Args:
            task: called once with each of the arguments.
            arguments: asked for when a task can soon begin, so that they are not all there at once.
        """
        errors: list[Exception] = []
        tasks = (joblib.delayed(task)(*each) for each in _until_error(arguments, errors))
        yield from joblib.Parallel(return_as="generator_unordered", pre_dispatch=self.ahead)(tasks)
        if errors:
            raise errors[0]


def end_with_the_caller() -> None:
    """End this process, a worker, soon after the one that it works for, which may be killed."""
    caller = os.getppid()

    def watch() -> None:
        while os.getppid() == caller:
            time.sleep(_LOOK)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _until_error(arguments: Iterable[tuple[Any, ...]], errors: list[Exception]) -> Iterator[tuple[Any, ...]]:
    """The arguments; joblib asks for them in a thread of its own, where an error would be lost and the rest wait."""
    try:
        yield from arguments
    except Exception as error:
        errors.append(error)


def _start_dask(engine: Engine, stack: ExitStack) -> None:
    try:
        import dask.config
        from distributed import Client
    except ImportError as error:
        raise DataError("backend: dask is not installed; run `pip install 'melisma[dask]'`") from error
    if not engine.is_queue:
        local = {"n_workers": engine.jobs, "threads_per_worker": 1, "dashboard_address": None}
        stack.enter_context(Client(engine.scheduler) if engine.scheduler is not None else Client(**local))
        return
    kind, stated = _queue(str(engine.scheduler))
    try:
        import dask_jobqueue
    except ImportError as error:
        raise DataError("scheduler: dask-jobqueue is not installed; run `pip install 'melisma[dask]'`") from error
    stack.enter_context(dask.config.set(dask.config.merge(dask.config.config, stated)))
    try:
        cluster = stack.enter_context(getattr(dask_jobqueue, QUEUES[kind])())
    except (ValueError, TypeError) as error:  # cores or memory are not stated
        raise DataError(
            f"scheduler: {engine.scheduler}: {error}; dask-jobqueue's configuration states them below jobqueue.{kind}"
        ) from error
    cluster.scale(engine.jobs)
    client = stack.enter_context(Client(cluster))
    client.wait_for_workers(1)


def _queue(scheduler: str) -> tuple[str, dict[str, Any]]:
    """The queue of a name or file, and the configuration in the file."""
    if scheduler in QUEUES:
        return scheduler, {}
    try:
        stated = as_mapping(read_yaml(Path(scheduler)), scheduler)
        (kind,) = stated["jobqueue"]
    except DataError as error:
        raise DataError(f"scheduler: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"scheduler: {scheduler}: expected is dask-jobqueue's configuration of one queue, as in "
            "jobqueue: {slurm: {cores: 4, memory: 8GB}}"
        ) from error
    if kind not in QUEUES:
        raise DataError(f"scheduler: {scheduler}: {kind!r} is none of {', '.join(QUEUES)}")
    return kind, stated
