"""What users write for the place of a prepared directory: a path, a URL or a command."""

from __future__ import annotations

import re
from pathlib import Path

from datamodules.errors import DataError
from datamodules.storage import consent
from datamodules.storage.base import Storage
from datamodules.storage.local import LocalFolder
from datamodules.storage.options import RemoteShards

PIPE = "pipe:"
NAME = "{name}"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_SECRETS = re.compile(r"(?<=://)[^/@\s'\"]*@|\?[^\s'\"]*")


def is_remote(place: str | Path) -> bool:
    """Whether a place is a URL or a command; a Path never is."""
    return isinstance(place, str) and (place.startswith(PIPE) or _URL.match(place) is not None)


def without_secrets(text: str) -> str:
    """A URL, or a text with URLs, without user, password and query."""
    return _SECRETS.sub("", text)


def open_storage(place: str | Path | Storage, remote: RemoteShards | None = None) -> Storage:
    """The storage at a place that the user named. What data say about themselves never comes here.

    Args:
        place: a folder; or, as a string, a URL, or `pipe:` and a command in which `{name}` stands for the file.
        remote: how to fetch; None: the defaults.

    Raises:
        DataError: the command has no `{name}` or stands in a file (see `consent`), or nothing can open URLs of this
            kind.
    """
    if isinstance(place, Storage):
        return place
    if not is_remote(place):
        return LocalFolder(Path(place))
    # Only who needs it loads it: it starts a library of file systems.
    from datamodules.storage.pipes import PipedFolder
    from datamodules.storage.urls import UrlFolder

    text, options = str(place), remote or RemoteShards()
    if not text.startswith(PIPE):
        return UrlFolder(text, options)
    if NAME not in text:
        raise DataError(
            f"{without_secrets(text)}: no {NAME} in it; write the command with {NAME} where the name of the file "
            f"belongs, as in pipe:ssh host cat /data/mine/{NAME}"
        )
    consent.require(text, without_secrets(text), consent.COMMANDS)
    return PipedFolder(text, options)
