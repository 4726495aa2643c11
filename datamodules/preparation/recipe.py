"""`ShardRecipe`: what to prepare and where; the keys of a recipe's YAML and of `recipes` of a data module."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datamodules.corpora.base import Corpus, Recording
from datamodules.errors import DataError
from datamodules.preparation.bounds import check_directory, check_numbers
from datamodules.preparation.spectrograms import Spectrogram
from datamodules.preparation.splits import Splits
from datamodules.shards.format import AudioMember, Grid
from datamodules.storage.places import is_remote, without_secrets


@dataclass(frozen=True)
class ShardRecipe:
    """What to prepare, and where.

    Attributes:
        corpus: where recordings come from.
        directory: folder for the shards, their indexes and dataset.json.
        rate: samples per second of the stored audio.
        hop: samples between label frames, to which annotations are resampled (160 at 16 kHz is 10 ms).
        segment: seconds of one record; null: every recording is one record, as for speech.
        context: seconds of audio stored on each side of a record, so that windows of up to twice this length have no
            zeros except beyond a track's ends.
        splits: fractions (`{train: 0.8, validation: 0.2}`) into which groups are dealt at random; or for each split a
            list of groups, `stated` (recordings that the corpus puts there) or `rest` (all others), as in
            `{validation: [rl], train: rest}`; null: the split that the corpus states for each recording.
        seed: of the random splits and of the order of records.
        records_per_shard: records in one tar.
        audio: `flac`, or `i16` for raw samples, which take half as much space again and read several times faster.
        spectrogram: computed over whole recordings and stored in `cqt` members; null: none.
        classes: the labels that recordings may have, in the order of the network's outputs; null: no labels.
        phones: the symbols that transcripts may have, in the order of the network's outputs, without the blank; null:
            any symbols.
    """

    corpus: Corpus
    directory: str
    rate: int = 16000
    hop: int = 160
    segment: float | None = 10.0
    context: float = 0.6
    splits: Splits | None = None
    seed: int = 0
    records_per_shard: int = 128
    audio: AudioMember = "flac"
    spectrogram: Spectrogram | None = None
    classes: list[str] | None = None
    phones: list[str] | None = None

    def __post_init__(self) -> None:
        for key in ("corpus", "directory", "rate", "hop", "context", "seed", "records_per_shard", "audio"):
            if getattr(self, key) is None:  # the parser takes null for any key
                raise DataError(f"{key}: nothing is stated; leave the key out, or give it a value")
        check_numbers({key: getattr(self, key) for key in self.__dataclass_fields__ if key != "splits"})
        if is_remote(self.directory):
            raise DataError(
                f"directory: {without_secrets(self.directory)}: shards are written into a folder; prepare them in one, "
                "and copy the whole of it there"
            )
        check_directory(self.directory)
        if self.segment is not None and self.grid.segment < 1:
            raise DataError(f"segment: {self.segment} s is shorter than one hop ({self.hop / self.rate} s)")
        for key in ("classes", "phones"):
            names = getattr(self, key) or []
            if len(set(names)) < len(names):
                raise DataError(f"{key}: {Counter(names).most_common(1)[0][0]!r} stands there twice")

    @property
    def grid(self) -> Grid:
        """Rate, hop and context in samples, segment in label frames."""
        segment = 0 if self.segment is None else round(self.segment * self.rate / self.hop)
        return Grid(self.rate, self.hop, segment, round(self.context * self.rate))

    def check_labels(self, recordings: Sequence[Recording]) -> None:
        """Refuse recordings whose label is not among `classes`, and any label if `classes` is null.

        Raises:
            DataError: names the recording, its label and the key to change.
        """
        if self.classes is None:
            labelled = sorted({recording.label for recording in recordings if recording.label is not None})
            if labelled:
                stated = json.dumps(labelled)
                raise DataError(f"classes: the recordings have labels; state them, as in classes: {stated}")
            return
        known = set(self.classes)
        for recording in recordings:
            if recording.label not in known:
                raise DataError(
                    f"recording {recording.id!r}: its label {recording.label!r} is not one of the recipe's classes, "
                    f"{json.dumps(list(self.classes))}; add it there or leave the recording out of the corpus"
                )

    def check_transcripts(self, recordings: Sequence[Recording]) -> None:
        """Refuse transcripts with symbols that are not among `phones`.

        Raises:
            DataError: names the recording, the symbol and the key to change.
        """
        if self.phones is None:
            return
        known = set(self.phones)
        for recording in recordings:
            unknown = set((recording.transcript or "").split()) - known
            if unknown:
                raise DataError(
                    f"recording {recording.id!r}: its transcript holds {min(unknown)!r}, which is not one of the "
                    f"recipe's phones, {json.dumps(list(self.phones))}"
                )

    def describe(self) -> dict[str, Any]:
        """The recipe as JSON values, without the directory."""
        return {
            "corpus": _described(self.corpus),
            "spectrogram": self.spectrogram and _described(self.spectrogram),
            **{
                key: plain(getattr(self, key))
                for key in self.__dataclass_fields__
                if key not in ("corpus", "spectrogram", "directory")
            },
        }


def _described(value: object) -> dict[str, Any]:
    return {"class": type(value).__name__, **plain(vars(value))}


def plain(value: Any) -> Any:  # noqa: ANN401 -- whatever a YAML can hold
    """A value of a recipe as JSON values, without keys that begin with an underscore."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items() if not str(key).startswith("_")}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Corpus):
        return _described(value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
