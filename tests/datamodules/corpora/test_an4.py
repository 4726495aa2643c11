import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

from datamodules.corpora import AN4
from datamodules.errors import DataError

DICTIONARY = "A AH\nA(2) EY\nGO G OW\nNO N OW\nYES Y EH S\n"


@pytest.fixture
def folder(tmp_path, write_tone):
    """Three utterances of two speakers to train, one of a third to test."""
    write_list(
        tmp_path,
        "train",
        ["<s> YES </s>", "<s> GO A </s>", "<s> NO <sil> A </s>"],
        ["f/a1-f-b", "f/a2-f-b", "m/a3-m-b"],
    )
    write_list(tmp_path, "test", ["NO"], ["z/a4-z-b"])
    (tmp_path / "etc" / "an4.dic").write_text(DICTIONARY)
    for file in ("train/f/a1-f-b.wav", "train/f/a2-f-b.flac", "train/m/a3-m-b.wav", "test/z/a4-z-b.wav"):
        write_tone(tmp_path / "wav" / file, rate=16000)
    return tmp_path


def write_list(folder, split, words, files):
    (folder / "etc").mkdir(exist_ok=True)
    (folder / "etc" / f"an4_{split}.fileids").write_text("".join(f"{split}/{file}\n" for file in files))
    lines = (f"{text} ({file.split('/')[1]})\n" for text, file in zip(words, files, strict=True))
    (folder / "etc" / f"an4_{split}.transcription").write_text("".join(lines))


def refusal(*arguments, **options):
    with pytest.raises(DataError) as error:
        AN4(*arguments, **options).recordings()
    return str(error.value)


def test_lists_are_splits_and_folders_are_speakers(folder):
    made = AN4(str(folder)).recordings()
    assert [(recording.id, recording.group, recording.split) for recording in made] == [
        ("a1-f-b", "f", "train"),
        ("a2-f-b", "f", "train"),
        ("a3-m-b", "m", "train"),
        ("a4-z-b", "z", "test"),
    ]
    assert made[1].metadata == {"file": "wav/train/f/a2-f-b.flac"}
    assert made[1].audio.read().samples.shape == (16000,)
    assert pickle.loads(pickle.dumps(made)) == made


def test_transcripts_are_phones(folder):
    transcripts = [recording.transcript for recording in AN4(str(folder)).recordings()]
    assert transcripts == ["Y EH S", "G OW AH", "N OW AH", "N OW"]


def test_transcripts_with_silence_or_in_words(folder):
    silent = AN4(str(folder), lists=["test"], silence="SIL").recordings()
    assert [recording.transcript for recording in silent] == ["SIL N OW SIL"]
    words = AN4(str(folder), units="words").recordings()
    assert [recording.transcript for recording in words] == ["YES", "GO A", "NO A", "NO"]


def test_a_list_alone_needs_no_other_audio(folder):
    (folder / "wav" / "test" / "z" / "a4-z-b.wav").unlink()
    found = refusal(str(folder))
    assert "an4_test.fileids: 1 of its 1 files are not in" in found and "first test/z/a4-z-b" in found
    assert len(AN4(str(folder), lists=["train"]).recordings()) == 3


def test_sphere_files(folder, write_tone):
    write_tone(folder / "wav" / "test" / "z" / "a4-z-b.sph", rate=16000, format="NIST")
    (folder / "wav" / "test" / "z" / "a4-z-b.wav").unlink()
    made = AN4(str(folder), lists=["test"]).recordings()
    assert made[0].audio.read().rate == 16000 and made[0].metadata["file"].endswith("a4-z-b.sph")


def test_files_without_a_header(folder):
    path = folder / "wav" / "test" / "z" / "a4-z-b.raw"
    path.with_suffix(".wav").unlink()
    values = np.array([0, 1, -32768, 32767])
    sources = {}
    for order, kind in (("big", ">i2"), ("little", "<i2")):
        path.write_bytes(values.astype(kind).tobytes())
        sources[order] = AN4(str(folder), lists=["test"], byte_order=order).recordings()[0].audio
        audio = sources[order].read()
        assert audio.rate == 16000 and audio.samples.dtype == np.float32
        assert_allclose(audio.samples, values / 32768)
    assert sources["big"].fingerprint() != sources["little"].fingerprint()


@pytest.mark.parametrize(("content", "size"), [(b"", 0), (b"123", 3)])
def test_files_that_end_within_a_sample(folder, content, size):
    path = folder / "wav" / "test" / "z" / "a4-z-b.raw"
    path.with_suffix(".wav").unlink()
    path.write_bytes(content)
    source = AN4(str(folder), lists=["test"]).recordings()[0].audio
    with pytest.raises(DataError, match=f"a4-z-b.raw: {size} bytes"):
        source.read()


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("an4_train.fileids", None, "an4_train.fileids: cannot be read: No such file"),
        ("an4_train.transcription", None, "an4_train.transcription: cannot be read"),
        ("an4.dic", None, "an4.dic: cannot be read: No such file"),
        ("an4.dic", "YES Y EH S\nGO G OW\nA AH\n", "utterance 'a3-m-b': the word 'NO' is not in the dictionary"),
        (
            "an4_train.transcription",
            "<s> YES </s> (a1-f-b)\n<s> GO </s>\n",
            "an4_train.transcription, line 2: words and",
        ),
        ("an4_train.transcription", "YES (a1-f-b)\nNO (a3-m-b)\n", "transcription: no transcription of 'a2-f-b'"),
    ],
)
def test_lists_that_do_not_agree(folder, file, content, reason):
    path = folder / "etc" / file
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert reason in refusal(str(folder))


def test_words_take_no_silence(folder):
    assert "AN4: silence = 'SIL'" in refusal(str(folder), units="words", silence="SIL")
