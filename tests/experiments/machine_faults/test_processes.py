"""Processes that are lost, and limits of what a process may have: one line, no hang, and the same command goes on."""

import os
import resource
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.experiments.machine_faults.conftest import one_line
from tests.experiments.machine_faults.forked import melisma, of_session, own_mounts
from tests.experiments.machine_faults.places import can_mount, contents
from tests.experiments.machine_faults.results import differences, of_run

pytestmark = pytest.mark.faults


def fit(world, *more):
    return ["fit", "--config", world.small_recipe, "--resume.run=mine", "--resume.every_n_train_steps=3", *more]


@pytest.fixture(scope="module")
def fitted(world, tmp_path_factory):
    """What a fit gives that nothing happened to."""
    folder = tmp_path_factory.mktemp("fitted")
    assert melisma(fit(world), folder).code == 0
    return of_run(folder / "runs" / "mine")


def goes_on(world, folder, fitted, *more):
    ended = melisma(fit(world, *more), folder)
    assert ended.code == 0, ended.output
    found = of_run(folder / "runs" / "mine")
    # The number of workers stands in the configuration, nothing else depends on it.
    assert [name for name in differences(found, fitted) if not name.startswith(("config", "record"))] == []


def kill_in_worker(at: int, number: int = signal.SIGKILL):
    """Every worker of a loader gets a signal in its n-th request."""

    def prepare():
        from datamodules import loading

        caller, answer, asked = os.getpid(), loading.Answers.__getitem__, [0]

        def answered(self, request):
            asked[0] += 1
            if os.getpid() != caller and asked[0] == at:
                os.kill(os.getpid(), number)
            return answer(self, request)

        loading.Answers.__getitem__ = answered

    return prepare


def kill_other(word: str, files: str, count: int):
    """A process whose command line has a word in it is killed as soon as there are so many files."""

    def prepare():
        threading.Thread(target=watch, daemon=True).start()

    def watch():
        while True:
            if len(list(Path().glob(files))) >= count:
                for pid in of_session(os.getsid(0)):
                    command = Path(f"/proc/{pid}/cmdline").read_bytes()
                    if word.encode() in command and b"resource_tracker" not in command:
                        os.kill(pid, signal.SIGKILL)
                        return
            time.sleep(0.01)

    return prepare


@pytest.mark.long
@pytest.mark.parametrize("jump", [1e6, -1e6])
def test_a_clock_that_jumps_in_mid_run_changes_nothing_and_the_stopped_fit_goes_on(world, fitted, tmp_path, jump):
    def jumps():
        clock, nanoseconds, asked = time.time, time.time_ns, [0]

        def now():
            asked[0] += 1
            return clock() + (jump if asked[0] > 40 else 0.0)

        time.time = now
        time.time_ns = lambda: nanoseconds() + int(1e9 * (now() - clock()))

    def stopped_by_a_lost_worker():
        jumps()
        kill_in_worker(6)()

    stopped = melisma(fit(world, "--data.workers=1"), tmp_path / "here", stopped_by_a_lost_worker)
    assert stopped.code == 1 and "worker" in stopped.told[-1], stopped.output
    ended = melisma(fit(world, "--data.workers=1"), tmp_path / "here", jumps)
    assert ended.code == 0, ended.output
    found = of_run(tmp_path / "here" / "runs" / "mine")
    assert [name for name in differences(found, fitted) if not name.startswith(("config", "record"))] == []


@pytest.mark.slow
def test_a_worker_of_a_loader_that_is_killed_is_explained_and_the_fit_goes_on(world, fitted, tmp_path):
    ended = melisma(fit(world, "--data.workers=2"), tmp_path / "here", kill_in_worker(2))
    one_line(ended, "a worker that reads data was killed", "data.workers", "--resume.run")
    goes_on(world, tmp_path / "here", fitted, "--data.workers=2")


