import pytest

from datamodules.corpora import Timit
from datamodules.errors import DataError
from datamodules.preparation.splits import assign_splits

PHONES = "0 3050 h#\n3050 4559 sh\n4559 5723 ix\n5723 16000 h#\n"


@pytest.fixture
def folder(tmp_path, write_tone):
    """Two speakers' sentences, sphere files under the names of the original."""
    for name in ("TRAIN/DR1/FCJF0/SA1", "TRAIN/DR1/FCJF0/SI1027", "TRAIN/DR1/FCJF0/SX37", "TEST/DR8/MJLN0/SX9"):
        write_tone(tmp_path / f"{name}.WAV", rate=16000, format="NIST")
        (tmp_path / f"{name}.PHN").write_text(PHONES)
        (tmp_path / f"{name}.TXT").write_text("0 16000 She\n")
    return tmp_path


def refusal(*arguments, **options):
    with pytest.raises(DataError) as error:
        Timit(*arguments, **options).recordings()
    return str(error.value)


def test_phones_speakers_and_splits(folder):
    made = Timit(str(folder)).recordings()
    assert [(recording.id, recording.group, recording.split) for recording in made] == [
        ("FCJF0_SI1027", "FCJF0", "train"),
        ("FCJF0_SX37", "FCJF0", "train"),
        ("MJLN0_SX9", "MJLN0", "test"),
    ]
    assert made[0].transcript == "h# sh ix h#"
    assert made[0].metadata == {"file": "TRAIN/DR1/FCJF0/SI1027.WAV", "dialect": "DR1"}
    assert made[0].audio.read().samples.shape == (16000,)
    assert set(assign_splits(made, None, seed=0)) == {"train", "test"}


def test_kinds_of_sentences(folder):
    made = Timit(str(folder), sentences=["SA"]).recordings()
    assert [recording.id for recording in made] == ["FCJF0_SA1"]


def test_names_in_small_letters_below_another_folder(tmp_path, write_tone):
    write_tone(tmp_path / "timit/train/dr1/fcjf0/sx37.wav", rate=16000)
    write_tone(tmp_path / "timit/train/dr1/fcjf0/sx37.WAV.wav", rate=16000)  # as one copy has it beside the sphere file
    (tmp_path / "timit/train/dr1/fcjf0/sx37.phn").write_text(PHONES)
    made = Timit(str(tmp_path)).recordings()
    assert [(recording.id, recording.group, recording.split) for recording in made] == [
        ("FCJF0_SX37", "FCJF0", "train")
    ]
    assert made[0].metadata["file"] == "timit/train/dr1/fcjf0/sx37.wav"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("0 3050 h#\n3050 sh\n", "SX37.PHN, line 2: first sample, last sample and phone are expected, not '3050 sh'"),
        ("0 end h#\n", "SX37.PHN, line 1: first sample"),
        ("\n", "SX37.PHN: no phone in it"),
        ("0 3050 ä\n", "SX37.PHN, line 1: first sample, last sample and phone are expected"),
    ],
)
def test_damaged_phones_are_named(folder, content, reason):
    (folder / "TRAIN/DR1/FCJF0/SX37.PHN").write_text(content, encoding="utf-8")
    assert reason in refusal(str(folder))


def test_missing_audio(folder):
    (folder / "TRAIN/DR1/FCJF0/SX37.WAV").unlink()
    assert "SX37.PHN: no audio file of the same name beside it" in refusal(str(folder))


def test_a_folder_of_something_else(tmp_path, folder):
    (folder / "TRAIN").rename(folder / "LEARN")
    assert "it should be below TRAIN or TEST" in refusal(str(folder))
    (tmp_path / "empty").mkdir()
    assert "empty: no .PHN file of a sentence SI or SX" in refusal(str(tmp_path / "empty"))
    assert "nowhere: there is no such folder" in refusal(str(tmp_path / "nowhere"))
    assert "Timit: sentences = []" in refusal(str(folder), sentences=[])
