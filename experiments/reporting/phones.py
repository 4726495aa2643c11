"""What a page says of a set of recognised utterances: error rates, confusions, and the alignment of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from datamodules.errors import DataError
from experiments.evaluation.statistics import Bootstrap
from experiments.reporting.spoken import clusters_of_groups, ratio_with_interval, read_rows
from lightning_modules.metrics import align_sequences

TABLE, TIMES, SCORES = "phones.tsv", "phones.ctm", "scores.tsv"
_PAIRS = 40  # most frequent edits that are listed
_MOST_PHONES = 80  # of a matrix


class Utterance(NamedTuple):
    """An utterance with a transcript.

    Attributes:
        name: its id.
        phones: of the best hypothesis.
        words: that they spell; empty without a lexicon.
        reference: phones of the transcript.
        pairs: of phones, reference and hypothesis, aligned with the fewest edits; None is an insertion or a deletion.
        times: start and end of each phone of the hypothesis, s; empty where they are not known.
        edits: of the phones as they were scored.
        length: phones of the reference as they were scored.
    """

    name: str
    phones: list[str]
    words: str
    reference: list[str]
    pairs: list[tuple[str | None, str | None]]
    times: list[tuple[float, float]]
    edits: int
    length: int


def read_utterances(folder: Path) -> list[Utterance]:
    """What `callbacks.PredictedPhonemes` wrote into the folder of a set, of the utterances with a transcript.

    Raises:
        DataError: a table is missing or not readable, or no utterance has a transcript.
    """
    rows = [row for row in read_rows(folder / TABLE) if row.get("reference")]
    if not rows:
        raise DataError(f"{folder / TABLE}: no utterance with a transcript")
    scores = {row["id"]: row for row in read_rows(folder / SCORES)}
    times = _times(folder / TIMES)
    found = []
    for row in rows:
        phones, reference = row["phones"].split(), row["reference"].split()
        spans = times.get("_".join(row["id"].split()), [])
        try:
            edits, length = (int(float(scores[row["id"]][key])) for key in ("edits", "phones"))
        except (KeyError, ValueError) as error:
            raise DataError(f"{folder / SCORES}: no scores of {row['id']!r} ({error!r})") from error
        aligned = spans if len(spans) == len(phones) else []
        found.append(
            Utterance(row["id"], phones, row["words"], reference, _pairs(reference, phones), aligned, edits, length)
        )
    return found


def _pairs(reference: list[str], phones: list[str]) -> list[tuple[str | None, str | None]]:
    known = sorted({*reference, *phones})
    place = {phone: number for number, phone in enumerate(known)}
    aligned = align_sequences(
        np.array([place[phone] for phone in reference], np.int64),
        np.array([place[phone] for phone in phones], np.int64),
    )
    return [tuple(None if each < 0 else known[each] for each in pair) for pair in aligned.tolist()]  # type: ignore[misc]


def _times(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Start and end of the phones of each utterance, by its name in a CTM."""
    found: dict[str, list[tuple[float, float]]] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, start, seconds, *_ = line.split()
            found.setdefault(name, []).append((float(start), float(start) + float(seconds)))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as a CTM ({error})") from error
    return found


