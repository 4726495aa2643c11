"""Show what a prepared directory holds, as in `melisma inspect data/demo`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jsonargparse import ArgumentParser

from datamodules.index import SplitIndex, describe


def main(arguments: list[str]) -> None:
    """Print recipe, grid, splits and the first records of each split."""
    parser = ArgumentParser(prog="melisma inspect", description=__doc__, allow_abbrev=False)
    parser.add_argument("directory", type=Path, help="a prepared directory")
    parser.add_argument("--rows", type=int, default=3, help="records to show of each split")
    options = parser.parse_args(arguments)
    description = describe(options.directory)
    corpus = description["recipe"]["corpus"]
    print(f"{options.directory}: {corpus['class']}, id {description['id'][:12]}")
    hop, rate = description["hop"], description["rate"]
    print(
        f"  {rate} Hz, a label frame every {hop} samples ({1000 * hop / rate:g} ms), records of "
        f"{description['segment']} frames with {description['context'] / rate:g} s of context"
    )
    for split in description["splits"]:
        index = SplitIndex([options.directory], split)
        hours = index.frames.sum() * hop / rate / 3600
        print(f"{split}: {len(index.tracks)} tracks, {len(index)} records, {hours:.2f} h{_voicing(index)}")
        for record in range(min(options.rows, len(index))):
            print(f"  {_row(index, record)}")


def _voicing(index: SplitIndex) -> str:
    if not index.has_f0:
        return ", not all annotated"
    voiced = sum(int(index.voiced_frames(record).sum()) for record in range(len(index)))
    return f", {voiced / index.frames.sum():.1%} voiced"


def _row(index: SplitIndex, record: int) -> str:
    seconds = index.start[record] * index.grid.hop / index.grid.rate
    row = (
        f"{index.keys[record]}  {index.tracks[index.track[record]]} from {seconds:.2f} s, {index.frames[record]} frames"
    )
    if index.has_f0:
        f0 = index.read_f0(record)[: index.frames[record]]
        sung = f0[f0 > 0]
        row += (
            f", f0 {sung.min():.1f} to {sung.max():.1f} Hz, median {np.median(sung):.1f}" if sung.size else ", unvoiced"
        )
    return row
