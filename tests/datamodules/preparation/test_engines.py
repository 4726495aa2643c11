"""Tasks run somewhere; what is asked for is asked for in time, and errors arrive."""

import itertools
import time

import pytest

from datamodules.errors import DataError
from datamodules.preparation.engines import Engine

ENGINES = [Engine(), Engine(2), Engine(2, "threading")]


def squared(number):
    if number == 13:
        raise FileNotFoundError(number)
    return number**2


def slowly_squared(number):
    time.sleep(0.01)
    return squared(number)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_task_once(engine):
    with engine.started() as workers:
        assert sorted(workers.run(squared, ((n,) for n in range(10)))) == [n**2 for n in range(10)]
        assert list(workers.run(squared, iter(()))) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_tasks_are_not_asked_for_long_before_they_can_begin(engine):
    asked = itertools.count()
    with engine.started() as workers:
        results = workers.run(
            slowly_squared, ((min(n, 12),) for n in itertools.takewhile(lambda n: n < 100_000, asked))
        )
        next(results)
        assert next(asked) < 1000
        results.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_errors_of_a_task_and_of_the_one_who_says_what_to_do_arrive(engine):
    def arguments():
        yield from ((n,) for n in range(5))
        raise FileNotFoundError("the staging folder")

    with engine.started() as workers:
        with pytest.raises(FileNotFoundError, match="13"):
            list(workers.run(squared, ((n,) for n in range(11, 15))))
        with pytest.raises(FileNotFoundError, match="staging"):
            list(workers.run(squared, arguments()))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "queue.yaml: cannot be read"),
        ("[", "scheduler: .*queue.yaml, line 1: not valid YAML"),
        ("distributed: {}", "expected is dask-jobqueue's configuration"),
        ("jobqueue: {slurm: {}, pbs: {}}", "of one queue"),
        ("jobqueue: {wishes: {}}", "'wishes' is none of htcondor, lsf"),
        ("jobqueue: {slurm: {cores: 2}}", r"memory.*below jobqueue.slurm"),
    ],
)
def test_a_queue_that_cannot_be_used_is_named(tmp_path, content, message):
    pytest.importorskip("dask_jobqueue")
    if content is not None:
        (tmp_path / "queue.yaml").write_text(content)
    engine = Engine(2, "dask", str(tmp_path / "queue.yaml"))
    with pytest.raises(DataError, match=message), engine.started():
        pass