def phone_section(
    name: str, utterances: list[Utterance], groups: Mapping[str, str], bootstrap: Bootstrap
) -> dict[str, Any]:
    """Everything about a set but its sounds, as JSON values.

    Args:
        name: of the set.
        utterances: of it.
        groups: speaker of each, as far as it is known.
        bootstrap: of the intervals, over speakers.
    """
    clusters = clusters_of_groups([each.name for each in utterances], groups)
    length = np.array([each.length for each in utterances], np.float64)
    kinds = {
        "substitution": [sum(None not in pair and pair[0] != pair[1] for pair in each.pairs) for each in utterances],
        "deletion": [sum(pair[1] is None for pair in each.pairs) for each in utterances],
        "insertion": [sum(pair[0] is None for pair in each.pairs) for each in utterances],
    }
    edits = np.array([each.edits for each in utterances], np.float64)
    spoken = np.array([len(each.reference) for each in utterances], np.float64)
    rates = {"phoneme_error_rate": (edits, length)}
    rates |= {f"{kind}_rate": (np.array(counts, np.float64), spoken) for kind, counts in kinds.items()}
    rates["utterances_with_errors"] = ((edits > 0).astype(np.float64), np.ones(len(edits)))
    figures = [
        {
            "name": name,
            "part": "",
            "unit": "share",
            "better": -1,
            "cells": [ratio_with_interval(*of, clusters, bootstrap)],
        }
        for name, of in rates.items()
    ]
    order = sorted(range(len(utterances)), key=lambda k: (-utterances[k].edits, length[k], utterances[k].name))
    rows = [
        [
            utterances[k].name,
            int(edits[k]),
            int(length[k]),
            edits[k] / length[k] if length[k] else None,
            *(counts[k] for counts in kinds.values()),
            groups.get(utterances[k].name, ""),
            " ".join(utterances[k].phones),
        ]
        for k in order
    ]
    folded = bool((edits != np.sum(list(kinds.values()), axis=0)).any())
    return {
        "kind": "phones",
        "name": name,
        "utterances": len(utterances),
        "phones": int(length.sum()),
        "groups": len(np.unique(clusters)),
        "folded": folded,
        "figures": figures,
        "edits": _edits(utterances),
        "matrix": _matrix(utterances),
        "places": _places(utterances),
        "by_group": _by_group(utterances, groups),
        "interval": bootstrap.level,
        "scores": {
            "columns": ["id", "edits", "phones", "error rate", *(f"{kind}s" for kind in kinds), "group", "recognised"],
            "rows": rows,
        },
    }


def phone_details(utterance: Utterance) -> dict[str, Any]:
    """The alignment of an utterance as JSON values."""
    return {"pairs": [list(pair) for pair in utterance.pairs], "times": utterance.times, "words": utterance.words}


def _edits(utterances: list[Utterance]) -> list[list[Any]]:
    """Reference, hypothesis, times and share of the reference phone's occurrences; the most frequent first."""
    counts = Counter(pair for each in utterances for pair in each.pairs if pair[0] != pair[1])
    said = Counter(phone for each in utterances for phone in each.reference)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:_PAIRS]
    return [
        [truth or "", guess or "", times, times / said[truth] if truth else None] for (truth, guess), times in ordered
    ]


def _matrix(utterances: list[Utterance]) -> dict[str, Any]:
    """How often each phone was taken for each; the last row counts insertions, the last column deletions."""
    names = sorted({phone for each in utterances for phone in (*each.reference, *each.phones)})[:_MOST_PHONES]
    place = {name: number for number, name in enumerate(names)}
    counts = np.zeros((len(names) + 1, len(names) + 1), np.int64)
    for each in utterances:
        for truth, guess in each.pairs:
            if (truth is None or truth in place) and (guess is None or guess in place):
                counts[place.get(truth or "", len(names)), place.get(guess or "", len(names))] += 1
    return {"names": names, "counts": counts.tolist()}


def _places(utterances: list[Utterance]) -> dict[str, Any]:
    """Errors by place in the utterance: of the phones in its first, second ... tenth, the share that is wrong."""
    wrong, whole = np.zeros(10), np.zeros(10)
    for each in utterances:
        place = 0
        for truth, guess in each.pairs:
            bin_ = min(int(10 * place / max(len(each.reference), 1)), 9)
            wrong[bin_] += truth != guess
            if truth is not None:
                whole[bin_] += 1
                place += 1
    return {"wrong": wrong.tolist(), "phones": whole.tolist()}


def _by_group(utterances: list[Utterance], groups: Mapping[str, str]) -> list[list[Any]]:
    """Speaker, utterances, phones and error rate; none if the groups are the utterances."""
    found: dict[str, list[Utterance]] = {}
    for each in utterances:
        found.setdefault(groups.get(each.name, each.name), []).append(each)
    if len(found) == len(utterances):
        return []
    rows: list[list[Any]] = []
    for group, of in sorted(found.items()):
        phones = sum(each.length for each in of)
        rate = sum(each.edits for each in of) / phones if phones else None
        rows.append([group, len(of), phones, rate])
    return rows
