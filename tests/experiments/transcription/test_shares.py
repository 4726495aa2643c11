"""A long list that several jobs transcribe together."""

import os

import numpy as np
import pytest
import soundfile

from datamodules.preparation.sharing import Share
from experiments.transcription.jobs import file_of, shared
from experiments.transcription.writing import Format


@pytest.fixture
def recordings(tmp_path):
    """Six short recordings, and a file that lists them."""
    paths = [tmp_path / "in" / f"r{number}.wav" for number in range(6)]
    paths[0].parent.mkdir()
    for number, path in enumerate(paths):
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * (300 + 20 * number) * np.arange(4000) / 8000), 8000)
    (tmp_path / "list.txt").write_text("\n".join(map(str, paths[:-1])) + f"\n\n{tmp_path}/in/*5.wav\n")
    return paths


def tables(out):
    return {path.name: path.read_bytes() for path in out.glob("*.csv")}


def test_any_part_of_a_list_can_finish_alone_with_the_same_bytes(trained_run, recordings, tmp_path, melisma):
    words = ["transcribe", "--list", tmp_path / "list.txt", "--model", trained_run]
    assert melisma(*words, "--out", tmp_path / "alone").code == 0
    assert set(tables(tmp_path / "alone")) == {f"r{number}.csv" for number in range(6)}
    shared = melisma(*words, "--out", tmp_path / "shared", "--share=1/3")
    assert shared.code == 0 and "6 recordings transcribed" in shared.out
    assert tables(tmp_path / "shared") == tables(tmp_path / "alone")
    again = melisma(*words, "--out", tmp_path / "shared", "--share=0/3")
    assert "0 recordings transcribed" in again.out and "6 kept" in again.out


def test_what_others_did_meanwhile_is_not_done_again(tmp_path):
    recordings = [tmp_path / f"r{number}.wav" for number in range(8)]
    for path in recordings:
        path.touch()
    form = Format(".csv", None, "tables")

    def answered(number):
        made = file_of(tmp_path / "out", recordings[number], form)
        made.parent.mkdir(exist_ok=True)
        made.touch()
        later = recordings[number].stat().st_mtime_ns + 1
        os.utime(made, ns=(later, later))

    answered(1)
    left = shared(recordings, Share(0, 2), tmp_path / "out", {"csv": form})
    assert [next(left).stem for _ in range(5)] == ["r0", "r2", "r4", "r6", "r3"]
    answered(5)
    assert [path.stem for path in left] == ["r7"]


def test_what_cannot_be_shared_or_is_missing_is_refused(trained_run, recordings, tmp_path, melisma):
    outcome = melisma("transcribe", recordings[0], "--share=0/2", "--again", "--model", trained_run)
    assert outcome.code == 2 and "--again with --share" in outcome.err
    outcome = melisma("transcribe", "--model", trained_run)
    assert outcome.code == 2 and "name recordings" in outcome.err
    (tmp_path / "empty.txt").write_text("\n")
    outcome = melisma("transcribe", "--list", tmp_path / "empty.txt", "--model", trained_run)
    assert outcome.code == 1 and "empty.txt: it lists no recording" in outcome.err
    outcome = melisma("transcribe", recordings[0], "--share=2/2", "--model", trained_run)
    assert outcome.code == 1 and "expected I/N" in outcome.err
