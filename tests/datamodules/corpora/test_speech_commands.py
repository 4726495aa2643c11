import numpy as np
import pytest

from datamodules.corpora import SpeechCommands
from datamodules.errors import DataError
from datamodules.preparation.splits import assign_splits

CLIPS = {
    "yes": ["aaaa0000_nohash_0", "bbbb0000_nohash_0", "cccc0000_nohash_0"],
    "no": ["aaaa0000_nohash_0", "bbbb0000_nohash_0"],
    "bed": ["aaaa0000_nohash_1", "cccc0000_nohash_0"],
}


@pytest.fixture
def folder(tmp_path, write_tone):
    """Three words by three speakers, one for each split, and two noises of 2.5 and 1 s, as torchaudio unpacks them."""
    tree = tmp_path / "SpeechCommands" / "speech_commands_v0.02"
    for word, names in CLIPS.items():
        for name in names:
            write_tone(tree / word / f"{name}.wav", rate=16000)
    write_tone(tree / "_background_noise_" / "tap.wav", np.zeros(40000), rate=16000)
    write_tone(tree / "_background_noise_" / "pink.wav", rate=16000)
    write_list(tree, "validation_list.txt", "bbbb")
    write_list(tree, "testing_list.txt", "cccc")
    return tmp_path


def write_list(tree, file, speaker):
    lines = [f"{word}/{name}.wav\n" for word, names in CLIPS.items() for name in names if name.startswith(speaker)]
    (tree / file).write_text("".join(lines))


def tree(folder):
    return folder / "SpeechCommands" / "speech_commands_v0.02"


def refusal(*arguments, **options):
    with pytest.raises(DataError) as error:
        SpeechCommands(*arguments, **options).recordings()
    return str(error.value)


def test_the_official_lists_are_the_splits_and_divide_the_speakers(folder):
    made = SpeechCommands(str(folder)).recordings()
    assert [(recording.id, recording.label, recording.group, recording.split) for recording in made] == [
        ("bed_aaaa0000_nohash_1", "bed", "aaaa0000", "train"),
        ("bed_cccc0000_nohash_0", "bed", "cccc0000", "test"),
        ("no_aaaa0000_nohash_0", "no", "aaaa0000", "train"),
        ("no_bbbb0000_nohash_0", "no", "bbbb0000", "validation"),
        ("yes_aaaa0000_nohash_0", "yes", "aaaa0000", "train"),
        ("yes_bbbb0000_nohash_0", "yes", "bbbb0000", "validation"),
        ("yes_cccc0000_nohash_0", "yes", "cccc0000", "test"),
    ]
    assert made[0].metadata == {"file": "speech_commands_v0.02/bed/aaaa0000_nohash_1.wav", "word": "bed"}
    assert made[0].audio.read().samples.shape == (16000,)
    assert set(assign_splits(made, None, seed=0)) == {"train", "validation", "test"}


def test_a_speaker_in_two_lists_is_a_leak(folder):
    with (tree(folder) / "testing_list.txt").open("a") as file:
        file.write("no/aaaa0000_nohash_0.wav\n")
    with pytest.raises(DataError, match="group 'aaaa0000' stands in both"):
        assign_splits(SpeechCommands(str(folder)).recordings(), None, seed=0)


def test_words_that_are_not_kept_become_unknown(folder):
    made = SpeechCommands(str(folder), words=["yes", "no"]).recordings()
    assert {(recording.metadata["word"], recording.label) for recording in made} == {
        ("yes", "yes"),
        ("no", "no"),
        ("bed", "_unknown_"),
    }


def test_silence_is_cut_from_noises_that_stay_in_one_split(folder):
    made = SpeechCommands(str(folder), silence={"train": ["tap"], "test": ["pink"]}).recordings()
    silent = [recording for recording in made if recording.label == "_silence_"]
    assert [(recording.id, recording.split, recording.group) for recording in silent] == [
        ("_silence__pink_000", "test", "_background_noise_/pink"),
        ("_silence__tap_000", "train", "_background_noise_/tap"),
        ("_silence__tap_001", "train", "_background_noise_/tap"),
    ]
    assert [len(recording.audio.read().samples) for recording in silent] == [16000] * 3
    assert len(SpeechCommands(str(folder)).recordings()) == len(made) - 3


def test_a_noise_in_two_splits_is_refused(folder):
    assert "two recordings have the id '_silence__tap_000'" in refusal(
        str(folder), silence={"train": ["tap"], "test": ["tap"]}
    )


def test_the_first_version(folder):
    tree(folder).rename(tree(folder).with_name("speech_commands_v0.01"))
    assert len(SpeechCommands(str(folder), version="v0.01").recordings()) == 7
    assert "speech_commands_v0.02" in refusal(str(folder))


def test_nothing_is_fetched_unless_it_is_asked_for(tmp_path, monkeypatch):
    def fetch(url, path, hash_prefix=None):
        raise OSError(f"no network for {url}")

    monkeypatch.setattr("torchaudio.datasets.speechcommands.download_url_to_file", fetch)
    found = refusal(str(tmp_path))
    assert f"{tree(tmp_path)}: not Speech Commands" in found and "fetch it with download: true" in found
    assert "no network" not in found
    assert "no network for" in refusal(str(tmp_path / "new"), download=True)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"words": ["yes", "maybe"]}, "words: no recording of 'maybe'; there are bed, no, yes"),
        ({"words": []}, "words = []: name at least one"),
        ({"silence": {"train": ["dog"]}}, "dog.wav: silence.train: there is no such noise; there are pink, tap"),
    ],
)
def test_options_that_cannot_be(folder, options, reason):
    assert reason in refusal(str(folder), **options)


def test_a_missing_list_or_a_listed_file_that_is_missing(folder):
    (tree(folder) / "yes" / "cccc0000_nohash_0.wav").unlink()
    assert "yes/cccc0000_nohash_0.wav: testing list: there is no such file" in refusal(str(folder))
    (tree(folder) / "testing_list.txt").unlink()
    assert "not Speech Commands as torchaudio unpacks it" in refusal(str(folder))
