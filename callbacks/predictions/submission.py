"""Transcripts as competitions take them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lightning.fabric.utilities.exceptions import MisconfigurationException
from typing_extensions import override

from callbacks.items import PhonemeCallback, phones_of
from callbacks.predictions.tables import TableCallback, write_table
from lightning_modules.outputs import PhonemeOutput


class Submission(TableCallback[PhonemeOutput, tuple[int, str]], PhonemeCallback):
    """Writes one table per set, `id,label`, with one character for each recognised phone and none between them.

    The file is `RUN/<validation|validate|test|predict>/<dataset>/submission.csv`; `id` is the index of the utterance in
    its set, from 0 on. A phone of the set without a character ends the run, whether it was recognised or not.

    Args:
        characters: by phone; no two phones share one.

    Raises:
        ValueError: something else than one character, or the same one twice.
    """

    def __init__(self, characters: Mapping[str, str]) -> None:
        super().__init__()
        self.characters = dict(characters)
        phones: dict[str, str] = {}
        for phone, character in self.characters.items():
            if len(character) != 1:
                raise ValueError(f"characters: {phone}: {character!r} is not one character")
            if character in phones:
                raise ValueError(f"characters: {phone}: {character!r} is that of {phones[character]} already")
            phones[character] = phone

    @override
    def row(self, item: PhonemeOutput) -> tuple[int, str]:
        missing = [phone for phone in item["phones"] if phone not in self.characters]
        if missing:
            raise MisconfigurationException(
                f"trainer.callbacks: Submission: characters: there is none for {', '.join(missing)} of data.phones; "
                "add them, or leave Submission out"
            )
        recognised = phones_of(item, item["hypotheses"][0].symbols)
        return item["item"], "".join(self.characters[phone] for phone in recognised)

    @override
    def write_rows(self, folder: Path, rows: Sequence[tuple[int, str]]) -> None:
        write_table(folder / "submission.csv", ["id", "label"], rows, delimiter=",")
