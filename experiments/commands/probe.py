"""Put pitch trackers to sounds of exactly known pitch, as in `melisma probe pyin,tracker --out probe`."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser

from datamodules.errors import check_range
from experiments.mistakes import parse
from experiments.shares import check_device, check_seed
from experiments.trackers.catalogue import METHODS
from experiments.trackers.methods import add_environment, identify, interpreters_of, make_trackers


def main(arguments: list[str]) -> None:
    """Print and write recall by family, false alarms, bias, delay, jitter and what is kept of a vibrato."""
    parser = ArgumentParser(
        prog="melisma probe",
        description=f"{__doc__} Families are those of experiments/corpora/stress.yaml; chirps tell a biased pitch from "
        "late time stamps. Each tracker decides on voicing at its own threshold.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "methods",
        type=str,
        help=f"separated by commas: {', '.join(METHODS)}, crepe_tiny, crepe_full, NAME of a released model, "
        "NAME=MODEL (a released model, its folder, RUN, or RUN/checkpoints/best.ckpt), or "
        "NAME=FILE.py:CLASS, a tracker of your own",
    )
    parser.add_argument("--out", type=Path, default=Path("probe"), help="folder for probe.md, probe.json and probe.png")
    parser.add_argument("--items", type=int, default=4, help="sounds of each case of a family")
    parser.add_argument("--seed", type=int, default=0, help="of the sounds")
    add_environment(parser)
    parser.add_argument("--device", type=str, default="cpu", help="of our models; public trackers run on the CPU")
    options = parse(parser, arguments)
    items = options["items"]  # a Namespace has a method of that name
    check_range("--items", items, 1, 10_000)
    check_seed(options.seed)
    check_device(options.device)

    from experiments.evaluation.report import aligned
    from experiments.probing.probe import probe
    from experiments.probing.report import rows, write_probes

    trackers = make_trackers(options.methods.split(","), interpreters_of(options.environment), options.device)
    identities = identify(trackers)
    probes = {}
    for tracker in trackers:
        with tracker:
            probes[tracker.name] = probe(tracker, items, options.seed)
    print("\n".join(aligned(rows(probes))))
    details = {"items": items, "seed": options.seed, "identities": identities}
    write_probes(options.out, probes, details)
    print(f"\nwritten to {options.out}: probe.md, probe.json, probe.png")
