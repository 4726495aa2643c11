"""Write the f0 of recordings, as in `melisma transcribe song.wav other.flac --out f0`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from jsonargparse import ArgumentParser

from datamodules.errors import DataError
from experiments.mistakes import parse, stop

BLOCK = 1 << 17  # samples that are read at once


def main(arguments: list[str]) -> None:
    """Transcribe recordings; exit code 1 if some could not be, with the reasons."""
    parser = ArgumentParser(prog="melisma transcribe", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "audio", type=Path, nargs="+", help="files of any rate, or folders, of which every audio file is taken"
    )
    parser.add_argument(
        "--model",
        type=str | None,
        default=None,
        help="name of a released model, a folder that `melisma release` wrote, RUN, or RUN/checkpoints/NAME.ckpt; "
        "null: the released tracker",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("f0"),
        help="folder that receives NAME.csv of each: time (s), frequency (Hz), confidence, voiced (0 or 1)",
    )
    parser.add_argument("--device", default="cpu", help="such as cuda")
    parser.add_argument(
        "--voicing_threshold",
        type=float | None,
        default=None,
        help="a frame is voiced if its confidence is greater; null: the one of the model",
    )
    options = parse(parser, arguments)
    for path in options.audio:
        if path.suffix == ".ckpt":
            stop(f"{path} is a checkpoint, not audio; say --model {path}")
    recordings = list(_recordings(options.audio))
    _refuse_same_names(recordings)

    from tqdm import tqdm

    from datamodules.annotations.tracked_tables import write_tracked
    from datamodules.corpora.sources.audio_files import AudioFile
    from datamodules.files import file_name
    from experiments.allocation import keep_freed_memory
    from experiments.transcriber import Transcriber

    keep_freed_memory()
    transcriber = Transcriber.of(options.model, options.device, options.voicing_threshold)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"--out: {options.out} cannot be made a folder: {error.strerror}") from error
    failed = []
    for path in tqdm(recordings, desc="transcribing", unit="recording"):
        try:
            write_tracked(
                options.out / f"{file_name(path.stem)}.csv", *transcriber.of_blocks(AudioFile(path).blocks(BLOCK))
            )
        except DataError as error:
            failed.append(str(error) if str(path) in str(error) else f"{path}: {error}")
    print(f"{len(recordings) - len(failed)} f0 tables in {options.out}")
    if failed:
        print("\n".join(["melisma: could not transcribe:", *(f"  {reason}" for reason in failed)]), file=sys.stderr)
        sys.exit(1)


def _recordings(paths: Sequence[Path]) -> Iterator[Path]:
    from datamodules.corpora.sources.audio_files import EXTENSIONS
    from datamodules.corpora.sources.names import visible_files

    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = [each for each in visible_files(path, "*") if each.suffix.lower() in EXTENSIONS]
        if not found:
            raise DataError(f"{path}: no audio file in it; folders below it do not count")
        yield from found


def _refuse_same_names(paths: Sequence[Path]) -> None:
    named: dict[str, list[str]] = {}
    for path in paths:
        named.setdefault(path.stem, []).append(str(path))
    for same in named.values():
        if len(same) > 1:
            raise DataError(f"{', '.join(same)}: their f0 tables would have the same name; transcribe them one by one")
