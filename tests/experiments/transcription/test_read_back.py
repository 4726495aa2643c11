"""What `melisma transcribe` writes, read back by the programs that people open it with."""

import os
from pathlib import Path

import mir_eval
import numpy as np
import pytest
import soundfile

from datamodules.annotations.f0_tables import read_f0
from experiments.commands.transcribe import main as transcribe

jams = pytest.importorskip("jams")
parselmouth = pytest.importorskip("parselmouth")
pretty_midi = pytest.importorskip("pretty_midi")

RATE = 16000
FORMATS = "csv,sv,notes,midi,jams,pitchtier,textgrid,npz"
DATA = os.environ.get("MELISMA_TEST_DATA")
CENTS = 0.5


def melody(path, pitches=(57, 60, 64), seconds=0.5, rest=0.2):
    """Notes of harmonics with rests between them."""
    times = np.arange(int(seconds * RATE)) / RATE
    parts = []
    for pitch in pitches:
        f0 = 440 * 2 ** ((pitch - 69) / 12)
        parts += [sum(0.2 / k * np.sin(2 * np.pi * k * f0 * times) for k in (1, 2, 3)), np.zeros(int(rest * RATE))]
    soundfile.write(path, np.concatenate(parts), RATE)
    return path


@pytest.fixture(scope="module")
def one_melody(tmp_path_factory):
    return melody(tmp_path_factory.mktemp("sung") / "sung.wav")


def pytest_generate_tests(metafunc):
    if "recordings" in metafunc.fixturenames:
        metafunc.parametrize(
            "recordings", ["melody", pytest.param("real", marks=pytest.mark.long)], indirect=True, scope="module"
        )


@pytest.fixture(scope="module")
def recordings(request, one_melody):
    """A synthetic melody; vocadito_1 and all sentences of FDA."""
    if request.param == "melody":
        return [one_melody]
    if DATA is None:
        pytest.skip("MELISMA_TEST_DATA is not set")
    found = [Path(DATA, "f0_mirdata_clips", "vocadito", "vocadito_1.wav"), *sorted(Path(DATA, "f0_fda").glob("*.flac"))]
    assert len(found) == 77
    return found


@pytest.fixture(scope="module")
def answers(recordings, tmp_path_factory):
    """Their answers in all formats: the audio file, and its answers' path without an ending."""
    out = tmp_path_factory.mktemp("answers")
    jobs = min(len(recordings), 2)
    transcribe([*map(str, recordings), "--out", str(out), "--format", FORMATS, "-j", str(jobs)])
    return [(path, out / path.stem) for path in recordings]


def of(path, ending):
    return path.with_name(f"{path.name}{ending}")


@pytest.mark.sampled(1)
def test_mir_eval_reads_the_series_and_scores_it_as_itself(answers):
    for _, answer in answers:
        times, signed = mir_eval.io.load_time_series(str(of(answer, ".sv.csv")), delimiter=",")
        table = read_f0(of(answer, ".csv"))
        assert np.array_equal(times, table.times) and np.array_equal(signed, table.f0)
        scores = mir_eval.melody.evaluate(times, np.maximum(signed, 0), times, signed)
        voiced = (signed > 0).any()
        assert scores["Overall Accuracy"] == 1 and scores["Raw Pitch Accuracy"] == voiced


@pytest.mark.sampled(1)
def test_mir_eval_reads_the_notes(answers):
    for _, answer in answers:
        rows = np.loadtxt(of(answer, ".notes.csv"), delimiter=",", skiprows=1, ndmin=2).reshape(-1, 4)
        intervals, pitches = rows[:, :2], mir_eval.util.midi_to_hz(rows[:, 2])
        mir_eval.transcription.validate(intervals, pitches, intervals, pitches)
        if len(rows):
            assert mir_eval.transcription.evaluate(intervals, pitches, intervals, pitches)["F-measure"] == 1
            assert (intervals[1:, 0] >= intervals[:-1, 1]).all()


