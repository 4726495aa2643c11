"""Show what a prepared directory holds, as in `melisma inspect data/demo`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from jsonargparse import ArgumentParser

from datamodules.errors import check_range
from experiments.mistakes import parse

if TYPE_CHECKING:
    from datamodules.shards.index import SplitIndex
    from datamodules.shards.schema import Description


def main(arguments: list[str]) -> None:
    """Print recipe, grid, what was left out, splits with their labels, and the first records of each split."""
    parser = ArgumentParser(prog="melisma inspect", description=__doc__, allow_abbrev=False)
    parser.add_argument("directory", type=str, help="a prepared directory, its URL, or pipe:COMMAND {name}")
    parser.add_argument("--rows", type=int, default=3, help="records to show of each split")
    options = parse(parser, arguments)
    check_range("--rows", options.rows, 0, 1_000_000)

    from datamodules.shards.index import SplitIndex, describe
    from datamodules.storage.places import open_storage

    storage = open_storage(options.directory)
    description = describe(storage)
    for line in _overview(storage.label, description):
        print(line)
    for split in description["splits"]:
        index = SplitIndex([storage], split)
        print(f"{split}: {', '.join(_counts(index))}")
        labels = description["splits"][split].get("labels", {})
        for label in description.get("classes") or () if labels else ():
            print(f"  {labels.get(label, 0):>8}  {label}")
        for record in range(min(options.rows, len(index))):
            print(f"  {', '.join(_row(index, record))}")


def _overview(directory: str, description: Description) -> Iterator[str]:
    yield f"{directory}: {_corpus(description)}, id {description['id'][:12]}"
    hop, rate, segment = description["hop"], description["rate"], description["segment"]
    records = f"records of {segment} frames" if segment else "a record for each recording"
    yield (
        f"  {rate} Hz, a label frame every {hop} samples ({1000 * hop / rate:g} ms), {records} with "
        f"{description['context'] / rate:g} s of context"
    )
    for key, names in (("classes", description.get("classes")), ("phones", description.get("phones"))):
        if names is not None:
            yield f"  {key}: {' '.join(names)}"
    for reason in description.get("left_out", {}).values():
        yield f"  left out: {reason}"


def _corpus(description: Description) -> str:
    """Class of the corpus, if dataset.json has the recipe."""
    return description.get("recipe", {}).get("corpus", {}).get("class", "no recipe")


def _counts(index: SplitIndex) -> Iterator[str]:
    yield f"{len(index.tracks)} tracks"
    yield f"{len(index)} records"
    yield f"{index.frames.sum() * index.grid.hop / index.grid.rate / 3600:.2f} h"
    if index.has_f0:
        voiced = index.voiced.sum() / index.frames.sum()
        yield f"{voiced:.1%} voiced" + (f", up to {index.pitches} voices" if index.pitches else "")
    if index.holds("txt"):
        yield f"{index.symbols.sum()} symbols"
    for member, kind in (("feat", "feature"), ("cqt", "spectrogram")):
        if index.holds(member):
            yield f"{kind} frames of {' x '.join(map(str, index.width(member)))}"
    if not (index.has_f0 or index.holds("txt") or index.labels):
        yield "not all annotated"


def _row(index: SplitIndex, record: int) -> Iterator[str]:
    seconds = index.start[record] * index.grid.hop / index.grid.rate
    track = index.tracks[index.track[record]]
    yield f"{index.keys[record]}  {track} from {seconds:.2f} s, {index.frames[record]} frames"
    if index.has_f0:
        f0 = index.read_f0(record)[: index.frames[record]]
        sung = f0[f0 > 0]
        yield f"f0 {sung.min():.1f} to {sung.max():.1f} Hz, median {np.median(sung):.1f}" if sung.size else "unvoiced"
    if index.label[record] >= 0:
        yield f"label {index.labels[index.label[record]]}"
    if index.symbols[record] >= 0:
        yield f"transcript {index.read_transcript(record)!r}"
