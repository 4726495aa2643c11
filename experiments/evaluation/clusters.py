"""What the bootstrap draws: recordings with all of their versions, or the groups that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.files import file_name
from datamodules.shards.metadata import TrackMetadata
from experiments.evaluation.rows import bases_of, conditions_of

Cluster = Literal["track", "group"]


def clusters_of(names: Sequence[str], notes: Mapping[str, TrackMetadata], cluster: Cluster) -> NDArray[np.str_]:
    """The cluster of each recording, `(tracks,)`.

    Args:
        names: of the recordings' tables.
        notes: what is known of each.
        cluster: recordings, of a set in several conditions with all versions, or groups of them. That of a recording
            without a group is itself, with all of its versions.

    Raises:
        DataError: some recordings have a condition and others have none.
    """
    bases = versions_of(names, notes)
    if cluster == "track":
        return bases
    groups = [
        str(base) if file_name(notes[name].group) == name else notes[name].group
        for name, base in zip(names, bases, strict=True)
    ]
    return np.array(groups, np.str_)


def versions_of(names: Sequence[str], notes: Mapping[str, TrackMetadata]) -> NDArray[np.str_]:
    """The recording that each is a version of, `(tracks,)`: itself in a set without conditions."""
    values = {name: notes[name].values for name in names}
    return np.array(names, np.str_) if conditions_of(names, values) is None else bases_of(names, values)
