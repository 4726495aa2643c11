"""The speech recipes in experiments/corpora on corpora laid out like the originals, and on real ones."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from numpy.testing import assert_array_equal

from datamodules.corpora import AN4, AudioFolder, ConsecutiveClips
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.preparation.splits import assign_splits
from datamodules.shards.index import SplitIndex
from tests.given_corpus import GivenCorpus

RECIPES = Path(__file__).parents[2] / "experiments" / "corpora"


def read_recipe(name):
    return yaml.safe_load((RECIPES / f"{name}.yaml").read_text())


def write_audio(path, seconds=0.1, rate=16000, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(len(path.name))
    soundfile.write(path, 0.1 * generator.standard_normal(round(seconds * rate)), rate, **options)


def of(index):
    """Label and transcript by track."""
    labels = [*index.labels, None]
    found = {}
    for record in range(len(index)):
        transcript = index.read_transcript(record) if index.symbols[record] >= 0 else None
        found[index.tracks[index.track[record]]] = (labels[index.label[record]], transcript)
    return found


@pytest.fixture
def prepared(melisma, tmp_path):
    """Prepares a recipe by name and returns the index of one of its splits by name."""

    def run(name, *options):
        directory = tmp_path / "shards"
        outcome = melisma("prepare", RECIPES / f"{name}.yaml", "--directory", directory, *options)
        assert outcome.code == 0, outcome.err
        return lambda split: SplitIndex([directory], split)

    return run


def test_an4(prepared, tmp_path):
    speakers = ["fash", *read_recipe("an4")["splits"]["validation"]]
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "an4.dic").write_text("YES Y EH S\nNO N OW\n")
    for part, names in (("train", speakers), ("test", ["fcaw"])):
        (tmp_path / "etc" / f"an4_{part}.fileids").write_text("".join(f"x/{name}/a-{name}\n" for name in names))
        lines = "".join(f"<s> YES NO </s> (a-{name})\n" for name in names)
        (tmp_path / "etc" / f"an4_{part}.transcription").write_text(lines)
        for name in names:
            write_audio(tmp_path / "wav" / "x" / name / f"a-{name}.wav")
    index = prepared("an4", "--corpus.folder", tmp_path)
    assert of(index("train")) == {"a-fash": (None, "Y EH S N OW")}
    assert len(index("validation")) == 10


def test_phonemes_11785(prepared, tmp_path):
    values = np.random.default_rng(0).normal(size=(7, 13)).astype(np.float32)
    for subset, stem in (("train", "103-1240-0000"), ("dev", "84-121-0000"), ("test", "1089-1-0000")):
        for kind in ("mfcc", "transcript"):
            (tmp_path / subset / kind).mkdir(parents=True)
        np.save(tmp_path / subset / "mfcc" / f"{stem}.npy", values)
        if subset != "test":
            np.save(tmp_path / subset / "transcript" / f"{stem}.npy", np.array(["<sos>", "SIL", "ZH", "<eos>"]))
    (tmp_path / "test" / "test_order.csv").write_text("file\n1089-1-0000.npy\n")
    index = prepared("phonemes_11785", "--corpus.folder", tmp_path)
    assert of(index("train")) == {"train_103-1240-0000": (None, "SIL ZH")}
    assert of(index("validation")) == {"dev_84-121-0000": (None, "SIL ZH")}
    assert of(index("predict")) == {"test_1089-1-0000": (None, None)}
    assert_array_equal(index("predict").read_features(0), values)


def test_librispeech(prepared, tmp_path):
    for subset, speaker in (("train-clean-100", 103), ("dev-clean", 84), ("test-clean", 61)):
        place = tmp_path / "LibriSpeech" / subset / str(speaker) / "1"
        for number in range(2):
            write_audio(place / f"{speaker}-1-{number:04d}.flac")
        (place / f"{speaker}-1.trans.txt").write_text(f"{speaker}-1-0000 NO ZOO\n{speaker}-1-0001 QUUX\n")
    (tmp_path / "cmudict").write_text("NO  N OW1\nZOO  Z UW1\n")
    with pytest.warns(UserWarning, match="lacks words of 3 of 6 utterances"):
        index = prepared("librispeech", "--corpus.folder", tmp_path, "--corpus.dictionary.path", tmp_path / "cmudict")
    for split, name in (("train", "103-1-0000"), ("validation", "84-1-0000"), ("test", "61-1-0000")):
        assert of(index(split)) == {name: (None, "SIL N OW Z UW SIL")}


def test_timit(prepared, tmp_path):
    splits = read_recipe("timit")["splits"]
    assert len(set(splits["validation"])) == 50 and len(set(splits["test"])) == 24
    for part, speakers in (("TRAIN", ["FCJF0"]), ("TEST", [*splits["validation"], *splits["test"], "MXXX0"])):
        for speaker in speakers:
            path = tmp_path / part / "DR1" / speaker / "SX37.WAV"
            write_audio(path, format="NIST")
            path.with_suffix(".PHN").write_text("0 800 h#\n800 1600 ax-h\n")
    index = prepared("timit", "--corpus.folder", tmp_path)
    assert of(index("train")) == {"FCJF0_SX37": (None, "h# ax-h")}
    assert {split: len(index(split)) for split in ("validation", "test")} == {"validation": 50, "test": 24}


@pytest.fixture
def speech_commands(tmp_path):
    """A clip of every one of the 35 words and of three speakers, and the six noises, 1 s each."""
    tree = tmp_path / "SpeechCommands" / "speech_commands_v0.02"
    lists = {"a": [], "b": [], "c": []}
    for word in read_recipe("speech_commands")["classes"]:
        for speaker, listed in lists.items():
            write_audio(tree / word / f"{speaker}_nohash_0.wav")
            listed.append(f"{word}/{speaker}_nohash_0.wav\n")
    noises = ["doing_the_dishes", "dude_miaowing", "exercise_bike", "pink_noise", "running_tap", "white_noise"]
    for noise in noises:
        write_audio(tree / "_background_noise_" / f"{noise}.wav", seconds=1.0)
    (tree / "validation_list.txt").write_text("".join(lists["b"]))
    (tree / "testing_list.txt").write_text("".join(lists["c"]))
    return tmp_path


def test_speech_commands(prepared, speech_commands):
    index = prepared("speech_commands", "--corpus.folder", speech_commands)
    for split, speaker in (("train", "a"), ("validation", "b"), ("test", "c")):
        tracks = of(index(split))
        assert len(tracks) == 35 and tracks[f"off_{speaker}_nohash_0"] == ("off", None)


def test_speech_commands_12(prepared, speech_commands):
    index = prepared("speech_commands_12", "--corpus.folder", speech_commands)
    for split, clips in (("train", 4), ("validation", 1), ("test", 1)):
        counts = Counter(label for label, _ in of(index(split)).values())
        assert (counts.pop("_unknown_"), counts.pop("_silence_")) == (25, clips)
        assert counts == Counter(["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"])


def test_fsdd(prepared, tmp_path):
    for name in ("0_theo_0", "9_lucas_12", "7_george_3"):
        write_audio(tmp_path / f"{name}.wav", rate=8000)
    index = prepared("fsdd", "--corpus.folder", tmp_path)
    assert of(index("train")) == {"7_george_3": ("7", None)}
    assert of(index("validation")) == {"9_lucas_12": ("9", None)} and of(index("test")) == {"0_theo_0": ("0", None)}
    assert index("train").samples.tolist() == [800]


def test_emodb(prepared, tmp_path):
    for name in ("03a01Fa", "12b10Nc", "13a07W"):
        write_audio(tmp_path / "wav" / f"{name}.wav")
    index = prepared("emodb", "--corpus.folder", tmp_path)
    assert of(index("train")) == {"wav_03a01Fa": ("F", None)}
    assert of(index("validation")) == {"wav_12b10Nc": ("N", None), "wav_13a07W": ("W", None)}


def test_emodb_three(prepared, tmp_path):
    for name in ("03a01Nc", "03a01Fa", "10a02Wb", "12b10Ta", "13a07Wb"):
        write_audio(tmp_path / "wav" / f"{name}.wav")
    index = prepared("emodb_three", "--corpus.folder", tmp_path)
    assert of(index("train")) == {"wav_03a01Nc": ("N", None)}, "other emotions are left out"
    assert of(index("validation")) == {"wav_10a02Wb": ("W", None)}
    assert of(index("test")) == {"wav_12b10Ta": ("T", None), "wav_13a07Wb": ("W", None)}


def test_language_prompts(prepared, tmp_path):
    rows = ["audio\tlanguage"]
    for language in ("fr", "en", "de"):
        for place in ("gcompris_voices/{}/words", "gcompris_voices/{}/geography", "telephony_prompts/{}/voice", "a/{}"):
            path = f"{place.format(language)}/clip_1.wav"
            write_audio(tmp_path / path)
            rows.append(f"{path}\t{language}")
    (tmp_path / "manifest.tsv").write_text("\n".join(rows))
    index = prepared("language_prompts", "--corpus.folder", tmp_path)
    for split, place in (
        ("train", "gcompris_voices_{}_words"),
        ("validation", "gcompris_voices_{}_geography"),
        ("test", "telephony_prompts_{}_voice"),
    ):
        named = {f"{place.format(language)}_clip_1": (language, None) for language in ("fr", "en", "de")}
        assert of(index(split)) == named


def test_keywords_of_a_manifest(prepared, tmp_path):
    rows = ["audio\tword\tspeaker"]
    for speaker in range(10):
        for label in ("no", "on"):
            write_audio(tmp_path / f"{label}{speaker}.wav")
            rows.append(f"{label}{speaker}.wav\t{label}\t{speaker}")
    (tmp_path / "manifest.tsv").write_text("\n".join(rows))
    index = prepared("speech_commands_folder", "--corpus.folder", tmp_path)
    for split, speakers in (("train", 8), ("validation", 1), ("test", 1)):
        assert Counter(label for label, _ in of(index(split)).values()) == {"no": speakers, "on": speakers}


def test_languages_are_told_from_clips_of_5_s_and_a_speaker_is_in_one_split(prepared, tmp_path):
    rows = ["audio\tlanguage\tspeaker\tsource"]
    for speaker in range(10):
        for label in ("fr", "en", "de"):
            # 9 s: a clip, and a rest of 4 s; of YouTube 19 s, of which 10 are margins. French has no rest.
            source = "youtube" if speaker % 2 else "voxforge"
            write_audio(tmp_path / f"{label}{speaker}.wav", (8 if label == "fr" else 9) + 10 * (speaker % 2), rate=8000)
            rows.append(f"{label}{speaker}.wav\t{label}\t{speaker}\t{source}")
    (tmp_path / "manifest.tsv").write_text("\n".join(rows))
    index = prepared("languages", "--corpus.corpus.folder", tmp_path)
    for split, speakers in (("train", 8), ("validation", 1), ("test", 1)):
        found = of(index(split))
        assert Counter(label for label, _ in found.values()) == {"fr": speakers, "en": 2 * speakers, "de": 2 * speakers}
        assert len({name[2] for name in found}) == speakers
        assert set(index(split).samples.tolist()) == {80000}


@pytest.fixture(scope="module")
def data():
    if "MELISMA_TEST_DATA" not in os.environ:
        pytest.skip("MELISMA_TEST_DATA is not set: no real speech to read")
    return Path(os.environ["MELISMA_TEST_DATA"])


def chosen(corpus, recipe):
    """Recordings by split, after everything that is checked before shards are written."""
    splits = assign_splits(corpus.recordings(), recipe["splits"], seed=0)
    everything = [recording for members in splits.values() for recording in members]
    checked = ShardRecipe(corpus, "unused", classes=recipe.get("classes"), phones=recipe.get("phones"))
    checked.check_labels(everything)
    checked.check_transcripts(everything)
    return splits


def by_id(recordings):
    return {recording.id: recording for recording in recordings}


class TestRealSpeech:
    def test_an4(self, data):
        splits = chosen(AN4(str(data / "phones_an4"), lists=["train"]), read_recipe("an4"))
        assert {split: len(members) for split, members in splits.items()} == {"validation": 130, "train": 818}
        assert Counter(recording.group[0] for recording in splits["validation"]) == {"f": 65, "m": 65}
        spoken = by_id(splits["train"])["an253-fash-b"]
        assert (spoken.group, spoken.transcript) == ("fash", "G OW")
        assert by_id(splits["train"])["an1-mblw-b"].transcript == "EH K S AY S IH K S T IY HH W AH N"

    def test_an4_through_its_manifest(self, data):
        folder = data / "phones_an4"
        words = AudioFolder(str(folder), manifest="manifest.tsv", transcript_column="text", group_column="speaker")
        listed = AN4(str(folder), lists=["train"], units="words").recordings()
        found = {Path(str(recording.metadata["file"])).stem: recording for recording in words.recordings()}
        assert len(found) == 948
        for recording in listed:
            assert found[recording.id].transcript == recording.transcript
            assert found[recording.id].group == recording.group

    def test_digits(self, data):
        splits = chosen(folder_of("fsdd", data / "keywords_fsdd"), read_recipe("fsdd"))
        counts = {split: len(members) for split, members in splits.items()}
        assert counts == {"validation": 500, "test": 500, "train": 1000}
        assert set(Counter(recording.label for recording in splits["validation"]).values()) == {50}
        assert {recording.group for recording in splits["train"]} == {"george", "jackson"}

    def test_keywords(self, data):
        recipe = read_recipe("speech_commands_folder")
        splits = chosen(folder_of("speech_commands_folder", data / "keywords_gsc_v2"), recipe)
        everything = by_id(recording for members in splits.values() for recording in members)
        assert len(everything) == 1001
        counts = Counter(recording.label for recording in everything.values())
        assert (counts["left"], counts["_unknown_"], counts["_silence_"]) == (95, 58, 65)
        clip = everything["_unknown__one_37dca74f_nohash_2.wav"]
        assert (clip.label, clip.group) == ("_unknown_", "37dca74f")
        first = folder_of("speech_commands_folder", data / "keywords_gsc_v1").recordings()
        assert len(first) == 220 and len({recording.label for recording in first}) == 30

    def test_emotions(self, data):
        splits = chosen(folder_of("emodb", data / "emotion_emodb"), read_recipe("emodb"))
        everything = by_id(recording for members in splits.values() for recording in members)
        listed = AudioFolder(
            str(data / "emotion_emodb"), manifest="manifest.tsv", label_column="emotion", group_column="speaker"
        ).recordings()
        assert len(listed) == len(everything) == 339
        for recording in listed:
            assert everything[recording.id].label == recording.label
            assert everything[recording.id].group == recording.group

    def test_three_emotions(self, data):
        splits = chosen(folder_of("emodb_three", data / "emotion_emodb"), read_recipe("emodb_three"))
        labels = {split: Counter(each.label for each in members) for split, members in splits.items()}
        assert labels["train"] == {"W": 50, "N": 39, "T": 27}
        assert labels["validation"] == {"W": 10, "N": 4, "T": 3} and labels["test"] == {"W": 24, "N": 13, "T": 9}

    def test_prompts(self, data):
        corpus = folder_of("language_prompts", data, manifest="language_clips/manifest.tsv")
        splits = chosen(corpus, read_recipe("language_prompts"))
        labels = {split: Counter(each.label for each in members) for split, members in splits.items()}
        assert labels["train"] == {"fr": 160, "en": 160, "de": 160}
        assert labels["validation"] == {"de": 123, "en": 128, "fr": 54}
        assert labels["test"] == {"fr": 90, "en": 90, "de": 90}

    def test_languages(self, data):
        recipe = read_recipe("languages")
        stated = recipe["corpus"]["init_args"]["corpus"]["init_args"]
        listed = {**stated, "folder": str(data), "manifest": "language_clips/manifest.tsv", "metadata_columns": []}
        corpus = AudioFolder(**listed)
        assert Counter(each.label for each in corpus.recordings()) == {"en": 562, "de": 493, "fr": 362}
        lengths = {each.id: soundfile.info(each.audio.path).duration for each in corpus.recordings()}
        splits = chosen(ConsecutiveClips(corpus), recipe)
        everything = by_id(recording for members in splits.values() for recording in members)
        # A prompt of 8.5 s or more has two clips, and none is as long as 13.5 s.
        expected = sum((length >= 3.5) + (length >= 8.5) for length in lengths.values())
        assert len(everything) == expected == 260 and max(lengths.values()) < 13.5

    def test_shards_hold_words_and_phones(self, data, tmp_path):
        recipe = read_recipe("an4")
        few = GivenCorpus(AN4(str(data / "phones_an4"), lists=["train"]).recordings()[::50])
        prepare(
            ShardRecipe(few, str(tmp_path), segment=None, context=0.0, phones=recipe["phones"], splits={"train": 1.0}),
            progress=False,
        )
        stored = of(SplitIndex([tmp_path], "train"))
        assert stored == {recording.id: (None, recording.transcript) for recording in few.recordings()}
        index = SplitIndex([tmp_path], "train")
        expected = {recording.id: len(recording.audio.read().samples) for recording in few.recordings()}
        assert {
            index.tracks[track]: int(size) for track, size in zip(index.track, index.samples, strict=True)
        } == expected


def folder_of(name, folder, **options):
    """The corpus of a recipe that is an AudioFolder, elsewhere."""
    stated = read_recipe(name)["corpus"]["init_args"]
    return AudioFolder(**{**stated, "folder": str(folder), **options})
