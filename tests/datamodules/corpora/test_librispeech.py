import pytest

from datamodules.corpora import LibriSpeech, Pronunciations
from datamodules.errors import DataError
from datamodules.preparation.splits import assign_splits

WORDS = {
    "train-clean-100/103/1240": ["MISTER  QUILTER", "YES"],
    "dev-clean/84/121": ["YES MISTER"],
    "test-other/367/130": ["ZYZZYVA"],
}


@pytest.fixture
def folder(tmp_path, write_tone):
    """A chapter in each of three subsets, as torchaudio unpacks them."""
    for chapter, texts in WORDS.items():
        place = tmp_path / "LibriSpeech" / chapter
        stem = "-".join(chapter.split("/")[1:])
        for number in range(len(texts)):
            write_tone(place / f"{stem}-{number:04d}.flac", rate=16000)
        lines = (f"{stem}-{number:04d} {text}\n" for number, text in enumerate(texts))
        (place / f"{stem}.trans.txt").write_text("".join(lines))
    (tmp_path / "words.dic").write_text("MISTER M IH1 S T ER0\nQUILTER K W IH1 L T ER0\nYES Y EH1 S\n")
    return tmp_path


def refusal(*arguments, **options):
    with pytest.raises(DataError) as error:
        LibriSpeech(*arguments, **options).recordings()
    return str(error.value)


def test_subsets_are_splits_and_speakers_are_groups(folder):
    made = LibriSpeech(str(folder), ["train-clean-100", "dev-clean", "test-other"]).recordings()
    assert [(recording.id, recording.group, recording.split, recording.transcript) for recording in made] == [
        ("103-1240-0000", "103", "train", "MISTER QUILTER"),
        ("103-1240-0001", "103", "train", "YES"),
        ("367-130-0000", "367", "test", "ZYZZYVA"),
        ("84-121-0000", "84", "validation", "YES MISTER"),
    ]
    assert made[0].metadata == {"file": "train-clean-100/103/1240/103-1240-0000.flac"}
    assert made[0].audio.read().samples.shape == (16000,)
    assert set(assign_splits(made, None, seed=0)) == {"train", "validation", "test"}


def test_phones_between_silences(folder):
    dictionary = Pronunciations(str(folder / "words.dic"), stress="strip", silence="SIL")
    made = LibriSpeech(str(folder), ["train-clean-100"], dictionary).recordings()
    assert [recording.transcript for recording in made] == [
        "SIL M IH S T ER K W IH L T ER SIL",
        "SIL Y EH S SIL",
    ]


def test_words_that_the_dictionary_lacks(folder):
    dictionary = str(folder / "words.dic")
    subsets = ["dev-clean", "test-other"]
    assert "utterance '367-130-0000': the word 'ZYZZYVA'" in refusal(str(folder), subsets, Pronunciations(dictionary))
    with pytest.warns(UserWarning, match="words of 1 of 2 utterances"):
        made = LibriSpeech(str(folder), subsets, Pronunciations(dictionary, unknown="leave_out")).recordings()
    assert [recording.id for recording in made] == ["84-121-0000"]


def test_nothing_is_fetched_unless_it_is_asked_for(tmp_path, monkeypatch):
    def fetch(url, path, hash_prefix=None):
        raise OSError(f"no network for {url}")

    monkeypatch.setattr("torchaudio.datasets.librispeech.download_url_to_file", fetch)
    found = refusal(str(tmp_path), ["dev-clean"])
    assert (
        f"{tmp_path}/LibriSpeech/dev-clean: not a subset" in found and "fetch the subset with download: true" in found
    )
    assert "no network" not in found
    assert "no network for" in refusal(str(tmp_path / "new"), ["dev-clean"], download=True)


def test_a_subset_that_does_not_exist(folder):
    assert "'train-clean-7'" in refusal(str(folder), ["train-clean-7"])
    for subsets in ([], ["clean"]):
        assert f"LibriSpeech: subsets = {subsets}" in refusal(str(folder), subsets)


def test_an_empty_subset(folder):
    (folder / "LibriSpeech" / "dev-other").mkdir()
    assert "dev-other: no recording in it" in refusal(str(folder), ["train-clean-100", "dev-other"])


@pytest.mark.parametrize("content", [None, "84-121-0001 NO\n", "84-121-0000\n"])
def test_missing_transcripts(folder, content):
    path = folder / "LibriSpeech" / "dev-clean" / "84" / "121" / "84-121.trans.txt"
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert "dev-clean: not a subset of LibriSpeech as torchaudio unpacks it" in refusal(str(folder), ["dev-clean"])