@pytest.mark.long
@pytest.mark.skipif(not can_mount(), reason="only root can mount another /dev/shm")
@pytest.mark.parametrize("size", [4096, 16384, 65536])
def test_a_full_dev_shm_is_named(world, fitted, tmp_path, size):
    def prepare():
        own_mounts()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", "/dev/shm"], check=True)

    words = ("--data.workers=2", "--data.batch_size=300")
    ended = melisma(fit(world, *words), tmp_path / "here", prepare)
    one_line(ended, "/dev/shm")
    ended = melisma(fit(world, *words), tmp_path / "here")
    assert ended.code == 0, ended.output


@pytest.mark.long
def test_a_worker_of_prepare_that_is_killed_is_explained_and_the_same_command_goes_on(world, prepared, tmp_path):
    words = ["prepare", world.preparing, "-j", "2"]
    ended = melisma(words, tmp_path / "here", kill_other("loky", "shards/.staging/arrays/*/*.npy", 2))
    one_line(ended, "a worker was killed", "--jobs", "goes on")
    assert melisma(words, tmp_path / "here").code == 0
    assert contents(tmp_path / "here") == prepared


@pytest.mark.long
@pytest.mark.parametrize("answered", [0, 1])
def test_a_worker_of_transcribe_that_is_killed_is_explained_and_the_same_command_goes_on(world, tmp_path, answered):
    words = ["transcribe", world.recordings, "--model", world.released, "--out", "out", "-j", "2"]
    ended = melisma(words, tmp_path / "here", kill_other("spawn_main", "out/*.csv", answered))
    one_line(ended, "a worker was killed", "--jobs", "goes on")
    assert melisma(words, tmp_path / "here").code == 0
    assert (
        melisma(["transcribe", world.recordings, "--model", world.released, "--out", "out"], tmp_path / "one").code == 0
    )
    assert contents(tmp_path / "here") == contents(tmp_path / "one")


@pytest.mark.parametrize(
    "most", [10, pytest.param(24, marks=pytest.mark.long), pytest.param(64, marks=pytest.mark.long)]
)
def test_too_few_open_files_are_named_before_workers_wait_for_ever(world, tmp_path, most):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    ended = melisma(fit(world, "--data.workers=2"), tmp_path / "here", limit, limit=60)
    assert ended.code in (1, 2) and len(ended.told) == 1 and "ulimit -n" in ended.told[0], ended.output
    assert "Traceback" not in ended.output


@pytest.mark.long
def test_a_soft_limit_of_open_files_is_raised_for_workers(world, fitted, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 4096))

    ended = melisma(fit(world, "--data.workers=2"), tmp_path / "here", limit, limit=60)
    assert ended.code == 0, ended.output


@pytest.mark.parametrize("name", ["prepare", pytest.param("transcribe", marks=pytest.mark.long)])
def test_too_little_memory_is_said_in_one_line_and_no_recording_is_left_out_for_it(world, prepared, tmp_path, name):
    """A recording of ten minutes, of which this process may not hold the samples."""
    words = {
        "prepare": ["prepare", world.preparing],
        "transcribe": ["transcribe", world.recordings, "--model", world.released, "--format", "npz"],
    }[name]

    def limit():
        import numpy as np

        from datamodules.corpora.sources.audio_files import AudioFile

        read = AudioFile.read, AudioFile.blocks

        def with_too_much(of):
            def reading(self, *more):
                if self.path.stem == "r3":
                    np.ones(1 << 34)
                return read[of](self, *more)

            return reading

        AudioFile.read, AudioFile.blocks = with_too_much(0), with_too_much(1)
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + (1 << 30),) * 2)

    ended = melisma(words, tmp_path / "here", limit)
    one_line(ended, "there is not enough memory")
    ended = melisma(words, tmp_path / "here")
    assert ended.code == 0, ended.output
    if name == "prepare":
        assert contents(tmp_path / "here") == prepared
