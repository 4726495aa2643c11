"""Test published findings by runs with several seeds, as in `melisma study experiments/studies/melody/bins.yaml`."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser

from datamodules.errors import DataError
from experiments.shares import check_jobs, share
from experiments.studies.study import Study, read


def main(arguments: list[str]) -> None:
    """Make the runs of a study that are not finished, judge its findings, and write its record and picture."""
    parser = ArgumentParser(
        prog="melisma study", usage="melisma study CONFIG [options]", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--config", action="config", help="the same as CONFIG: YAML of a study")
    parser.add_class_arguments(Study)
    parser.add_argument("--jobs", "-j", type=int, default=1, help="runs at once, each with one thread")
    parser.add_argument(
        "--share",
        type=str | None,
        default=None,
        help="I/N: begin with part I (from 0) of N; for arrays of jobs, see experiments/cluster/study.sbatch",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/studies"), help="folder of the studies' folders")
    parser.add_argument(
        "--record", type=Path | None, default=None, help="folder that gets NAME.json and NAME.png as well"
    )
    words = ["--config", *arguments] if arguments and not arguments[0].startswith("-") else arguments
    study, options = read(words, parser)
    if not options.config:
        raise DataError("melisma study: CONFIG is missing; what it holds is what experiments/studies/README.md says")

    check_jobs(options.jobs)
    from experiments.studies.report import table, write
    from experiments.studies.running import make_runs

    name = Path(str(options.config[0])).stem
    folder = options.out / name
    others = make_runs(study, folder, options.jobs, share(options.share))
    if others:
        print(f"{folder}: {len(others)} runs are being made by other processes; the last one writes the record")
        return
    record = write(study, str(options.config[0]), folder, options.record)
    print("\n".join(table(record)))