@pytest.mark.sampled(1)
def test_jams_validates_the_document_and_gives_contour_and_notes(answers):
    for audio, answer in answers:
        document = jams.load(str(of(answer, ".jams")), validate=True, strict=True)
        assert document.validate() and document.file_metadata.duration == pytest.approx(soundfile.info(audio).duration)
        (contour,) = document.search(namespace="pitch_contour")
        times, values = contour.to_event_values()
        table = read_f0(of(answer, ".csv"))
        frequency = np.array([value["frequency"] for value in values])
        voiced = np.array([value["voiced"] for value in values])
        count = len(table.times)  # one more event says that the sound has ended
        assert np.allclose(times[:count], table.times) and np.allclose(frequency[:count], np.abs(table.f0), rtol=1e-6)
        assert np.array_equal(voiced[:count], table.f0 > 0)
        (notes,) = document.search(namespace="note_midi")
        rows = np.loadtxt(of(answer, ".notes.csv"), delimiter=",", skiprows=1, ndmin=2).reshape(-1, 4)
        intervals, pitches = notes.to_interval_values()
        if len(rows):
            assert np.allclose(intervals, rows[:, :2], atol=1e-6) and np.allclose(pitches, rows[:, 2])


def test_pretty_midi_reads_the_notes_and_their_bends(answers):
    for _, answer in answers:
        file = pretty_midi.PrettyMIDI(str(of(answer, ".mid")))
        notes = [note for instrument in file.instruments for note in instrument.notes]
        rows = np.loadtxt(of(answer, ".notes.csv"), delimiter=",", skiprows=1, ndmin=2).reshape(-1, 4)
        assert len(notes) == len(rows)
        for note, (start, end, pitch, _) in zip(notes, rows, strict=True):
            assert abs(note.start - start) < 0.002 and abs(note.end - end) < 0.002 and note.pitch == round(pitch)
        if len(rows):
            assert file.instruments[0].pitch_bends


def test_praat_reads_the_pitch_tier_and_the_text_grid(answers):
    call = parselmouth.praat.call
    for audio, answer in answers:
        table = read_f0(of(answer, ".csv"))
        voiced = table.f0 > 0
        seconds = soundfile.info(audio).duration
        tier = parselmouth.read(str(of(answer, ".PitchTier")))
        assert call(tier, "Get number of points") == voiced.sum()
        if voiced.any():
            middle = int(np.flatnonzero(voiced)[voiced.sum() // 2])
            value = call(tier, "Get value at time", float(table.times[middle]))
            assert abs(1200 * np.log2(value / table.f0[middle])) < CENTS
        grid = parselmouth.read(str(of(answer, ".TextGrid")))
        rows = np.loadtxt(of(answer, ".notes.csv"), delimiter=",", skiprows=1, ndmin=2).reshape(-1, 4)
        labels = [
            call(grid, "Get label of interval", 1, number + 1)
            for number in range(int(call(grid, "Get number of intervals", 1)))
        ]
        assert call(grid, "Get total duration") == pytest.approx(seconds, abs=1e-3)
        assert len([label for label in labels if label]) == len(rows)


def test_numpy_reads_the_salience(answers):
    for _, answer in answers:
        with np.load(of(answer, ".npz")) as salience:
            values, notes, times = salience["salience"], salience["notes"], salience["times"]
        table = read_f0(of(answer, ".csv"))
        assert values.shape == (len(table.times), len(notes)) and np.allclose(times, table.times)
        assert np.isfinite(values).all() and (values >= 0).all() and (values <= 1).all()


def test_the_melody_is_the_one_that_was_played(one_melody, tmp_path, melisma):
    outcome = melisma("transcribe", one_melody, "--out", tmp_path, "--format", "midi")
    assert outcome.code == 0, outcome.err
    (instrument,) = pretty_midi.PrettyMIDI(str(tmp_path / "sung.mid")).instruments
    assert [note.pitch for note in instrument.notes] == [57, 60, 64]
    assert np.allclose([note.start for note in instrument.notes], [0, 0.7, 1.4], atol=0.05)


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="MELISMA_TEST_DATA is not set")
def test_notes_of_a_singer_are_near_those_that_two_people_heard(tmp_path, melisma):
    folder = Path(str(DATA), "f0_mirdata_clips", "vocadito")
    outcome = melisma("transcribe", folder / "vocadito_1.wav", "--out", tmp_path, "--format", "notes")
    assert outcome.code == 0, outcome.err
    found = np.loadtxt(tmp_path / "vocadito_1.notes.csv", delimiter=",", skiprows=1)
    for annotator in ("A1", "A2"):
        heard = np.loadtxt(folder / f"vocadito_1_notes{annotator}.csv", delimiter=",")  # onset s, Hz, duration s
        intervals = np.stack([heard[:, 0], heard[:, 0] + heard[:, 2]], axis=1)
        scores = mir_eval.transcription.precision_recall_f1_overlap(
            intervals, heard[:, 1], found[:, :2], mir_eval.util.midi_to_hz(found[:, 2]), offset_ratio=None
        )
        assert scores[2] > 0.6  # onset within 50 ms and pitch within 50 cents: COnP
