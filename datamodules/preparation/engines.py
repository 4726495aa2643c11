"""`Engine`: runs independent tasks in this process, in others on this host, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any, Literal, NamedTuple, TypeVar

import joblib

from datamodules.errors import DataError

Result = TypeVar("Result")


class Engine(NamedTuple):
    """How many tasks run at once, and where.

    Attributes:
        jobs: tasks at once.
        backend: of joblib: `loky` (processes), `threading` (threads of this process: decoding and resampling release
            the interpreter's lock, drawing synthetic audio does not) or `dask` (workers of dask.distributed).
        scheduler: address of a running dask scheduler; null: `dask` starts `jobs` workers on this host.
    """

    jobs: int = 1
    backend: Literal["loky", "threading", "dask"] = "loky"
    scheduler: str | None = None

    def run(self, task: Callable[..., Result], arguments: Iterable[tuple[Any, ...]]) -> Iterator[Result]:
        """Results as they become available, in any order.

        Args:
            task: called once with each of the arguments.
            arguments: asked for when a task can soon begin, so that they are not all there at once.

        Raises:
            DataError: the backend is not installed, or a scheduler is given that it does not use.
        """
        if self.scheduler is not None and self.backend != "dask":
            raise DataError(f"scheduler: the backend {self.backend!r} has none; use `dask` or leave it out")
        with ExitStack() as stack:
            if self.backend == "dask":
                stack.enter_context(_dask_client(self))
            stack.enter_context(joblib.parallel_config(backend=self.backend, n_jobs=self.jobs))
            errors: list[Exception] = []
            tasks = (joblib.delayed(task)(*each) for each in _until_error(arguments, errors))
            yield from joblib.Parallel(return_as="generator_unordered")(tasks)
            if errors:
                raise errors[0]


def _until_error(arguments: Iterable[tuple[Any, ...]], errors: list[Exception]) -> Iterator[tuple[Any, ...]]:
    """The arguments; joblib asks for them in a thread of its own, where an error would be lost and the rest wait."""
    try:
        yield from arguments
    except Exception as error:
        errors.append(error)


def _dask_client(engine: Engine) -> Any:  # noqa: ANN401 -- distributed has no types
    try:
        from distributed import Client
    except ImportError as error:
        raise DataError("backend: dask is not installed; run `pip install 'melisma[dask]'`") from error
    if engine.scheduler is not None:
        return Client(engine.scheduler)
    return Client(n_workers=engine.jobs, threads_per_worker=1, dashboard_address=None)
