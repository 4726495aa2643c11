"""Files of answers, read back by what others read them with, or by their own rules."""

import csv
import io
import json
import re

import mido
import numpy as np
import pytest

from datamodules.annotations.f0_tables import read_f0
from experiments.transcription.formats import praat, tables
from experiments.transcription.formats.jams import jams_text
from experiments.transcription.formats.midi import RANGE, midi_bytes
from experiments.transcription.utterances import ClipLabels, SpokenPhones
from lightning_modules.decoding.pitch.notes import HeardNote

TIMES = np.arange(100) * 0.01
F0 = 440 * 2 ** ((60 + 0.3 * np.sin(np.arange(100) / 5) - 69) / 12)
CONFIDENCE = np.linspace(0.2, 0.9, 100)
VOICED = (np.arange(100) >= 20) & (np.arange(100) < 80)
NOTES = [HeardNote(0.195, 0.5, 60.1, 0.5), HeardNote(0.5, 0.795, 61.9, 0.75)]


def test_a_jams_file_has_the_contour_and_the_notes(tmp_path):
    text = jams_text(TIMES, F0, CONFIDENCE, VOICED, notes=NOTES, title="a", seconds=1.0, tool="us")
    (tmp_path / "a.jams").write_text(text)
    series = read_f0(tmp_path / "a.jams")
    assert np.allclose(series.times, [*TIMES, 1.0])  # behind it is silence
    assert np.allclose(series.f0, [*np.where(VOICED, F0, -F0), 0])
    contour, notes = json.loads(text)["annotations"]
    assert {note["value"] for note in notes["data"]} == {60.1, 61.9}
    assert notes["data"][0]["duration"] == pytest.approx(0.305)
    assert contour["namespace"] == "pitch_contour" and notes["namespace"] == "note_midi"


def test_a_midi_file_plays_the_contour():
    file = mido.MidiFile(file=io.BytesIO(midi_bytes(NOTES, TIMES, F0, VOICED)))
    now, bend, sounding, heard, keys = 0.0, 0, None, [], []
    for message in file:
        now += message.time
        if message.type == "pitchwheel":
            bend = message.pitch / 8192 * RANGE
            if sounding is not None:
                heard.append((now, sounding + bend))
        elif message.type == "note_on":
            sounding = message.note
            keys.append((round(now, 3), message.note, message.velocity))
            heard.append((now, sounding + bend))
        elif message.type == "note_off":
            sounding = None
    assert keys == [(0.195, 60, 64), (0.5, 62, 95)]
    assert now == pytest.approx(0.795, abs=0.001)
    pitch = 69 + 12 * np.log2(F0 / 440)
    for time, value in heard:
        # A note begins half a frame before its first frame.
        assert abs(value - pitch[round(time * 100 + 0.1)]) < 0.01


def test_notes_without_a_voiced_frame_are_not_bent():
    file = mido.MidiFile(file=io.BytesIO(midi_bytes(NOTES[:1], TIMES, F0, np.zeros(100, bool))))
    assert [message.pitch for message in file if message.type == "pitchwheel"] == [0]


def parsed_tier(text):
    numbers = [float(value) for value in re.findall(r"(?:number|value) = (\S+)", text)]
    return np.array(numbers).reshape(-1, 2).T


def test_a_pitch_tier_has_the_voiced_frames():
    text = praat.pitch_tier(TIMES, F0, VOICED, 1.0)
    times, f0 = parsed_tier(text)
    assert np.array_equal(times, TIMES[VOICED]) and np.allclose(f0, F0[VOICED], rtol=1e-8)
    assert text.startswith('File type = "ooTextFile"\nObject class = "PitchTier"\n\nxmin = 0\nxmax = 1.0\n')


def test_a_text_grid_covers_the_whole_time_and_quotes_text():
    spoken = [
        praat.LabelledInterval(0.1, 0.3, 'say "a"'),
        praat.LabelledInterval(0.3, 0.5, "b\nc"),
        praat.LabelledInterval(0.9, 1.2, "d"),
    ]
    text = praat.text_grid({"words": spoken}, 1.0)
    found = re.findall(r'xmin = (\S+)\n\s+xmax = (\S+)\n\s+text = "(.*)"', text)
    assert [(float(start), float(end), label) for start, end, label in found] == [
        (0.0, 0.1, ""),
        (0.1, 0.3, 'say ""a""'),
        (0.3, 0.5, "b c"),
        (0.5, 0.9, ""),
        (0.9, 1.0, "d"),
    ]
    assert "intervals: size = 5" in text


def test_nothing_said_is_one_empty_interval():
    assert 'text = ""' in praat.text_grid({"words": []}, 2.5)


def rows(text, separator):
    return list(csv.DictReader(io.StringIO(text), delimiter=separator))


def test_notes_and_classes_are_tables():
    first, second = rows(tables.notes_csv(NOTES), ",")
    assert first == {"onset": "0.195", "offset": "0.5", "pitch": "60.1", "confidence": "0.5"}
    assert second["onset"] == first["offset"]
    found = ClipLabels(np.array([0.0, 1.0]), np.array([1.0, 1.5]), ("no", "yes"), np.array([[0.25, 0.75], [1, 0]]))
    assert rows(tables.clips_tsv(found), "\t") == [
        {"start": "0", "end": "1", "label": "yes", "no": "0.25", "yes": "0.75"},
        {"start": "1", "end": "1.5", "label": "no", "no": "1", "yes": "0"},
    ]


def test_phones_are_a_table_and_a_time_marked_conversation():
    found = SpokenPhones(("AA", "B"), np.array([0.1, 0.2]), np.array([0.15, 0.4]), np.array([0.5, 1.0]))
    assert rows(tables.phones_tsv(found), "\t")[1] == {"start": "0.2", "end": "0.4", "phone": "B", "confidence": "1"}
    assert tables.phones_ctm(found, "a b") == "a_b 1 0.100 0.050 AA 0.500\na_b 1 0.200 0.200 B 1.000\n"
