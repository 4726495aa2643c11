"""Files of language models and lexica."""

import pytest

from lightning_modules.decoding import Beam, LexiconBeam
from lightning_modules.decoding.ctc import language_model
from tests.lightning_modules.decoding.ctc.posteriors import PHONES, WORDS, bigrams, lexicon


def test_files_that_are_missing_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"lexicon: .*none\.txt"):
        LexiconBeam(str(tmp_path / "none.txt"))
    (tmp_path / "empty.txt").touch()
    with pytest.raises(ValueError, match=r"empty\.txt holds no word"):
        LexiconBeam(str(tmp_path / "empty.txt"))
    words = lexicon(tmp_path / "words.txt", *WORDS)
    for make in (lambda path: Beam(language_model=path), lambda path: LexiconBeam(words, language_model=path)):
        with pytest.raises(ValueError, match=r"language_model: .*none\.arpa"):
            make(str(tmp_path / "none.arpa"))


def test_without_kenlm_a_language_model_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(language_model, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="KenLM, which is not installed"):
        Beam(language_model=bigrams(tmp_path / "phones.arpa", "AA", "SIL", "B"))


@pytest.mark.parametrize("content", [b"no model", bytes(range(128, 256)), b""])
def test_a_file_that_is_no_language_model_is_named(tmp_path, content):
    path = tmp_path / "phones.arpa"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"language_model: .*phones\.arpa is not a file that KenLM can read"):
        Beam(language_model=str(path)).check(PHONES)
