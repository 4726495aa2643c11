"""Write the f0 of recordings, as in `melisma transcribe RUN/checkpoints/best.ckpt song.wav --out f0`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentParser

from datamodules.errors import DataError
from experiments.mistakes import parse


def main(arguments: list[str]) -> None:
    """Transcribe recordings with a trained model; exit code 1 if some could not be, with the reasons."""
    parser = ArgumentParser(prog="melisma transcribe", description=__doc__, allow_abbrev=False)
    parser.add_argument("checkpoint", type=Path, help="of a run of MelodyTracker")
    parser.add_argument("recordings", type=Path, nargs="+", help="audio files of any rate")
    parser.add_argument("--out", type=Path, default=Path("f0"), help="folder that receives NAME.csv of each: time, f0")
    parser.add_argument("--device", default="cpu", help="such as cuda")
    parser.add_argument("--voicing_threshold", type=float | None, default=None, help="null: the one that was tuned")
    options = parse(parser, arguments)
    _refuse_same_names(options.recordings)

    from tqdm import tqdm

    from datamodules.annotations.f0_tables import write_f0
    from datamodules.corpora.sources.audio_files import AudioFile
    from datamodules.files import file_name
    from experiments.transcriber import Transcriber

    transcriber = Transcriber(options.checkpoint, options.device, options.voicing_threshold)
    options.out.mkdir(parents=True, exist_ok=True)
    failed = []
    for path in tqdm(options.recordings, desc="transcribing", unit="recording"):
        try:
            write_f0(options.out / f"{file_name(path.stem)}.csv", transcriber(AudioFile(path).read()))
        except DataError as error:
            failed.append(str(error))
    print(f"{len(options.recordings) - len(failed)} f0 tables in {options.out}")
    if failed:
        print("\n".join(["melisma: could not transcribe:", *(f"  {reason}" for reason in failed)]), file=sys.stderr)
        sys.exit(1)


def _refuse_same_names(paths: Sequence[Path]) -> None:
    for path in paths:
        same = [str(other) for other in paths if other.stem == path.stem]
        if len(same) > 1:
            raise DataError(f"{', '.join(same)}: their f0 tables would have the same name; transcribe them one by one")
