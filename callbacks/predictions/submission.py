"""Transcripts as competitions take them."""

from collections.abc import Mapping

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer

from callbacks.passes import folder_of
from callbacks.predictions.tables import write_table
from callbacks.processes import gathered_rows
from callbacks.utterances import Utterance, UtteranceCallback, names


class Submission(UtteranceCallback):
    """Writes one table per set, `id,label`, with one character for each recognised phone and none between them.

    The file is `RUN/<validation|validate|test|predict>/<dataset>/submission.csv`; `id` is the place of the utterance in
    its set, from 0 on.

    Args:
        characters: of each phone; no two phones share one.

    Raises:
        ValueError: something else than one character, or the same one twice.
    """

    def __init__(self, characters: Mapping[str, str]) -> None:
        self.characters = dict(characters)
        phones: dict[str, str] = {}
        for phone, character in self.characters.items():
            if len(character) != 1:
                raise ValueError(f"characters: {phone}: {character!r} is not one character")
            if character in phones:
                raise ValueError(f"characters: {phone}: {character!r} is that of {phones[character]} already")
            phones[character] = phone
        self._rows: dict[str, list[tuple[int, str]]] = {}

    def begin(self, trainer: Trainer) -> None:
        """Forget what an interrupted pass left."""
        self._rows.clear()

    def collect(self, trainer: Trainer, utterance: Utterance) -> None:
        """Keep the line of an utterance.

        Raises:
            MisconfigurationException: a phone of the set has no character, whether it was recognised or not.
        """
        missing = [phone for phone in utterance["phones"] if phone not in self.characters]
        if missing:
            raise MisconfigurationException(
                f"trainer.callbacks: Submission: characters: there is none for {', '.join(missing)} of data.phones; "
                "add them, or leave Submission out"
            )
        heard = names(utterance, utterance["hypotheses"][0].symbols)
        label = "".join(self.characters[phone] for phone in heard)
        self._rows.setdefault(utterance["dataset"], []).append((utterance["item"], label))

    def finish(self, trainer: Trainer) -> None:
        """Gather the lines, and write them on one process."""
        every = gathered_rows(self._rows)
        self._rows.clear()
        if trainer.is_global_zero:
            for dataset, rows in every.items():
                write_table(folder_of(trainer, dataset) / "submission.csv", ["id", "label"], rows, delimiter=",")
