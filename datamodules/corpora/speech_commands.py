"""Speech Commands: single words, one second each, by many speakers.

P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", arXiv:1804.03209, 2018.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from typing_extensions import override

from datamodules.corpora.base import Corpus, Recording, require, unique_and_sorted
from datamodules.corpora.sources.audio_files import AudioFile, cut
from datamodules.corpora.sources.names import identifier
from datamodules.errors import DataError

SUBSETS = {"training": "train", "validation": "validation", "testing": "test"}
UNKNOWN = "_unknown_"
SILENCE = "_silence_"
NOISE = "_background_noise_"
CLIP = 1.0  # s


class SpeechCommands(Corpus):
    """The tree that `torchaudio.datasets.SPEECHCOMMANDS` unpacks, split by the official lists.

    A recording has the id `<word>_<speaker>_nohash_<number>`; its label is the word, its group the speaker. Words that
    are not among `words` have the label `_unknown_`. Clips of background noise have the label `_silence_`; each noise
    is a group, so it is in one split only. The official test set of twelve classes does not keep noises apart.

    Args:
        folder: holds `SpeechCommands/speech_commands_v0.02`.
        version: of the data.
        words: kept as labels; all other words become `_unknown_`; null: every word is a label.
        silence: background noises by split, as in `{train: [pink_noise]}`, cut into clips of 1 s; null: no silence.
        download: let torchaudio fetch the data (2.3 GB) if they are not in the folder.
    """

    def __init__(
        self,
        folder: str,
        version: Literal["v0.02", "v0.01"] = "v0.02",
        words: list[str] | None = None,
        silence: dict[str, list[str]] | None = None,
        download: bool = False,
    ) -> None:
        self.folder = folder
        self.version = version
        self.words = words
        self.silence = silence
        self.download = download
        require(self, "words", words is None or len(words) > 0, "name at least one; null keeps all")

    @override
    def recordings(self) -> Sequence[Recording]:
        made = [recording for subset in SUBSETS for recording in self._subset(subset)]
        known = {str(recording.metadata["word"]) for recording in made}
        for word in self.words or ():
            if word not in known:
                raise DataError(
                    f"SpeechCommands: words: no recording of {word!r}; there are {', '.join(sorted(known))}"
                )
        made += self._silence()
        return unique_and_sorted(made, self.folder)

    @property
    def _root(self) -> Path:
        return Path(self.folder) / "SpeechCommands"

    @property
    def _url(self) -> str:
        return f"speech_commands_{self.version}"

    def _subset(self, subset: str) -> Iterator[Recording]:
        for relative, _, word, speaker, _ in self._metadata(subset):
            path = self._root / relative
            if not path.is_file():
                raise DataError(f"{path}: {subset} list: there is no such file")
            kept = self.words is None or word in self.words
            yield Recording(
                identifier(f"{word}/{path.name}"),
                AudioFile(path),
                None,
                group=speaker,
                split=SUBSETS[subset],
                metadata={"file": relative, "word": word},
                label=word if kept else UNKNOWN,
            )

    def _metadata(self, subset: str) -> list[tuple[str, int, str, str, int]]:
        from torchaudio.datasets import SPEECHCOMMANDS  # here, for `melisma prepare --help` does without torch

        try:
            if self.download:
                Path(self.folder).mkdir(parents=True, exist_ok=True)
            data = SPEECHCOMMANDS(self.folder, self._url, download=self.download, subset=subset)
            return [data.get_metadata(number) for number in range(len(data))]
        except (OSError, RuntimeError, ValueError) as error:
            raise DataError(
                f"{self._root / self._url}: not Speech Commands as torchaudio unpacks it: {error}; give the folder "
                "that holds SpeechCommands, or fetch it with download: true"
            ) from error

    def _silence(self) -> Iterator[Recording]:
        folder = self._root / self._url / NOISE
        for split, names in (self.silence or {}).items():
            for name in names:
                path = folder / f"{name}.wav"
                if not path.is_file():
                    known = ", ".join(sorted(each.stem for each in folder.glob("*.wav"))) or "none"
                    raise DataError(f"{path}: silence.{split}: there is no such noise; there are {known}")
                for number, clip in enumerate(cut(AudioFile(path), CLIP)):
                    yield Recording(
                        identifier(f"{SILENCE}/{name}_{number:03d}.wav"),
                        clip,
                        None,
                        group=f"{NOISE}/{name}",
                        split=split,
                        metadata={"file": f"{self._url}/{NOISE}/{path.name}", "word": SILENCE},
                        label=SILENCE,
                    )
