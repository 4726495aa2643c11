"""The phones of every utterance, as tables and with times."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from typing_extensions import override

from callbacks.items import PhonemeCallback, phones_of, timed_phones
from callbacks.predictions.tables import TableCallback, write_table
from datamodules.files import write_atomically
from lightning_modules.outputs import PhonemeOutput

_CHANNEL = 1


class RecognisedUtterance(NamedTuple):
    """What is written of an utterance.

    Attributes:
        id: of the utterance.
        ranked: score, phones and words of the hypotheses, the best first.
        reference: phones of the transcript; None without one, as is `edits`.
        edits: insertions, deletions and substitutions.
        ctm: a line for each phone of the best hypothesis.
    """

    id: str
    ranked: list[tuple[str, str, str]]
    reference: str | None
    edits: int | None
    ctm: list[str]


class PredictedPhonemes(TableCallback[PhonemeOutput, RecognisedUtterance], PhonemeCallback):
    """Writes what was recognised of every set, in the order of the utterances' ids.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/...`; `validation` holds the latest validation of
    fit.

    - `phones.tsv`: columns `id`, `score` (natural logarithm), `phones`, `words` (with a lexicon), `reference` and
      `edits`, insertions, deletions and substitutions of the phones as they are scored; the last two are empty where
      there is no transcript.
    - `phones.ctm`: a line for each recognised phone: id, channel (always 1), start and duration in s, phone and
      confidence, as NIST's scoring tools read them. Blanks within names are written as underscores. The output of a CTC
      network peaks briefly at each phone, so that the durations are shorter than those of the sounds.
    - `nbest.tsv`, where the decoder gives more than one hypothesis of any utterance: columns `id`, `rank`, `score`,
      `phones` and `words`.
    """

    @override
    def row(self, item: PhonemeOutput) -> RecognisedUtterance:
        reference, aligned = item["reference"], item["aligned"]
        return RecognisedUtterance(
            item["id"],
            [
                (f"{hypothesis.score:.4f}", " ".join(phones_of(item, hypothesis.symbols)), " ".join(hypothesis.words))
                for hypothesis in item["hypotheses"]
            ],
            None if reference is None else " ".join(phones_of(item, reference)),
            None if aligned is None else int((aligned[:, 0] != aligned[:, 1]).sum()),
            _ctm(item),
        )

    @override
    def write_rows(self, folder: Path, rows: Sequence[RecognisedUtterance]) -> None:
        best = [(row.id, *row.ranked[0], row.reference, row.edits) for row in rows]
        write_table(folder / "phones.tsv", ["id", "score", "phones", "words", "reference", "edits"], best)
        with write_atomically(folder / "phones.ctm") as file:
            file.write("".join(f"{line}\n" for row in rows for line in row.ctm).encode())
        ranked = [
            (row.id, rank, *cells)
            for row in rows
            if len(row.ranked) > 1
            for rank, cells in enumerate(row.ranked, start=1)
        ]
        if ranked:
            write_table(folder / "nbest.tsv", ["id", "rank", "score", "phones", "words"], ranked)
        else:  # those of an earlier pass with another decoder belong to other transcripts
            (folder / "nbest.tsv").unlink(missing_ok=True)


def _ctm(utterance: PhonemeOutput) -> list[str]:
    name = _one_word(utterance["id"])
    return [
        f"{name} {_CHANNEL} {start:.3f} {end - start:.3f} {_one_word(phone)} {confidence:.4f}"
        for phone, start, end, confidence in timed_phones(utterance, utterance["hypotheses"][0].symbols)
    ]


def _one_word(name: str) -> str:
    return "_".join(name.split())
