import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.corpora import Pronunciations
from datamodules.errors import DataError

DICTIONARY = """;;; remarks
A  AH0
A(1)  EY1
READ  R IY1 D
READ(2)  R EH1 D
abbrev\tAH0 B R IY1 V # newer editions have remarks here
#HASH-MARK  HH AE1 SH M AA2 R K

"""


@pytest.fixture
def dictionary(tmp_path):
    path = tmp_path / "words.dic"
    path.write_text(DICTIONARY)
    return str(path)


def test_the_first_pronunciation_counts(dictionary):
    assert Pronunciations(dictionary).transcribe({"x": "A  READ"}) == {"x": "AH0 R IY1 D"}


def test_capitals_do_not_count(dictionary):
    assert Pronunciations(dictionary).transcribe({"x": "read ABBREV"}) == {"x": "R IY1 D AH0 B R IY1 V"}


def test_a_word_may_begin_like_a_remark(dictionary):
    assert Pronunciations(dictionary).read()["#HASH-MARK"] == "HH AE1 SH M AA2 R K"


def test_stress_is_stripped_from_vowels_only(tmp_path):
    (tmp_path / "d").write_text("ONE W AH1 N\nWEIRD a2 6 2: T5 Q3 AH1X\n")
    kept, stripped = (Pronunciations(str(tmp_path / "d"), stress=stress) for stress in ("keep", "strip"))
    assert kept.read() == {"ONE": "W AH1 N", "WEIRD": "a2 6 2: T5 Q3 AH1X"}
    assert stripped.read() == {"ONE": "W AH N", "WEIRD": "a2 6 2: T5 Q3 AH1X"}


def test_silence_at_both_ends(dictionary):
    assert Pronunciations(dictionary, silence="SIL").transcribe({"x": "read"}) == {"x": "SIL R IY1 D SIL"}


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-8-sig"])
def test_encodings_of_dictionaries(tmp_path, encoding):
    (tmp_path / "d").write_bytes("DÉJÀ  D EY2 ZH AA1\r\nVU  V UW1\r\n".encode(encoding))
    assert Pronunciations(str(tmp_path / "d")).transcribe({"x": "déjà vu"}) == {"x": "D EY2 ZH AA1 V UW1"}


def test_an_unknown_word_is_refused_with_its_utterance_and_dictionary(dictionary):
    with pytest.raises(DataError, match=r"utterance 'two': the word 'WRITE' is not in the dictionary .*words\.dic"):
        Pronunciations(dictionary).transcribe({"one": "read", "two": "read write"})


def test_utterances_that_are_left_out_are_counted_and_named(dictionary):
    utterances = {"good": "read", **{f"bad{number:02d}": f"read w{number:02d}" for number in range(12)}}
    with pytest.warns(UserWarning) as caught:
        found = Pronunciations(dictionary, unknown="leave_out").transcribe(utterances)
    assert found == {"good": "R IY1 D"}
    message = str(caught[0].message)
    assert "words.dic lacks words of 12 of 13 utterances" in message
    assert "bad00, " in message and "bad09 and 2 more; the words: W00, " in message and "W10" not in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("YES Y EH S\nNO\n", "line 2: 'NO' has no phones"),
        (";;; nothing\n\n", "no word in this dictionary"),
        (None, "cannot be read: No such file.*CMUDict"),
    ],
)
def test_files_that_are_no_dictionary(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "d").write_text(content)
    with pytest.raises(DataError, match=f"{tmp_path}/d.*{reason}"):
        Pronunciations(str(tmp_path / "d")).read()


PHONES = st.lists(st.sampled_from(["AA", "B", "CH", "ER"]), min_size=1, max_size=4)
WORDS = st.text("ABCDEFG'", min_size=1, max_size=6)


@given(entries=st.dictionaries(WORDS, PHONES, min_size=1), data=st.data())
def test_a_transcript_is_its_words_phones_one_after_the_other(tmp_path_factory, entries, data):
    path = tmp_path_factory.mktemp("dictionary") / "d"
    path.write_text("".join(f"{word}  {' '.join(phones)}\n" for word, phones in entries.items()))
    words = data.draw(st.lists(st.sampled_from(sorted(entries)), max_size=5))
    expected = " ".join(phone for word in words for phone in entries[word])
    assert Pronunciations(str(path)).transcribe({"x": " ".join(words)}) == {"x": expected}


def test_a_dictionary_that_is_too_long_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "words.dic"
    path.touch()
    os.truncate(path, 3 << 30)
    with pytest.raises(DataError, match=r"words.dic: is larger than 64 MiB"):
        Pronunciations(str(path)).read()
