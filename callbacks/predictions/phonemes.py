"""The phones of every utterance, as tables and with times."""

from lightning.pytorch import Trainer

from callbacks.passes import folder_of
from callbacks.predictions.tables import write_lines, write_table
from callbacks.processes import gathered_rows
from callbacks.utterances import Utterance, UtteranceCallback, names, timed

_CHANNEL = 1
Row = tuple[object, ...]


class PredictedPhonemes(UtteranceCallback):
    """Writes what was recognised of every set, in the order of the utterances' ids.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/...`; `validation` holds the latest validation of
    fit.

    - `phones.tsv`: columns `id`, `score` (natural logarithm), `phones`, `words` (with a lexicon), `reference` and
      `edits`, insertions, deletions and substitutions of the phones as they are scored; the last two are empty where
      the truth is not known.
    - `phones.ctm`: a line for each recognised phone: id, channel (always 1), start and duration in s, phone and
      confidence, as NIST's scoring tools read them. Blanks within names are written as underscores. CTC networks speak
      up where they recognise a phone, so that the durations are shorter than those of the sounds.
    - `nbest.tsv`, where the decoder gives more than one hypothesis of any utterance: columns `id`, `rank`, `score`,
      `phones` and `words`.
    """

    def __init__(self) -> None:
        self._best: dict[str, list[Row]] = {}
        self._timed: dict[str, list[tuple[str, list[str]]]] = {}
        self._ranked: dict[str, list[Row]] = {}

    def begin(self, trainer: Trainer) -> None:
        """Forget what an interrupted pass left."""
        self._forget()

    def collect(self, trainer: Trainer, utterance: Utterance) -> None:
        """Keep the lines of an utterance."""
        dataset, name, hypotheses = utterance["dataset"], utterance["id"], utterance["hypotheses"]
        ranked = [
            (f"{hypothesis.score:.4f}", " ".join(names(utterance, hypothesis.symbols)), " ".join(hypothesis.words))
            for hypothesis in hypotheses
        ]
        self._best.setdefault(dataset, []).append((name, *ranked[0], *_truth(utterance)))
        self._timed.setdefault(dataset, []).append((name, _ctm(utterance)))
        if len(ranked) > 1:
            rows: list[Row] = [(name, rank, *cells) for rank, cells in enumerate(ranked, start=1)]
            self._ranked.setdefault(dataset, []).extend(rows)

    def finish(self, trainer: Trainer) -> None:
        """Gather the lines, and write them on one process."""
        best, with_times, ranked = (gathered_rows(mine) for mine in (self._best, self._timed, self._ranked))
        self._forget()
        if not trainer.is_global_zero:
            return
        for dataset, rows in best.items():
            folder = folder_of(trainer, dataset)
            write_table(folder / "phones.tsv", ["id", "score", "phones", "words", "reference", "edits"], rows)
            write_lines(folder / "phones.ctm", [line for _, lines in with_times[dataset] for line in lines])
            if dataset in ranked:
                write_table(folder / "nbest.tsv", ["id", "rank", "score", "phones", "words"], ranked[dataset])
            else:  # those of an earlier pass with another decoder belong to other transcripts
                (folder / "nbest.tsv").unlink(missing_ok=True)

    def _forget(self) -> None:
        for rows in (self._best, self._timed, self._ranked):
            rows.clear()


def _truth(utterance: Utterance) -> Row:
    reference, aligned = utterance["reference"], utterance["aligned"]
    if reference is None or aligned is None:
        return None, None
    return " ".join(names(utterance, reference)), int((aligned[:, 0] != aligned[:, 1]).sum())


def _ctm(utterance: Utterance) -> list[str]:
    name = _one_word(utterance["id"])
    return [
        f"{name} {_CHANNEL} {start:.3f} {end - start:.3f} {_one_word(phone)} {confidence:.4f}"
        for phone, start, end, confidence in timed(utterance, utterance["hypotheses"][0].symbols)
    ]


def _one_word(name: str) -> str:
    return "_".join(name.split())
