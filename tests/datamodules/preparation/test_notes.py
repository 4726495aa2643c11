"""What all processes know of the recordings, whatever was killed."""

import json

import pytest

from datamodules.corpora.sources.audio_files import AudioFormat
from datamodules.preparation import notes as module
from datamodules.preparation.notes import RecordingNotes
from datamodules.preparation.preprocess import RecordingNote, Rejected, Staged

STAGED = Staged(12, 0, {"samples": "ab" * 32, "f0": "cd" * 32}, AudioFormat(44100, 2))


@pytest.fixture(autouse=True)
def always_looking(monkeypatch):
    monkeypatch.setattr(module, "LOOK", -1.0)


def test_others_read_what_is_added_as_it_is_added(tmp_path):
    with RecordingNotes(tmp_path / "notes") as one, RecordingNotes(tmp_path / "notes") as other:
        one.add(RecordingNote("a", "01", STAGED))
        assert "a" in other and other.stamp("a") == "01" and other["a"] == STAGED
        assert "b" not in other and other.stamp("b") is None
        other.add(RecordingNote("b", "02", Rejected("too short")))
        one.add(RecordingNote("c", "03", Staged(5, 2, {}, None)))
        assert one["b"] == Rejected("too short") if "b" in one else None
        assert "c" in other and other["c"] == Staged(5, 2, {}, None)
    with RecordingNotes(tmp_path / "notes") as later:
        assert [later.stamp(name) for name in "abc"] == ["01", "02", "03"]


def test_what_could_not_be_used_is_tried_again_if_asked(tmp_path):
    with RecordingNotes(tmp_path / "notes") as notes:
        notes.add(RecordingNote("a", "01", Rejected("too short")))
        notes.add(RecordingNote("b", "02", STAGED))
        assert notes.stamp("a") == "01"
        assert notes.stamp("a", tried_again=True) is None
        assert notes.stamp("b", tried_again=True) == "02"


def test_half_a_line_counts_when_it_is_whole_and_a_damaged_one_never(tmp_path):
    with RecordingNotes(tmp_path / "notes") as one:
        one.add(RecordingNote("a", "01", STAGED))
        one.add(RecordingNote("b", "02", STAGED))
    (path,) = (tmp_path / "notes").iterdir()
    first, second, _ = path.read_bytes().split(b"\n")
    path.write_bytes(b"\x00\x00\n" + first + b"\n" + second[:30])
    with RecordingNotes(tmp_path / "notes") as other:
        assert "a" in other and "b" not in other
        with path.open("ab") as file:
            file.write(second[30:] + b"\n")
        assert "b" in other and other["b"] == STAGED


def test_a_removed_staging_folder_is_not_made_again(tmp_path):
    with pytest.raises(FileNotFoundError), RecordingNotes(tmp_path / "staging" / "notes"):
        pass


WELL = ["a", "01", "Staged", 12, 0, {"f0": "cd" * 32}, None]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *((0, 7), (0, []), (1, "xy"), (2, "Else"), (3, "12"), (3, -1), (3, 2**80), (4, 0.5), (5, {"f0": "../../x"})),
        *((5, []), (5, {"x": "cd" * 32}), (6, [44100]), (6, "ab")),
    ],
)
def test_a_note_that_prepare_would_not_have_written_counts_as_none(tmp_path, place, value):
    (tmp_path / "notes").mkdir()
    damaged = [value if number == place else each for number, each in enumerate(WELL)]
    lines = [json.dumps(damaged), "[" * 100_000, json.dumps({"a": 1}), json.dumps(["b", *WELL[1:]])]
    (tmp_path / "notes" / "other").write_text("\n".join(lines) + "\n")
    with RecordingNotes(tmp_path / "notes") as notes:
        assert "a" not in notes and notes["b"] == Staged(12, 0, {"f0": "cd" * 32})
