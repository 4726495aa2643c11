"""`UrlFolder`: a prepared directory behind a URL, of which ranges of bytes can be asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import quote

from typing_extensions import override

from datamodules.errors import DataError
from datamodules.storage.base import Part, StoredFile
from datamodules.storage.fetching import DamagedError, persist
from datamodules.storage.options import RemoteShards
from datamodules.storage.places import without_secrets
from datamodules.storage.remote import UNDER_WAY, RemoteFolder

GAP = 1 << 15  # bytes between members that are fetched rather than asked for separately: less than a request costs
RUN = 1 << 23  # bytes of one request at most, unless a member has more
PIECE = 1 << 25  # bytes of one request for a part of a whole file


class UrlFolder(RemoteFolder):
    """A prepared directory behind a URL that fsspec can open.

    Args:
        url: of the directory. A query behind `?` goes behind the name of every file.
        options: how to fetch.

    Raises:
        DataError: nothing can open URLs of this kind.
    """

    def __init__(self, url: str, options: RemoteShards) -> None:
        base, _, query = url.partition("?")
        self._base, self._query = base.rstrip("/"), query and f"?{query}"
        label = without_secrets(self._base)
        super().__init__(label, label.rpartition("/")[2], options)
        self._files()  # refuses at once what cannot be opened

    def _files(self) -> Any:  # noqa: ANN401 -- fsspec has no types
        """The file system of fsspec; event loop and connections of a process are of no use in a forked one."""
        process = self.process
        with process.lock:
            if process.opened is None:
                process.opened = self._connect()
            return process.opened

    def _connect(self) -> Any:  # noqa: ANN401 -- fsspec has no types
        import fsspec

        scheme = self._base.partition("://")[0]
        options = {"skip_instance_cache": True, **self.options.options}
        if scheme in ("http", "https"):
            options.setdefault("client_kwargs", {"trust_env": True})  # proxies, and passwords in ~/.netrc
        try:
            return fsspec.filesystem(scheme, **options)
        except ValueError as error:
            raise DataError(f"{self.label}: nothing is known that opens {scheme}:// ({error})") from error
        except ImportError as error:
            raise DataError(
                f"{self.label}: a package is missing that opens {scheme}:// ({error}); install it"
            ) from error

    def _request(self, name: str, begin: int | None = None, end: int | None = None) -> bytes:
        from fsspec.asyn import sync

        files = self._files()
        url = f"{self._base}/{quote(name) if self._base.startswith('http') else name}{self._query}"
        data: bytes
        if files.async_impl:
            data = sync(files.loop, files._cat_file, url, start=begin, end=end, timeout=self.options.timeout)
        else:
            data = files.cat_file(url, start=begin, end=end)
        if begin is not None and end is not None and len(data) > end - begin:
            raise DataError(
                f"{self.where(name)}: the server sends whole files instead of the bytes asked for; write "
                f"pipe:curl -sSf {self.label}/{{name}} instead, which fetches whole shards"
            )
        return data

    @override
    def content(self, name: str) -> bytes:
        return self._request(name)

    @override
    def copy(self, file: StoredFile, out: BinaryIO) -> None:
        digest = hashlib.sha256()
        for begin in range(0, file.size, PIECE):
            end = min(begin + PIECE, file.size)
            what, retries = self.where(file.name), self.options.retries
            data = persist(what, retries, partial(self._exactly, file.name, begin, end))
            digest.update(data)
            out.write(data)
        if digest.hexdigest() != file.sha256:
            raise DamagedError

    def _exactly(self, name: str, begin: int, end: int) -> bytes:
        data = self._request(name, begin, end)
        if len(data) != end - begin:
            raise DamagedError
        return data

    @override
    def part(self, part: Part) -> bytes | None:
        key, process = part.sha256.hex(), self.process
        with process.lock:
            coming = process.coming.get(key)
        if coming is not None:
            return coming.result()[key]
        kept = self.cache.get(key)
        if kept is not None:
            if hashlib.sha256(kept).digest() == part.sha256:
                return kept
            self.cache.discard(key, len(kept))
        return self._fetch([part])[key]

    @override
    def admit(self, files: Sequence[StoredFile], split: str) -> None:
        pass  # members are fetched singly: any cache will do

    @override
    def prefetch(self, parts: Iterable[Part]) -> None:
        process = self.process
        with process.lock:
            absent = {
                key: part
                for part in parts
                if (key := part.sha256.hex()) not in process.coming and not self.cache.path(key).exists()
            }
            for run in runs(absent.values()):
                if len(process.coming) >= UNDER_WAY:
                    return
                fetched = process.threads.submit(partial(self._fetch_and_forget, run))
                process.coming.update((part.sha256.hex(), fetched) for part in run)

    def _fetch_and_forget(self, run: Sequence[Part]) -> dict[str, bytes | None]:
        try:
            return self._fetch(run)
        finally:  # whoever asks from now on finds them in the cache
            with self.process.lock:
                for part in run:
                    self.process.coming.pop(part.sha256.hex(), None)

    def _fetch(self, run: Sequence[Part]) -> dict[str, bytes | None]:
        """Members that lie near each other, by one request, repeated while one of them is damaged."""
        name, begin, end = run[0].file.name, run[0].offset, run[-1].offset + run[-1].size
        found: dict[str, bytes | None] = {part.sha256.hex(): None for part in run}

        def attempt() -> None:
            data = self._request(name, begin, end)
            for part in run:
                member = data[part.offset - begin :][: part.size]
                if hashlib.sha256(member).digest() == part.sha256:
                    found[part.sha256.hex()] = member
            if None in found.values():
                raise DamagedError

        try:
            persist(self.where(name), self.options.retries, attempt)
        except DamagedError:
            pass  # found says which
        for key, member in found.items():
            if member is not None:
                self.cache.put(key, member)
        return found


def runs(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """Parts that one request fetches: of one shard, in order, with small gaps between them."""
    run: list[Part] = []
    for part in sorted(parts, key=lambda part: (part.file.name, part.offset)):
        if run:
            near = part.file.name == run[0].file.name and part.offset - (run[-1].offset + run[-1].size) <= GAP
            if not near or part.offset + part.size - run[0].offset > RUN:
                yield run
                run = []
        run.append(part)
    if run:
        yield run
