"""A data set on disk as mirdata sees it, with its index, which mirdata does not contain and we keep beside the data."""

from __future__ import annotations

import copy
import importlib
from pathlib import Path
from typing import Any

from datamodules.corpora.mirdata.f0 import mirdata_module
from datamodules.errors import DataError


class MirdataSet:
    """A data set on disk.

    Args:
        name: of the data set in mirdata.
        folder: where the data set is.
        version: of the data set; `default` is mirdata's choice.
        index: file of mirdata's index; None: the one in the folder, or else the one in mirdata's own folder.

    Raises:
        DataError: mirdata is not installed, or does not know the version.
    """

    def __init__(self, name: str, folder: Path, version: str, index: Path | None) -> None:
        self.folder = folder
        module = mirdata_module(name)
        versions = [key for key, value in module.INDEXES.items() if getattr(value, "remote", None) is not None]
        if version not in ("default", *versions):
            raise DataError(f"version: {version!r}; mirdata has {', '.join(versions)} of {name}, and 'default'")
        self._dataset = module.Dataset(data_home=str(folder), version=version)
        self._index = module.INDEXES[self._dataset.version]
        self._help = getattr(module, "DOWNLOAD_INFO", None)
        self.name = f"{name} {self._dataset.version}"
        mirdatas_own = Path(self._dataset.index_path)
        here = folder / mirdatas_own.name
        if index is None:
            index = mirdatas_own if mirdatas_own.is_file() and not here.is_file() else here
        self._dataset.index_path = str(index)

    @property
    def index(self) -> Path:
        """File that lists the tracks."""
        return Path(self._dataset.index_path)

    def tracks(self) -> list[Any]:
        """Mirdata's tracks, in the order of the index.

        Raises:
            DataError: the index is missing or invalid.
        """
        if not self.index.is_file():
            raise DataError(
                f"{self.index}: mirdata's index of {self.name} is missing; set download: true where there is internet "
                f"access, or get {self._index.remote.url} and name it by index"
            )
        try:
            return [self._dataset.track(name) for name in self._dataset.track_ids]
        except (ValueError, LookupError, TypeError, AttributeError) as error:  # mirdata checks nothing
            raise DataError(f"{self.index}: not mirdata's index of {self.name}: {error!r}") from error

    def download_index(self) -> None:
        """Download the index into the data set's folder.

        Raises:
            DataError: the download failed.
        """
        self._download(["index"])

    def download_files(self) -> None:
        """Download all that mirdata offers of the data set; some data sets are given out on request only.

        Raises:
            DataError: the download failed.
        """
        self._download(list(self._dataset.remotes or {}))

    def _download(self, parts: list[str]) -> None:
        index = copy.copy(self._index)
        # mirdata would put the index among its own files, which need not be writable.
        index.indexes_dir = str(self.folder.resolve())
        index.remote = copy.copy(index.remote)
        index.remote.destination_dir = index.indexes_dir
        remotes = dict(self._dataset.remotes or {})
        try:
            importlib.import_module("mirdata.download_utils").downloader(
                str(self.folder), remotes, index, partial_download=parts, info_message=self._help
            )
        except OSError as error:  # no connection, no room, or another checksum
            raise DataError(f"{self.folder}: {self.name} cannot be downloaded: {error}") from error
