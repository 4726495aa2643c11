"""A public tracker, in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules import DataError
from datamodules.annotations.f0_series import F0Series
from experiments.trackers import worker
from experiments.trackers.base import Tracked, Tracker
from experiments.trackers.catalogue import Method

# Without the user's own modules, and without cached bytecode: a file changed within a second may pass for the old one.
ALONE = ("-I", "-B")
WORKER = Path(worker.__file__)
CACHE = "NUMBA_CACHE_DIR"
# Threads that wait for each other burn the time of processors that is measured.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
SHOWN = 600  # characters of what the process said last


class PublicTracker(Tracker):
    """A method of the catalogue, run by an interpreter that has its package.

    Args:
        name: of the method.
        method: what it is.
        python: the interpreter, of this or another environment.
    """

    def __init__(self, name: str, method: Method, python: str) -> None:
        super().__init__(name)
        self.method, self.python = method, python

    @override
    def identity(self) -> dict[str, Any]:
        versions = json.loads(self._output("versions", *self.method.packages))
        missing = [package for package, version in versions.items() if version is None]
        if missing:
            raise DataError(
                f"{self.name}: {self.python} has no {', '.join(missing)}; install it with\n"
                f"    {self.python} -m pip install '{self.method.requirement}'\n"
                f"  or name an environment that has it with --environment {self.name}=PYTHON"
            )
        code = hashlib.sha256(self.method.file.read_bytes()).hexdigest()
        return {"tracker": self.method.tracker, "settings": dict(self.method.settings), **versions, "code": code}

    def _output(self, *words: str) -> bytes:
        try:
            return subprocess.run([self.python, *ALONE, str(WORKER), *words], check=True, capture_output=True).stdout
        except OSError as error:
            raise DataError(f"{self.name}: {self.python} cannot be run: {error.strerror}") from error
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip()[-SHOWN:]
            raise DataError(f"{self.name}: {self.python} has no numpy, or cannot run:\n{said}") from error

    @property
    @override
    def process(self) -> int:
        return self._process.pid

    @override
    def __enter__(self) -> Self:
        self._start()
        return self

    def _start(self) -> None:
        self._said = tempfile.TemporaryFile()
        words = [str(self.method.file), self.method.tracker, json.dumps(dict(self.method.settings))]
        self._process = subprocess.Popen(
            [self.python, *ALONE, str(WORKER), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=self._environment(),
        )
        try:
            self._answer()
        except BaseException:
            self._stop()
            raise

    def _environment(self) -> dict[str, str]:
        """The process' environment variables: one thread, and a cache of compiled functions for this method alone.

        Processes that compile different versions of a function at the same time spoil a cache that they share, for
        good: numba gives both versions one number, and librosa.pyin then ends in a segmentation fault.
        """
        environment = {**os.environ, **ONE_THREAD}
        if CACHE in os.environ:
            return environment
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "melisma" / "numba" / self.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:  # without a cache of its own: no worse than before, and slower only where there is none
            return environment
        return {**environment, CACHE: str(folder)}

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.kill()  # it holds nothing that could be lost
        self._process.communicate()
        self._said.close()

    @override
    def __call__(self, samples: NDArray[np.float32], rate: int) -> Tracked:
        if self._process.poll() is not None:  # the recording before ended it
            self._stop()
            self._start()
        assert self._process.stdin is not None and self._process.stdout is not None
        request = json.dumps({"rate": rate, "samples": len(samples)}).encode()
        try:
            self._process.stdin.write(request + b"\n" + samples.astype("<f4").tobytes())
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise DataError(self._ended()) from error
        answer = self._answer()
        if "error" in answer:
            raise DataError(f"{self.name}: {answer['error']}")
        size = 8 * answer["columns"] * answer["frames"]
        data = self._process.stdout.read(size)
        if len(data) < size:
            raise DataError(self._ended())
        times, f0, *rest = np.frombuffer(data, "<f8").reshape(answer["columns"], -1)
        confidence = self._checked(rest[0]) if rest else None
        return Tracked(F0Series(times, f0), answer["seconds"], answer["cpu_seconds"], confidence)

    def _checked(self, confidence: NDArray[np.float64]) -> NDArray[np.float64]:
        low, high = confidence.min(initial=0.0), confidence.max(initial=1.0)
        if not (low >= -1e-6 and high <= 1 + 1e-6):  # rounding of float32 is no mistake
            raise DataError(
                f"{self.name}: its confidence, the third value, goes from {low:g} to {high:g}; wanted: 0 to 1"
            )
        return confidence.clip(0.0, 1.0)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise DataError(self._ended())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self) -> str:
        code = self._process.wait()
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").strip()[-SHOWN:]
        return f"{self.name}: its process, of {self.python}, ended with code {code}:\n{said}"
