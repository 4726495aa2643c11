"""The card of a released model: what it is, what it was trained on, how, and what it reached; for people to read."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from datamodules.documents import parse_yaml
from datamodules.errors import DataError
from datamodules.files import read_text

# What a YAML file of facts may hold, and of which type each is.
FACTS: dict[str, type] = {
    "summary": str,
    "licence": str,
    "data": list,
    "figures": list,
    "limits": list,
    "citation": str,
}
NOT_STATED = "Not stated."
LICENCE = "Licence of the weights"  # a section
_OF_A_RUN = ("seed", "commit", "hours", "hardware", "processes")


def read_facts(path: Path | None) -> Mapping[str, Any] | str:
    """What a person says about a model: `FACTS` from a YAML file, or the text of any other file.

    `data` and `figures` are lists of mappings, which become tables; `limits` is a list of lines.

    Raises:
        DataError: the file cannot be read, or holds something else; the message names it.
    """
    if path is None:
        return {}
    text = read_text(path)
    if path.suffix not in (".yaml", ".yml"):
        return text
    facts = parse_yaml(text, str(path))
    if not isinstance(facts, Mapping):
        raise DataError(f"{path}: a mapping with some of {', '.join(FACTS)} is expected")
    for key, value in facts.items():
        if key not in FACTS:
            raise DataError(f"{path}: {key}: there is no such fact; there are {', '.join(FACTS)}")
        rows = isinstance(value, list) and (key == "limits" or all(isinstance(row, Mapping) for row in value))
        if not isinstance(value, FACTS[key]) or (FACTS[key] is list and not rows):
            kind = {"limits": "a list of lines"}.get(key, "a list of mappings" if FACTS[key] is list else "text")
            raise DataError(f"{path}: {key}: {kind} is expected")
    return facts


def model_card(name: str, config: Mapping[str, Any], record: Mapping[str, Any], facts: Mapping[str, Any] | str) -> str:
    """The card in Markdown.

    Args:
        name: of the model.
        config: what its config.yaml holds: `model` and `input`.
        record: what its record.json holds.
        facts: of `read_facts`.
    """
    stated: Mapping[str, Any] = {"summary": facts} if isinstance(facts, str) else facts
    sections = {
        "": stated.get("summary"),
        "What it is": _bullets(_description(config["model"]["init_args"], config["input"], record)),
        "Use": _use(name),
        "Data and licences": _table(stated["data"]) if "data" in stated else NOT_STATED,
        LICENCE: stated.get("licence", NOT_STATED),
        "How it was trained": _bullets(_training(record["run"])),
        "Figures": _figures(stated.get("figures"), record),
        "Limits": _bullets(stated["limits"]) if "limits" in stated else NOT_STATED,
        "Citation": stated.get("citation"),
    }
    if isinstance(facts, str):  # it says these things in its own way
        sections = {title: text for title, text in sections.items() if text != NOT_STATED}
    parts = [f"# {name}"]
    parts += [f"## {title}\n\n{text.strip()}" if title else text.strip() for title, text in sections.items() if text]
    return "\n\n".join(parts) + "\n"


def _description(model: Mapping[str, Any], takes: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[str]:
    network, decoder, grid = model["network"], model["decoder"], model["grid"]
    lowest, highest = (440 * 2 ** ((note - 69) / 12) for note in _range(grid))
    signal = "audio" if takes["spectrogram"] is None else f"the {takes['spectrogram']['class']} spectrogram of audio"
    yield f"{network['class_path']} of {record['parameters']:,} parameters ({record['weights_bytes']:,} bytes, float32)"
    yield (
        f"from {signal} at {takes['rate']} Hz (other rates are resampled, channels averaged) to f0, confidence and "
        f"voicing every {1000 * takes['hop'] / takes['rate']:g} ms; the time of a frame is its middle"
    )
    yield f"pitch from {lowest:.1f} to {highest:.1f} Hz, bins of {100 / grid['bins_per_semitone']:.3g} cents"
    yield f"decoded by {decoder['class_path']}"
    if record["network"]:
        others = ", ".join(f"{name}: {value}" for name, value in record["network"].items())
        yield f"parameters of the network other than in training: {others}"
    threshold = record["voicing_threshold"]
    yield f"voiced where the confidence is greater than {threshold['value']:g} ({threshold['origin']})"


def _range(grid: Mapping[str, Any]) -> tuple[float, float]:
    """The lowest and the highest note."""
    return grid["lowest_note"], grid["lowest_note"] + grid["semitones"] - 1 / grid["bins_per_semitone"]


def _use(name: str) -> str:
    return f"""```sh
melisma transcribe song.wav --model {name} --out f0   # {name}: its name in experiments/checkpoints, or its folder
```"""


def _training(run: Mapping[str, Any]) -> Iterator[str]:
    known = {key: "not known" if run.get(key) is None else run[key] for key in _OF_A_RUN}
    yield f"command: `{shlex.join(run.get('command') or ['not known'])}`"
    yield "seed {seed}, commit {commit}".format(**known)
    yield "{hours} hours on {hardware}; processes: {processes}".format(**known)
    for name, identity in (run.get("data_sets") or {}).items():
        yield f"data set `{name}`: {identity}"
    yield "packages: " + ", ".join(f"{name} {version}" for name, version in (run.get("packages") or {}).items())


def _figures(stated: Sequence[Mapping[str, Any]] | None, record: Mapping[str, Any]) -> str:
    """What was stated, and what the run measured: rows are figures, columns are sets."""
    parts = [] if stated is None else [_table(stated)]
    for kind, metrics in record["metrics"].items():
        split = [(*key.split("/", 2)[1:], value) for key, value in metrics.items() if key.count("/") == 2]
        sets = dict.fromkeys(name for name, _, _ in split)
        rows = {
            figure: {name: value for name, named, value in split if named == figure}
            for figure in dict.fromkeys(figure for _, figure, _ in split)
        }
        table = [
            {"": figure, **{name: f"{values[name]:.4f}" if name in values else "" for name in sets}}
            for figure, values in rows.items()
        ]
        if table:
            parts.append(f"{kind}:\n\n{_table(table)}")
    return "\n\n".join(parts) or "None were recorded."


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [columns, ["---"] * len(columns), *([row.get(column, "") for column in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(' '.join(str(cell).split()) for cell in line)} |" for line in cells)


def _bullets(lines: Iterator[str] | Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
