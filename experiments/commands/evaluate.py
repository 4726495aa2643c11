"""Score f0 tables against references, as in `melisma evaluate truth crepe=tables/crepe pyin=tables/pyin`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from datamodules.errors import DataError
from experiments.evaluation.report import table_lines, write_report
from experiments.evaluation.scores import Rules, score
from experiments.evaluation.statistics import Bootstrap, summarise
from experiments.evaluation.tables import TableFolder, pair
from experiments.mistakes import parse
from lightning_modules.metrics import Criteria

TABLE_OPTIONS = ("suffix", "step", "gap")  # of a `TableFolder`


def main(arguments: list[str]) -> None:
    """Print the metrics of every method side by side; write them to a folder if one is named.

    Tables that cannot be used and tracks without a partner are all listed, and the exit code is then 1.
    """
    parser = ArgumentParser(prog="melisma evaluate", description=__doc__, allow_abbrev=False)
    parser.add_argument("references", type=Path, help="folder of f0 tables: CSV, TSV, MIREX or JAMS")
    parser.add_argument("estimates", type=str, nargs="+", help="NAME=FOLDER, or FOLDER, which is then the name")
    for side in ("reference", "estimate"):
        parser.add_argument(
            f"--{side}_suffix",
            type=str | None,
            default=None,
            help="what follows the track's id in the names of the files, such as _REF, .RESYN or _MELODY2.csv",
        )
        parser.add_argument(
            f"--{side}_step", type=float | None, default=None, help="s between rows of tables without times"
        )
        parser.add_argument(
            f"--{side}_gap", type=float | None, default=None, help="rows further apart, s, have silence between them"
        )
    parser.add_argument(
        "--allow_missing", action="store_true", help="score the tracks that all have, and name those left out"
    )
    add_scoring(parser)
    parser.add_argument(
        "--out", type=Path | None, default=None, help="folder for tracks.csv, summary.csv, summary.json"
    )
    options = parse(parser, arguments)
    rules, bootstrap = scoring(options)
    references = _folder(options, "reference", options.references)
    estimates = {
        name: _folder(options, "estimate", folder) for name, folder in named_folders(options.estimates).items()
    }
    pairs = pair(references, estimates)
    if pairs.unpaired and not options.allow_missing:
        raise DataError("\n  ".join(["tracks without a partner (--allow_missing leaves them out):", *pairs.unpaired]))
    for words in pairs.unpaired:
        print(f"melisma: left out: {words}", file=sys.stderr)
    summary = summarise(score(references, estimates, pairs, rules), bootstrap)
    print("\n".join(table_lines(summary)))
    if options.out is not None:
        folders = {name: str(folder.folder) for name, folder in estimates.items()}
        tables = {side: {key: options[f"{side}_{key}"] for key in TABLE_OPTIONS} for side in ("reference", "estimate")}
        details = {
            "references": str(options.references),
            "estimates": folders,
            "tables": tables,
            "left_out": list(pairs.unpaired),
        }
        write_report(options.out, summary, {**details, **described(rules)})
        print(f"\ntracks.csv, summary.csv and summary.json in {options.out}")


def add_scoring(parser: ArgumentParser) -> None:
    """Add the options that say how tables are compared."""
    tolerances = list(Criteria().tolerances)
    parser.add_argument("--tolerances", type=list[float], default=tolerances, help="cents, as in [50,25,10]")
    parser.add_argument(
        "--resample", type=float | None, default=None, help="s between common frames; null: the reference's own frames"
    )
    parser.add_argument(
        "--length_tolerance",
        type=float,
        default=Rules(Criteria()).length_tolerance,
        help="s by which an estimate may end before the last voiced frame of its reference",
    )
    parser.add_argument(
        "--bootstrap", type=int, default=Bootstrap.resamples, help="resamples of tracks, or of clusters of them"
    )
    parser.add_argument("--level", type=float, default=Bootstrap.level, help="of the intervals")
    parser.add_argument("--seed", type=int, default=Bootstrap.seed, help="of the resampling")


def scoring(options: Any) -> tuple[Rules, Bootstrap]:  # noqa: ANN401 -- jsonargparse's Namespace has any attribute
    """What the options of `add_scoring` say.

    Raises:
        DataError: a value is out of range; the message names the option.
    """
    try:
        criteria = Criteria(tolerances=tuple(options.tolerances))
    except ValueError as error:
        raise DataError(f"--tolerances {options.tolerances}: {error}") from error
    if options.resample is not None and not 1e-4 <= options.resample <= 1000:
        raise DataError(f"--resample {options.resample}: it must be positive, in seconds, from 0.0001 to 1000")
    if not 0 <= options.length_tolerance < float("inf"):
        raise DataError(f"--length_tolerance {options.length_tolerance}: it must be finite and not be negative")
    rules = Rules(criteria, options.resample, options.length_tolerance)
    return rules, Bootstrap(options.bootstrap, options.level, options.seed)


def described(rules: Rules) -> dict[str, Any]:
    """The rules as JSON values."""
    return {"resample": rules.resample, "criteria": asdict(rules.criteria)}


def named_folders(words: list[str]) -> dict[str, Path]:
    """Folders by the names of their methods.

    Args:
        words: `NAME=FOLDER`, or `FOLDER`, whose own name is then that of the method.

    Raises:
        DataError: a name is empty or stands for two folders.
    """
    found: dict[str, Path] = {}
    for word in words:
        name, equals, folder = word.rpartition("=")
        name = name if equals else Path(folder).resolve().name
        if not (name and folder):
            raise DataError(f"{word!r}: expected NAME=FOLDER or FOLDER")
        if name in found:
            raise DataError(f"{found[name]} and {folder}: both are named {name!r}; name them, as in {name}_2={folder}")
        found[name] = Path(folder)
    return found


def _folder(options: Any, side: str, folder: Path) -> TableFolder:  # noqa: ANN401 -- as in `scoring`
    return TableFolder(folder, *(options[f"{side}_{key}"] for key in TABLE_OPTIONS))
