"""A prepared data set on which methods are compared: its f0 tables, its frames, and the report of the set alone."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules import DataError
from datamodules.files import file_name
from experiments.evaluation.clusters import Cluster, clusters_of, versions_of
from experiments.evaluation.frames import FrameSet, collect
from experiments.evaluation.judgement import JudgedSet, verified_frames
from experiments.evaluation.report import write_report
from experiments.evaluation.rows import CLEAN, conditions_of
from experiments.evaluation.scores import Rules, score
from experiments.evaluation.statistics import Bootstrap, Summary, summarise
from experiments.evaluation.tables import Pairs, TableFolder, pair
from experiments.evaluation.tracked import TrackedFolder
from experiments.trackers.base import Tracker
from experiments.trackers.kept import KeptTables
from experiments.trackers.methods import REFERENCE, keep, keep_references
from experiments.trackers.whole_tracks import WholeTracks

CLOCKS: dict[str, Literal["seconds", "cpu_seconds"]] = {
    "real-time factor": "seconds",
    "audio s per CPU s": "cpu_seconds",
}


class ComparedSet:
    """One data set of a comparison.

    Attributes:
        name: of it.
        tracks: its recordings.
        metadata: of every recording, by the name of its tables.

    Args:
        name: of it.
        directory: a prepared directory.
        split: name of the split; None: the only one.
        out: receives METHOD/TRACK.csv, the references likewise, and the report.

    Raises:
        DataError: there is no such split, or it lacks audio or the f0 of one voice.
    """

    def __init__(self, name: str, directory: Path, split: str | None, out: Path) -> None:
        self.name, self.directory, self.out = name, directory, out
        self.tracks = WholeTracks(directory, split)
        # By the names of their tables, by which tables are paired.
        self._notes = {file_name(track): each for track, each in self.tracks.metadata.items()}
        self.metadata = {track: each.values for track, each in self._notes.items()}
        self._kept: dict[str, KeptTables] = {}

    def track(self, trackers: Sequence[Tracker], identities: Mapping[str, dict[str, Any]]) -> list[str]:
        """Make the tables that are missing.

        Args:
            trackers: the methods.
            identities: of them, by name.

        Returns:
            What went wrong; as long as something has, the set cannot be scored.
        """
        self._kept, problems = keep(trackers, identities, self.tracks, self.out)
        keep_references(self.tracks, self.out)
        return problems

    @cached_property
    def _references(self) -> TableFolder:
        return TableFolder(self.out / REFERENCE)

    @cached_property
    def _estimates(self) -> dict[str, TrackedFolder]:
        return {name: TrackedFolder(tables.folder) for name, tables in self._kept.items()}

    @cached_property
    def _pairs(self) -> Pairs:
        pairs = pair(self._references, dict(self._estimates))
        if pairs.unpaired:
            raise DataError("\n  ".join([f"{self.out}: tables of other data; remove them:", *pairs.unpaired]))
        return pairs

    def frames(self, rules: Rules) -> FrameSet:
        """All frames, with the guesses of every method."""
        return collect(self._references, self._estimates, self._pairs, rules)

    def judged(self, rules: Rules, cluster: Cluster, verify: Sequence[str]) -> JudgedSet:
        """The set with its clusters and verified frames.

        Args:
            rules: how tables are aligned.
            cluster: what is drawn in the bootstrap: recordings, of a set in several conditions with all versions, or
                groups of them.
            verify: names of the methods that verify frames; none: no frames are verified.

        Raises:
            DataError: frames cannot be verified.
        """
        frames = self.frames(rules)
        names = frames.truth.tracks
        conditions = conditions_of(names, self.metadata)
        bases = versions_of(names, self._notes)
        seen = np.ones(len(names), np.bool_) if conditions is None else conditions == CLEAN
        clusters = clusters_of(names, self._notes, cluster)
        if cluster == "group" and (clusters == bases).all():
            print(
                f"melisma: --cluster group: {self.directory} notes no groups: each recording is its own; if its "
                "corpus has them, an earlier version prepared it: delete it and prepare it again",
                file=sys.stderr,
            )
        verified = verified_frames(frames, bases, seen, verify) if verify else None
        return JudgedSet(self.name, frames, self.metadata, np.unique(clusters, return_inverse=True)[1], verified)

    def costs(self, methods: Sequence[str]) -> dict[str, dict[str, float]]:
        """Seconds of audio for each second of every method, by what is measured."""
        return {label: {name: self._kept[name].speed(clock) for name in methods} for label, clock in CLOCKS.items()}

    def report(
        self,
        thresholds: Mapping[str, float | None],
        rules: Rules,
        bootstrap: Bootstrap,
        clusters: NDArray[np.int64],
        details: Mapping[str, Any],
    ) -> Summary:
        """Score every track as `melisma evaluate` does; write tracks.csv, summary.csv, summary.json and pictures.

        Args:
            thresholds: of every method's confidence; None: its own voicing.
            rules: how tables are compared.
            bootstrap: how intervals are found.
            clusters: `(tracks,)`, number of each track's cluster.
            details: further JSON values for `summary.json`.

        Raises:
            DataError: a table cannot be used, or a file not written.
        """
        from experiments.evaluation.pictures import write_pictures  # loads matplotlib

        estimates: dict[str, TableFolder] = {
            name: self._estimates[name].at(value) for name, value in thresholds.items()
        }
        pairs = Pairs(self._pairs.references, {name: self._pairs.estimates[name] for name in estimates}, ())
        scores = score(self._references, estimates, pairs, rules)
        alone = len(np.unique(clusters)) == len(clusters)
        summary = summarise(scores, bootstrap, None if alone else clusters)
        write_report(self.out, summary, {**self.identity, **details})
        write_pictures(self.out, scores, self._references, estimates, pairs)
        return summary

    @property
    def identity(self) -> dict[str, Any]:
        """Where the data is and which it is, as JSON values."""
        return {"data": str(self.directory), **self.tracks.identity}
