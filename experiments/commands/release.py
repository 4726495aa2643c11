"""Make a model of a run that stands alone, as in `melisma release RUN --out experiments/checkpoints/tracker`."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser

from datamodules.errors import check_range
from experiments.mistakes import parse


def main(arguments: list[str]) -> None:
    """Write a folder with weights, configuration, card and record, which `melisma transcribe --model` takes."""
    parser = ArgumentParser(prog="melisma release", description=__doc__, allow_abbrev=False)
    parser.add_argument("model", type=Path, help="RUN (its best checkpoint), or RUN/checkpoints/NAME.ckpt")
    parser.add_argument("--out", type=Path, required=True, help="folder, which must not be there yet")
    parser.add_argument(
        "--voicing_threshold",
        type=float | None,
        default=None,
        help="one of 0, 0.01 ... 0.99; null: the fixed one of the run, else that of its first validation set",
    )
    parser.add_argument(
        "--card",
        type=Path | None,
        default=None,
        help="what the model card cannot know: a Markdown file, or a YAML file with some of summary, licence, data, "
        "figures (lists of mappings), limits (a list), citation",
    )
    parser.add_argument("--limit", type=int | None, default=None, help="bytes that the weights may have")
    parser.add_argument(
        "--network",
        type=dict | None,
        default=None,
        help="parameters of the network instead of those it was trained with, which the weights must fit, such as "
        "{loudness_reach: 1500}",
    )
    options = parse(parser, arguments)

    if options.voicing_threshold is not None:
        check_range("--voicing_threshold", options.voicing_threshold, -1, 1)

    from experiments.releasing import release
    from experiments.transcription.location import BEST

    checkpoint = options.model / BEST if options.model.is_dir() else options.model
    size = release(checkpoint, options.out, options.voicing_threshold, options.card, options.limit, options.network)
    print(f"{options.out}: weights of {size:,} bytes")
    print(f"use it:  melisma transcribe song.wav --model {options.out}")
