"""Which recordings go to which split; a group is never in two splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from datamodules.corpora.base import Recording
from datamodules.errors import DataError
from datamodules.files import file_name

# Fractions of the groups; or for each split a list of groups, what the corpus states, or all that is left.
Splits = dict[str, float | list[str] | Literal["stated", "rest"]]


def assign_splits(recordings: Sequence[Recording], splits: Splits | None, seed: int) -> dict[str, list[Recording]]:
    """Recordings of each split, in the corpus' order.

    Args:
        recordings: of the whole corpus.
        splits: as in `ShardRecipe`. Recordings that no split takes are left out.
        seed: of the random splits.

    Raises:
        DataError: a group would be in two splits, a split would be empty or has a name that file names cannot begin
            with, a listed group does not exist, or neither corpus nor recipe gives the split of a recording.
    """
    if splits is None:
        chosen = _stated_by_corpus(recordings)
    elif all(isinstance(value, (int, float)) for value in splits.values()):
        chosen = _by_fraction(recordings, {name: float(value) for name, value in splits.items()}, seed)  # type: ignore[arg-type]
    elif any(isinstance(value, (int, float)) for value in splits.values()):
        raise DataError("splits: give either fractions for all splits or for none of them")
    else:
        chosen = _by_group(recordings, splits)
    _refuse_leaks(chosen)
    for name, members in chosen.items():
        shard = f"{name}-{0:06d}-of-{0:06d}.tar"
        if not name or file_name(shard) != shard:
            raise DataError(
                f"splits: {name!r} cannot begin the names of files; use a short word without '/' or leading '.'"
            )
        if not members:
            raise DataError(f"splits.{name}: no recording falls into it")
    return chosen


def _stated_by_corpus(recordings: Sequence[Recording]) -> dict[str, list[Recording]]:
    chosen: dict[str, list[Recording]] = {}
    for recording in recordings:
        if recording.split is None:
            raise DataError(
                f"splits: the corpus does not say where {recording.id!r} belongs; "
                "give fractions such as {train: 0.8, validation: 0.2} or lists of groups"
            )
        chosen.setdefault(recording.split, []).append(recording)
    return chosen


def _by_fraction(
    recordings: Sequence[Recording], fractions: Mapping[str, float], seed: int
) -> dict[str, list[Recording]]:
    if not (all(value > 0 for value in fractions.values()) and abs(sum(fractions.values()) - 1) <= 1e-6):
        raise DataError(f"splits: fractions must be positive and add up to 1, got {dict(fractions)}")
    groups = sorted({recording.group for recording in recordings})
    order = np.random.default_rng([seed, 1]).permutation(len(groups))
    bounds = np.rint(np.cumsum([0.0, *fractions.values()]) * len(groups)).astype(int)
    home = {
        groups[place]: name
        for name, low, high in zip(fractions, bounds, bounds[1:], strict=False)
        for place in order[low:high]
    }
    return {name: [each for each in recordings if home[each.group] == name] for name in fractions}


def _by_group(recordings: Sequence[Recording], splits: Splits) -> dict[str, list[Recording]]:
    known = {recording.group for recording in recordings}
    home: dict[str, str] = {}
    chosen: dict[str, list[Recording]] = {name: [] for name in splits}
    for name, groups in splits.items():
        for group in groups if isinstance(groups, list) else ():
            if group not in known:
                raise DataError(f"splits.{name}: no recording has the group {group!r}")
            if home.setdefault(group, name) != name:
                raise DataError(f"splits: the group {group!r} stands in both {home[group]!r} and {name!r}")
    rest = [name for name, value in splits.items() if value == "rest"]
    if len(rest) > 1:
        raise DataError(f"splits: only one split can be the rest, not {' and '.join(rest)}")
    for recording in recordings:
        split = home.get(recording.group)
        if split is None and recording.split is not None and splits.get(recording.split) == "stated":
            split = recording.split
        if split is None and rest:
            split = rest[0]
        if split is not None:
            chosen[split].append(recording)
    return chosen


def _refuse_leaks(splits: Mapping[str, Sequence[Recording]]) -> None:
    home: dict[str, str] = {}
    for name, members in splits.items():
        for recording in members:
            other = home.setdefault(recording.group, name)
            if other != name:
                raise DataError(
                    f"splits: the group {recording.group!r} stands in both {other!r} and {name!r} "
                    f"(recording {recording.id!r}); a group must stay on one side"
                )
