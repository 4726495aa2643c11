"""What stands out in a set: a few sentences, each by a rule of its own, and only where it says something.

They are read off the figures of a section and claim no more than these: no interval stands behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.reporting.melody import TrackSet
from experiments.reporting.outcomes import OUTCOMES, RIGHT, voiced_at

GAIN = 0.01  # of an accuracy, from which it is worth a sentence
GAP = 0.05  # of an accuracy between a part and the whole
UNSOLVED = 0.05  # of the voiced frames, from which it is remarkable that no method is right
SEVERAL = 3  # methods, with which that says something of the truth
FEW = 0.15  # of tracks or speakers, that hold half of the errors
NAMED = 5  # of these, at most
SURE = 0.9  # probability
Remarks = Iterator[str]


def melody_remarks(section: Mapping[str, Any], data: TrackSet) -> list[str]:
    """Of a set of tracks.

    Args:
        section: its values, as of `melody_section`.
        data: the set.
    """
    rules: Sequence[Callable[[Mapping[str, Any], TrackSet, str], Remarks]] = (
        _kinds,
        _late,
        _voicing,
        _confidence,
        _registers,
        _few_tracks,
    )
    found = [remark for method in data.methods for rule in rules for remark in rule(section, data, method)]
    return [*_unsolved(section), *found]


def _unsolved(section: Mapping[str, Any]) -> Remarks:
    agreement = section["agreement"]
    if agreement is None or len(section["methods"]) < SEVERAL:
        return
    frames = sum(pattern["frames"] for pattern in agreement["patterns"])
    nobody = sum(pattern["frames"] for pattern in agreement["patterns"] if not pattern["right"])
    if frames and nobody / frames >= UNSOLVED:
        yield (
            f"In {nobody / frames:.1%} of the truly voiced frames no method is right: nobody can be better than "
            f"{1 - nobody / frames:.3f} there, or the truth is wrong."
        )


def _kinds(section: Mapping[str, Any], data: TrackSet, method: str) -> Remarks:
    counts = dict(zip(OUTCOMES, section["outcomes"]["frames"][method], strict=True))
    errors = {name: count for name, count in counts.items() if name not in RIGHT and count}
    if not errors:
        return
    name, count = max(errors.items(), key=lambda item: item[1])
    octaves = errors.get("octave_up", 0) + errors.get("octave_down", 0)
    whole = sum(errors.values())
    more = f", octaves are {octaves / whole:.0%}" if octaves / whole >= 0.01 and not name.startswith("octave") else ""
    yield f"{method}: {count / whole:.0%} of its frames in error are of one kind, {name.replace('_', ' ')}{more}."


def _late(section: Mapping[str, Any], data: TrackSet, method: str) -> Remarks:
    shifts = section["shifts"][method]
    accuracy = np.array([np.nan if share is None else share for share in shifts["accuracy"]])
    if np.isnan(accuracy).any():
        return
    middle, best = len(accuracy) // 2, int(accuracy.argmax())
    if accuracy[best] - accuracy[middle] >= GAIN:
        moved = shifts["ms"][best]
        yield (
            f"{method}: {'late' if moved > 0 else 'early'} by about {abs(moved):.0f} ms; moved by as much, its raw "
            f"pitch accuracy within 25 cents would be {accuracy[best]:.3f} instead of {accuracy[middle]:.3f}."
        )


def _voicing(section: Mapping[str, Any], data: TrackSet, method: str) -> Remarks:
    curve = section["voicing"].get(method)
    if curve is None:
        return
    best = int(np.argmax(curve["overall_accuracy"]))
    there, here = curve["overall_accuracy"][best], curve["operating"]["overall_accuracy"]
    if there - here >= GAIN:
        yield (
            f"{method}: with a voicing threshold of {curve['threshold'][best]:.3f} its overall accuracy, of all frames "
            f"together, would be {there:.3f} instead of {here:.3f}."
        )


def _confidence(section: Mapping[str, Any], data: TrackSet, method: str) -> Remarks:
    """How well confidence tells right from wrong pitches, of the frames that are voiced in truth and estimate."""
    right, wrong = [], []
    for track in data.tracks:
        confidence = track.guesses[method].confidence
        if confidence is None:
            return
        error = np.abs(track.errors(method))
        both = ~np.isnan(error) & voiced_at(track, method, data.thresholds[method])
        right.append(confidence[both & (error < 50)])
        wrong.append(confidence[both & (error >= 200)])
    sure, mistaken = np.concatenate(right), np.concatenate(wrong)
    if len(mistaken) < 50 or not len(sure):
        return
    order = np.sort(sure)
    below = (np.searchsorted(order, mistaken, "left") + np.searchsorted(order, mistaken, "right")) / 2
    told = 1 - below.mean() / len(order)
    if told < 0.75:
        yield (
            f"{method}: its confidence hardly tells wrong pitches: a frame that is 200 cents off or more has less of "
            f"it than a right one in {told:.0%} of pairs (50 % is chance)."
        )


def _registers(section: Mapping[str, Any], data: TrackSet, method: str) -> Remarks:
    place = section["methods"].index(method)
    rows = {
        each["part"]: each["cells"][place]["value"]
        for each in section["figures"]
        if each["name"] == "frame_pitch_accuracy"
    }
    whole = rows.pop("", None)
    known = {part: value for part, value in rows.items() if value is not None and "Hz" in part}
    if whole is None or len(known) < 2:
        return
    part, value = min(known.items(), key=lambda item: item[1])
    if whole - value >= GAP:
        yield f"{method}: right in {value:.3f} of the frames {part}, in {whole:.3f} of all."


def _few_tracks(section: Mapping[str, Any], data: TrackSet, method: str) -> Remarks:
    columns = section["scores"]["columns"]
    at, of = columns.index("seconds in error"), columns.index("method")
    errors = {row[0]: row[at] for row in section["scores"]["rows"] if row[of] == method}
    yield from _few(errors, "tracks", f"{method}: half of its seconds in error are in ")


def _few(errors: Mapping[str, float], kind: str, beginning: str) -> Remarks:
    """That few hold half of the errors."""
    whole = sum(errors.values())
    ordered = sorted(errors.items(), key=lambda item: (-item[1], item[0]))
    reached = np.cumsum([count for _, count in ordered])
    if whole <= 0 or len(ordered) < 4:
        return
    number = int(np.searchsorted(reached, whole / 2 - 1e-9)) + 1
    if number <= max(FEW * len(ordered), 1):
        named = ", ".join(name for name, _ in ordered[: min(number, NAMED)])
        yield f"{beginning}{number} of {len(ordered)} {kind}: {named}{' and others' if number > NAMED else ''}."


def clip_remarks(section: Mapping[str, Any]) -> list[str]:
    """Of a set of clips, from the values of `clip_section`."""
    return [*_sure(section), *_worst_class(section), *_worst_group(section)]


def _sure(section: Mapping[str, Any]) -> Remarks:
    rows = [row for row in section["scores"]["rows"] if row[3] >= SURE]
    mistaken = sum(row[4] == "no" for row in rows)
    if rows and mistaken / len(rows) >= 1 - SURE:
        yield (
            f"Of {len(rows)} answers with a probability of {SURE:g} or more, {mistaken} are wrong "
            f"({mistaken / len(rows):.0%})."
        )


def _worst_class(section: Mapping[str, Any]) -> Remarks:
    known = [row for row in section["classes"]["rows"] if row[2] is not None]
    accuracy = section["figures"][0]["cells"][0]["value"]
    if len(known) > 2:
        name, clips, recall, _, taken = min(known, key=lambda row: row[2])
        if accuracy - recall >= GAP:
            yield (
                f"Of the {clips} clips of {name}, {recall:.0%} are recognised, of all clips {accuracy:.0%}; "
                f"most often it is taken for {taken}."
            )


def _worst_group(section: Mapping[str, Any]) -> Remarks:
    groups = section["by_group"]
    if len(groups) > 1:
        worst, best = min(groups, key=lambda row: row[2]), max(groups, key=lambda row: row[2])
        if best[2] - worst[2] >= GAP:
            yield f"{worst[0]} is recognised least ({worst[2]:.3f}, {worst[1]} clips), {best[0]} best ({best[2]:.3f})."


def phone_remarks(section: Mapping[str, Any]) -> list[str]:
    """Of a set of recognised utterances, from the values of `phone_section`."""
    return [*_never(section), *_worst_speaker(section), *_few_utterances(section)]


def _never(section: Mapping[str, Any]) -> Remarks:
    names, counts = section["matrix"]["names"], np.array(section["matrix"]["counts"])
    said = counts[:-1].sum(axis=1)
    never = [f"{name} ({said[k]})" for k, name in enumerate(names) if said[k] > 1 and counts[k, k] == 0]
    if never:
        yield f"Never recognised where they are said: {', '.join(never)}."


def _worst_speaker(section: Mapping[str, Any]) -> Remarks:
    groups = [row for row in section["by_group"] if row[3] is not None]
    if len(groups) > 1:
        worst, best = max(groups, key=lambda row: row[3]), min(groups, key=lambda row: row[3])
        if worst[3] - best[3] >= GAP:
            yield (
                f"The phoneme error rate of {worst[0]} is {worst[3]:.3f}, that of {best[0]} {best[3]:.3f}: "
                "the mean says little of either."
            )


def _few_utterances(section: Mapping[str, Any]) -> Remarks:
    errors = {row[0]: float(row[1]) for row in section["scores"]["rows"]}
    yield from _few(errors, "utterances", "Half of all edits are in ")
