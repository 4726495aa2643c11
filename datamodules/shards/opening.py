"""What a split is opened with: the grid of its directories, and their column files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datamodules.errors import DataError
from datamodules.shards.columns import ColumnFile
from datamodules.shards.conversion import open_columns
from datamodules.shards.fetched import fetched_columns
from datamodules.shards.format import Grid, stored_rows
from datamodules.shards.members import GRIDDED, StoredMember
from datamodules.storage.base import Storage
from datamodules.storage.local import LocalFolder
from datamodules.storage.remote import RemoteFolder

if TYPE_CHECKING:
    from datamodules.shards.schema import Description


def common_grid(storages: Sequence[Storage], descriptions: Sequence[Description]) -> Grid:
    """The grid of some directories.

    Raises:
        DataError: they differ; names two of them.
    """
    from datamodules.shards.schema import grid_of  # loaded already, by what read the descriptions

    grids = list(map(grid_of, descriptions))
    for storage, grid in zip(storages, grids, strict=True):
        if grid != grids[0]:
            raise DataError(
                f"{storage.label}: its grid is {grid}, that of {storages[0].label} is {grids[0]}; prepare both alike"
            )
    return grids[0]


def columns_at(storage: Storage, description: Description, split: str) -> ColumnFile:
    """The columns of a split, wherever it lies.

    Raises:
        DataError: there is no such split, or a shard or sidecar that is needed is missing or damaged; names it.
    """
    if isinstance(storage, RemoteFolder):
        return fetched_columns(storage, description, split)
    assert isinstance(storage, LocalFolder)
    return open_columns(storage.folder, description, split)


def refuse_other_grid(storage: Storage, columns: ColumnFile, grid: Grid) -> None:
    """Refuse a dataset.json whose grid is not that of the records, of which the first stands for all.

    Raises:
        DataError: names dataset.json, or the column file if that is damaged.
    """
    if not len(columns):
        return
    row, frames = columns.row(0), int(columns.array("frames")[0])
    agrees = not grid.segment or frames <= grid.segment
    for member in columns.members:
        entry = StoredMember.of(row[member])
        if member in GRIDDED and entry is not None:
            least, most = stored_rows(member, frames, grid)
            agrees = agrees and least <= entry.shape[0] <= most
    if not agrees:
        raise columns.blamed() or DataError(
            f"{storage.where('dataset.json')}: hop {grid.hop}, segment {grid.segment} and context {grid.context} are "
            "not those of its records; copy the prepared directory again"
        )
