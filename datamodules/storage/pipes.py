"""`PipedFolder`: a prepared directory behind a command that writes a whole file to its output."""

from __future__ import annotations

import hashlib
import os
import re
import select
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import IO, BinaryIO

from typing_extensions import override

from datamodules.errors import DataError
from datamodules.storage.base import Part, StoredFile
from datamodules.storage.cache import cost, let_go
from datamodules.storage.fetching import DamagedError
from datamodules.storage.options import RemoteShards
from datamodules.storage.places import NAME, PIPE, without_secrets
from datamodules.storage.remote import RemoteFolder

CHUNK = 1 << 20  # bytes
NO_PROGRAM = (126, 127)  # exit codes of a shell that finds no program


class PipedFolder(RemoteFolder):
    """A prepared directory behind a command. A command cannot seek: whole shards go to the cache.

    The command is run by a shell, with the rights of the user who wrote it.

    Args:
        command: `pipe:` and a command in which `{name}` stands for the file.
        options: how to fetch.
    """

    def __init__(self, command: str, options: RemoteShards) -> None:
        self._command = command.removeprefix(PIPE)
        folder = re.search(r"([^/\s'\"]+)/" + re.escape(NAME), self._command)
        super().__init__(without_secrets(command), folder[1] if folder else "pipe", options)

    @override
    def where(self, name: str) -> str:
        return self.label.replace(NAME, name)

    @override
    def admit(self, files: Sequence[StoredFile], split: str) -> None:
        need = sum(cost(file.size) for file in files)
        if need > self.options.limit:
            raise DataError(
                f"data.remote.gigabytes: {self.options.gigabytes:g}, but split {split} of {self.label} takes {need} "
                f"bytes, and a command sends whole shards; write {need / 1e9 * 1.1:.3g} or more, or a URL, of which "
                "records are fetched singly"
            )

    @override
    def content(self, name: str) -> bytes:
        return b"".join(self._output(name))

    @override
    def copy(self, file: StoredFile, out: BinaryIO) -> None:
        digest, size = hashlib.sha256(), 0
        for data in self._output(file.name):
            size += len(data)
            if size > file.size:
                raise DamagedError
            digest.update(data)
            out.write(data)
        if size != file.size or digest.hexdigest() != file.sha256:
            raise DamagedError

    def _output(self, name: str) -> Iterator[bytes]:
        """What the command writes, as it comes.

        Raises:
            OSError: it fails, or writes nothing for too long.
        """
        command = self._command.replace(NAME, shlex.quote(name))
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                command,
                shell=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
            assert process.stdout is not None
            try:
                while data := self._chunk(process.stdout):
                    yield data
                self._wait(process, errors)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.stdout.close()
                process.wait()

    def _chunk(self, output: IO[bytes]) -> bytes:
        ready, _, _ = select.select([output], [], [], self.options.timeout)
        if not ready:
            raise TimeoutError(f"nothing came for {self.options.timeout:g} s")
        return os.read(output.fileno(), CHUNK)

    def _wait(self, process: subprocess.Popen[bytes], errors: BinaryIO) -> None:
        end = time.monotonic() + self.options.timeout
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        if process.returncode:
            errors.seek(0)
            said = errors.read()[-CHUNK:].decode(errors="replace").strip().splitlines()
            wrong = f"the command ended with {process.returncode}{': ' + said[-1][:200] if said else ''}"
            if process.returncode in NO_PROGRAM:
                raise DataError(f"{self.label}: {without_secrets(wrong)}; install the program, or write another one")
            raise OSError(wrong)

    @override
    def part(self, part: Part) -> bytes | None:
        for _ in range(2):
            shard = self.held(part.file)
            try:
                data = os.pread(shard.fileno(), part.size, part.offset)
            finally:
                let_go(shard)
            if hashlib.sha256(data).digest() == part.sha256:
                return data
            self.cache.discard(part.file.sha256, part.file.size)  # it was whole when it was fetched
        return None

    @override
    def prefetch(self, parts: Iterable[Part]) -> None:
        process = self.process
        with process.lock:
            for file in {part.file for part in parts}:
                if file.sha256 not in process.coming and not self.cache.path(file.sha256).exists():
                    process.coming[file.sha256] = process.threads.submit(partial(self._fetch_and_forget, file))

    def _fetch_and_forget(self, file: StoredFile) -> dict[str, bytes | None]:
        try:
            let_go(self.held(file))
        finally:
            with self.process.lock:
                self.process.coming.pop(file.sha256, None)
        return {}
