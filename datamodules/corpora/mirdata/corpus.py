"""Whole data sets through mirdata, by its index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from typing_extensions import override

from datamodules.corpora.base import AudioSource, Corpus, Recording, require, unique_and_sorted
from datamodules.corpora.mirdata.datasets import DATASETS, DatasetFields, TrackAudio
from datamodules.corpora.mirdata.f0 import mirdata_truth
from datamodules.corpora.mirdata.index import MirdataSet
from datamodules.corpora.sources.audio_files import AudioChannel, AudioFile
from datamodules.corpora.sources.lists import splits_of_tracks
from datamodules.corpora.sources.names import identifier
from datamodules.errors import DataError


class Choice(NamedTuple):
    """What is read of a data set: the name of an annotation, and which audio."""

    fields: DatasetFields
    annotation: str
    signal: TrackAudio

    def audio(self, path: Path) -> AudioSource:
        """The source that reads the audio from a file."""
        return AudioFile(path) if self.signal.channel is None else AudioChannel(path, self.signal.channel)


def choose(corpus: Corpus, dataset: str, annotation: str | None, signal: str | None) -> Choice:
    """Look up the options `dataset`, `annotation` and `signal` of a corpus in `DATASETS`.

    Raises:
        DataError: there is no such data set, annotation or signal; the message names the option and what there is.
    """
    fields = _entry(corpus, "dataset", DATASETS, dataset)
    name = next(iter(fields.annotations)) if annotation is None else annotation
    signals = _entry(corpus, "annotation", fields.annotations, name).signals
    return Choice(fields, name, _entry(corpus, "signal", signals, next(iter(signals)) if signal is None else signal))


def _entry(corpus: Corpus, key: str, entries: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 -- an entry of any of the tables
    require(corpus, key, name in entries, f"one of {', '.join(entries)}")
    return entries[name]


class MirdataCorpus(Corpus):
    """A data set that mirdata knows: its audio, and one of its f0 annotations.

    | dataset | annotation | signal | artist | song |
    |---|---|---|---|---|
    | medleydb_melody | melody2, melody1, melody3 (several voices) | mix | before `_` | track |
    | medleydb_pitch | pitch | stem | before `_` | before `_STEM_` |
    | mdb_stem_synth | f0 | stem | before `_` | before `_STEM_` |
    | orchset | melody | mono, stereo | composer | work |
    | ikala | f0 | vocals (right channel), mix | singer | song |
    | vocadito | f0 | vocals | singer | track |
    | guitarset | multif0 (several voices) | mic, mix | player | accompaniment and solo |
    | guitarset | E, A, D, G, B, e: a string | hex_cln, hex | player | accompaniment and solo |

    The folder holds the data set as mirdata lays it out. mirdata's index lists the files; it is in the folder too, or
    in mirdata's own folder. Tracks without this annotation or audio in the index are left out. The id of a recording
    is that of mirdata's track, with `_` for characters that an id cannot have.

    Args:
        dataset: name of the data set, from the table.
        folder: where the data set is.
        annotation: name of the f0 annotation, from the table; null: the first.
        signal: name of the audio, from the table; null: the first.
        group: recordings of one `artist`, or only of one `song`, are always in the same split.
        version: of the data set, by mirdata's names.
        index: file of mirdata's index; null: the one in the folder, or mirdata's own.
        download: download the index and what mirdata offers of the data set, if they are missing.
        tracks: JSON file with a list of songs, or an object of such lists by split: tracks of other songs are left out,
            and recordings get the split. Null: all tracks.
        splits: the splits of `tracks` to read; null: all.
    """

    def __init__(
        self,
        dataset: str,
        folder: str,
        annotation: str | None = None,
        signal: str | None = None,
        group: Literal["artist", "song"] = "artist",
        version: str = "default",
        index: str | None = None,
        download: bool = False,
        tracks: str | None = None,
        splits: list[str] | None = None,
    ) -> None:
        self.dataset = dataset
        self.folder = folder
        self.annotation = annotation
        self.signal = signal
        self.group = group
        self.version = version
        self.index = index
        self.download = download
        self.tracks = tracks
        self.splits = splits
        self._choice = choose(self, dataset, annotation, signal)
        require(self, "group", group in ("artist", "song"), "artist or song")
        require(self, "splits", tracks is not None or splits is None, "it needs tracks, the file that states them")

    @override
    def recordings(self) -> Sequence[Recording]:
        index = None if self.index is None else Path(self.index)
        found = MirdataSet(self.dataset, Path(self.folder), self.version, index)
        if self.download and not found.index.is_file():
            found.download_index()
        tracks = self._wanted(found.tracks())
        if self.download and self._missing(tracks):
            found.download_files()
        missing = self._missing(tracks)
        if missing:
            raise DataError(
                f"{missing[0]}: a file of {found.name} is missing, and {len(missing) - 1} more; put the data set into "
                f"{self.folder} as mirdata lays it out, or set download: true if it is free to download"
            )
        splits = None if self.tracks is None else splits_of_tracks(Path(self.tracks), self.splits)
        if splits is not None:
            tracks = [track for track in tracks if self._choice.fields.song(track) in splits]
            if not tracks:
                raise DataError(f"{self.tracks}: none of its tracks is a song of {found.name}")
        return unique_and_sorted((self._recording(track, splits) for track in tracks), str(found.index))

    def _wanted(self, tracks: list[Any]) -> list[Any]:
        return [track for track in tracks if all(getattr(track, attribute) for attribute in self._attributes())]

    def _missing(self, tracks: list[Any]) -> list[Path]:
        paths = (Path(getattr(track, attribute)) for track in tracks for attribute in self._attributes())
        return [path for path in paths if not path.is_file()]

    def _attributes(self) -> tuple[str, str]:
        return self._choice.signal.path, self._choice.fields.annotations[self._choice.annotation].path

    def _recording(self, track: Any, splits: Mapping[str, str | None] | None) -> Recording:  # noqa: ANN401
        fields = self._choice.fields
        audio, annotation = (Path(getattr(track, attribute)) for attribute in self._attributes())
        song = fields.song(track)
        try:
            group = song if self.group == "song" else fields.artist(track)
            known = {name: getattr(track, name) for name in fields.metadata}
        except (OSError, LookupError, ValueError, AttributeError) as error:  # mirdata's file of metadata
            raise DataError(f"{self.folder}: mirdata cannot say of {track.track_id!r} who it is by: {error}") from error
        if not group:
            raise DataError(f"{self.folder}: mirdata does not know the artist of {track.track_id!r}; set group: song")
        return Recording(
            identifier(f"{track.track_id}{audio.suffix}"),
            self._choice.audio(audio),
            mirdata_truth(self.dataset, self._choice.annotation, annotation),
            group=group,
            split=None if splits is None else splits[song],
            metadata={
                "file": audio.relative_to(self.folder).as_posix(),
                **{name: value for name, value in known.items() if isinstance(value, str | int | float)},
            },
        )
