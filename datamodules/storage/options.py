"""`RemoteShards`: how shards behind a URL or a command are fetched."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datamodules.errors import DataError


@dataclass(frozen=True)
class RemoteShards:
    """How shards behind a URL or a command are fetched and kept.

    Args:
        cache: folder that keeps what was fetched, on a disk of this host; null: `melisma` in `XDG_CACHE_HOME`, or else
            in `~/.cache`. It may be deleted when nothing runs.
        gigabytes: 10^9 bytes that the folder takes at most, whoever writes to it.
        retries: how often a request that failed, or whose bytes are damaged, is repeated, with growing pauses.
        timeout: s after which a request, or a command that writes nothing, counts as failed.
        connections: requests under way at a time in each process.
        options: of the file system, such as `{anon: true}` for public data behind `s3://`; see the documentation of
            fsspec, s3fs, gcsfs. Credentials belong into the environment: a run's config.yaml holds what stands here.

    Raises:
        DataError: a value is out of range.
    """

    cache: str | None = None
    gigabytes: float = 10.0
    retries: int = 5
    timeout: float = 60.0
    connections: int = 16
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, value in {"gigabytes": self.gigabytes, "timeout": self.timeout}.items():
            if not value > 0:
                raise DataError(f"data.remote.{key}: {value} is not positive")
        for key, value, least in (("retries", self.retries, 0), ("connections", self.connections, 1)):
            if value < least:
                raise DataError(f"data.remote.{key}: {value} is less than {least}")

    @property
    def limit(self) -> int:
        """Bytes that the cache takes at most."""
        return round(self.gigabytes * 1e9)

    @property
    def folder(self) -> Path:
        """Of the cache."""
        if self.cache is not None:
            return Path(self.cache).expanduser()
        home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return Path(home).expanduser() / "melisma" / "shards"
