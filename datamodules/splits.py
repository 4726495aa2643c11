"""Which recordings go to which split: fixed when shards are made, by group, never leaking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from datamodules.corpora.base import Recording
from datamodules.errors import DataError


def assign_splits(
    recordings: Sequence[Recording], splits: Mapping[str, float | list[str]] | None, seed: int
) -> dict[str, list[Recording]]:
    """Recordings of each split, in the corpus' order.

    Args:
        recordings: of the whole corpus.
        splits: fractions of the groups, or lists of groups, or None for the corpus' own splits.
        seed: of the dealing by fractions.

    Raises:
        DataError: a group would stand in two splits, a split would be empty, a listed group does not exist, or
            neither the corpus nor the recipe says where a recording belongs.
    """
    if splits is None:
        chosen = _stated_by_corpus(recordings)
    elif all(isinstance(value, (int, float)) for value in splits.values()):
        chosen = _by_fraction(recordings, {name: float(value) for name, value in splits.items()}, seed)  # type: ignore[arg-type]
    elif all(isinstance(value, list) for value in splits.values()):
        chosen = _by_group(recordings, {name: list(value) for name, value in splits.items()})  # type: ignore[arg-type]
    else:
        raise DataError("splits: give either a fraction or a list of groups for every split, not both")
    _refuse_leaks(chosen)
    for name, members in chosen.items():
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
    if any(value <= 0 for value in fractions.values()) or abs(sum(fractions.values()) - 1) > 1e-6:
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


def _by_group(recordings: Sequence[Recording], lists: Mapping[str, list[str]]) -> dict[str, list[Recording]]:
    known = {recording.group for recording in recordings}
    for name, groups in lists.items():
        for group in groups:
            if group not in known:
                raise DataError(f"splits.{name}: no recording has the group {group!r}")
    return {name: [each for each in recordings if each.group in set(groups)] for name, groups in lists.items()}


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
