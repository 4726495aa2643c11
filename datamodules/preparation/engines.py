"""`Engine`: runs independent tasks in this process, in others on this host, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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

    def run(self, task: Callable[..., Result], arguments: Sequence[tuple[Any, ...]]) -> Iterator[Result]:
        """Results in the order of the arguments, as they become available.

        Raises:
            DataError: the backend is not installed, or a scheduler is given that it does not use.
        """
        if self.scheduler is not None and self.backend != "dask":
            raise DataError(f"scheduler: the backend {self.backend!r} has none; use `dask` or leave it out")
        with ExitStack() as stack:
            if self.backend == "dask":
                stack.enter_context(_dask_client(self))
            stack.enter_context(joblib.parallel_config(backend=self.backend, n_jobs=self.jobs))
            yield from joblib.Parallel(return_as="generator")(joblib.delayed(task)(*each) for each in arguments)


def _dask_client(engine: Engine) -> Any:  # noqa: ANN401 -- distributed has no types
    try:
        from distributed import Client
    except ImportError as error:
        raise DataError("backend: dask is not installed; run `pip install 'melisma[dask]'`") from error
    if engine.scheduler is not None:
        return Client(engine.scheduler)
    return Client(n_workers=engine.jobs, threads_per_worker=1, dashboard_address=None)
