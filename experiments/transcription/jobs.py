"""Many recordings, one after the other or some at once; what was finished before is kept."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from datamodules.corpora.base import Audio
from datamodules.corpora.sources.audio_files import AudioFile
from datamodules.documents import read_json
from datamodules.errors import DataError, MachineFault, machine_fault
from datamodules.files import file_name, remove_leftovers, write_atomically
from datamodules.preparation.sharing import Share
from experiments.allocation import keep_freed_memory
from experiments.transcription.loading import load
from experiments.transcription.location import identity, locate
from experiments.transcription.transcriber import Transcriber
from experiments.transcription.writing import Format, Heard, chosen_formats, with_notes

BLOCK = 1 << 17  # samples that are read at once
STATED = "transcription.json"  # in the folder of the answers: what they were made by


class TranscriptionRequest(NamedTuple):
    """What is asked for.

    Attributes:
        model: as `load` takes it.
        out: folder of the answers.
        formats: names separated by commas; None: the usual one of the model.
        device: where it runs.
        threads: of a process; None: as many as torch has.
        voicing_threshold: None: that of the model.
    """

    model: str | None
    out: Path
    formats: str | None = None
    device: str = "cpu"
    threads: int | None = None
    voicing_threshold: float | None = None


class Answering:
    """A loaded model and where its answers go.

    Args:
        request: what is asked for.

    Raises:
        DataError: the model cannot be used, or has no such format.
    """

    def __init__(self, request: TranscriptionRequest) -> None:
        keep_freed_memory()
        self.model = load(request.model, request.device, request.threads, request.voicing_threshold)
        self.out, self.formats = request.out, chosen_formats(self.model, request.formats)

    def __call__(self, path: Path) -> str | None:
        """Answer about one recording.

        Returns:
            None if its files are written, else why not.
        """
        try:
            heard = self._heard(path)
            for each in self.formats.values():
                each.write(file_of(self.out, path, each), heard)
        except MachineFault:
            raise  # the other recordings would have the same to say
        except DataError as error:
            return str(error) if str(path) in str(error) else f"{path}: {error}"
        return None

    def _heard(self, path: Path) -> Heard:
        read = _Counted(AudioFile(path))
        needs = {each.needs for each in self.formats.values()}
        if isinstance(self.model, Transcriber) and "salience" in needs:
            found, salience = self.model.with_salience(read)
            heard = Heard(path.stem, read.seconds, found, salience)
        else:
            heard = Heard(path.stem, 0.0, self.model.of_blocks(read))._replace(seconds=read.seconds)
        return with_notes(heard) if "notes" in needs else heard


class _Counted:
    """The blocks of a file, and how long they were."""

    def __init__(self, file: AudioFile) -> None:
        self._file, self.seconds = file, 0.0

    def __iter__(self) -> Iterator[Audio]:
        samples = 0
        for block in self._file.blocks(BLOCK):
            samples += len(block.samples)
            self.seconds = samples / block.rate
            yield block


def file_of(out: Path, recording: Path, form: Format) -> Path:
    """The file of a recording in a format."""
    return out / f"{file_name(recording.stem)}{form.suffix}"


def waiting(recordings: Sequence[Path], out: Path, formats: Mapping[str, Format]) -> list[Path]:
    """Recordings that have no file of one of the formats, or an older one than they are."""
    return [
        path for path in recordings if not all(_is_newer(file_of(out, path, each), path) for each in formats.values())
    ]


def shared(recordings: Sequence[Path], share: Share, out: Path, formats: Mapping[str, Format]) -> Iterator[Path]:
    """One part of the recordings, and behind it those of the other parts that are still waiting when it is their turn.

    Args:
        recordings: that were waiting.
        share: which part of them is done here in any case.
        out: folder of the answers.
        formats: of an answer.
    """
    for place in share.order(len(recordings), lambda place: not waiting([recordings[place]], out, formats)):
        if share.owns(place) or waiting([recordings[place]], out, formats):
            yield recordings[place]


def _is_newer(made: Path, recording: Path) -> bool:
    try:
        return made.stat().st_mtime_ns >= recording.stat().st_mtime_ns
    except OSError:
        return False


def state(request: TranscriptionRequest, again: bool) -> bool:
    """Write into the folder what its answers are made by.

    Args:
        request: what is asked for.
        again: whether answers of another model may be replaced.

    Returns:
        Whether answers that are there are of the same model and threshold.

    Raises:
        DataError: they are of another one, and `again` is false; or the folder cannot be written to.
    """
    stated = {"model": identity(locate(request.model)), "voicing_threshold": request.voicing_threshold}
    path = request.out / STATED
    try:
        request.out.mkdir(parents=True, exist_ok=True)
        remove_leftovers(request.out)
        before: Any = read_json(path) if path.is_file() else None
    except DataError:
        before = "damaged"
    except OSError as error:
        raise DataError(f"--out: {machine_fault(error, request.out) or error}") from error
    if before == stated and not again:
        return True
    if before not in (None, stated) and not again:
        raise DataError(
            f"--out: {request.out} holds what another model or voicing threshold gave ({STATED}); name another folder, "
            "or say --again to replace it"
        )
    try:
        with write_atomically(path) as file:
            file.write(json.dumps(stated, indent=1).encode())
    except OSError as error:
        raise DataError(f"--out: {request.out} cannot be written to: {error.strerror}") from error
    return False


def answers(
    recordings: Iterable[Path], request: TranscriptionRequest, answering: Answering, jobs: int
) -> Iterator[str | None]:
    """Answer about all recordings; for each, as they are finished, None or why not.

    Args:
        recordings: audio files; asked for when one can soon begin.
        request: what is asked for.
        answering: the model, loaded in this process.
        jobs: processes that work at once, of one thread each if there are several.
    """
    recordings = iter(recordings)
    ahead = list(islice(recordings, 2))
    if jobs == 1 or len(ahead) < 2:
        yield from map(answering, chain(ahead, recordings))
        return
    context = multiprocessing.get_context("spawn")
    each = request._replace(threads=1 if request.threads is None else request.threads)
    with ProcessPoolExecutor(jobs, context, _begin, (each,)) as pool:
        begun = (pool.submit(_answer, path) for path in chain(ahead, recordings))
        running = set(islice(begun, 2 * jobs))
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running.update(islice(begun, len(done)))
                yield from (future.result() for future in done)
        except BaseException:  # an interrupted command begins no more
            pool.shutdown(cancel_futures=True)
            raise


_answering: Answering | None = None  # of a worker


def _begin(request: TranscriptionRequest) -> None:
    global _answering
    _answering = Answering(request)


def _answer(path: Path) -> str | None:
    assert _answering is not None
    return _answering(path)
