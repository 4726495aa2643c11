"""Labels and transcripts of an AudioFolder: from a manifest, from paths, in words and in phones."""

import pytest

from datamodules.corpora import AudioFolder, Pronunciations
from datamodules.errors import DataError


@pytest.fixture
def folder(tmp_path, write_tone):
    """Two words by two speakers, a folder each, and a manifest of all four."""
    rows = ["audio\tword\ttext\tspeaker\tplace"]
    for word in ("yes", "_unknown_"):
        for speaker in ("anna", "ben"):
            write_tone(tmp_path / word / f"{speaker}_0.wav")
            rows.append(f"{word}/{speaker}_0.wav\t{word}\t  Yes   {speaker} \t{speaker}\t")
    (tmp_path / "list.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "words.dic").write_text("YES Y EH S\nANNA AE N AH\n")
    return tmp_path


def refusal(*arguments, **options):
    with pytest.raises(DataError) as error:
        AudioFolder(*arguments, **options).recordings()
    return str(error.value)


class TestLabels:
    def test_a_column(self, folder):
        made = AudioFolder(str(folder), manifest="list.tsv", label_column="word", group_column="speaker").recordings()
        assert [(recording.label, recording.group) for recording in made] == [
            ("_unknown_", "anna"),
            ("_unknown_", "ben"),
            ("yes", "anna"),
            ("yes", "ben"),
        ]
        assert all(recording.truth is None and recording.transcript is None for recording in made)

    def test_the_name_of_the_folder(self, folder):
        made = AudioFolder(str(folder), label_pattern="([^/]+)/[^/]+$", group_pattern="_([a-z]+)_0$").recordings()
        assert [(recording.id, recording.label, recording.group) for recording in made] == [
            ("_unknown__anna_0", "_unknown_", "anna"),
            ("_unknown__ben_0", "_unknown_", "ben"),
            ("yes_anna_0", "yes", "anna"),
            ("yes_ben_0", "yes", "ben"),
        ]

    def test_the_name_of_the_file(self, tmp_path, write_tone):
        for name in ("7_george_0", "0_theo_12"):
            write_tone(tmp_path / f"{name}.wav")
        made = AudioFolder(str(tmp_path), label_pattern=r"^(\d)_", group_pattern="_([a-z]+)_").recordings()
        assert [(recording.label, recording.group) for recording in made] == [("0", "theo"), ("7", "george")]

    def test_a_label_beside_a_table(self, folder, write_table):
        write_table(folder / "yes" / "anna_0.csv")
        made = AudioFolder(str(folder), audio="yes/anna*", label_pattern="(yes)", table_suffix=".csv").recordings()
        assert made[0].label == "yes" and len(made[0].truth.read().f0) == 3

    def test_a_label_that_is_not_found(self, folder):
        found = refusal(str(folder), label_pattern="^(yes)")
        assert "recording '_unknown__anna_0': label_pattern = '^(yes)' finds no label in '_unknown_/anna_0'" in found
        assert "label_pattern = '^([a-z]*)' finds no label" in refusal(str(folder), label_pattern="^([a-z]*)")

    def test_an_empty_label(self, folder):
        (folder / "list.tsv").write_text("audio\tword\nyes/anna_0.wav\t\n")
        assert "line 2: column 'word' is empty" in refusal(str(folder), manifest="list.tsv", label_column="word")


class TestTranscripts:
    def test_words_between_single_blanks(self, folder):
        made = AudioFolder(str(folder), manifest="list.tsv", transcript_column="text").recordings()
        assert [recording.transcript for recording in made] == ["Yes anna", "Yes ben"] * 2

    def test_phones(self, folder):
        (folder / "words.dic").write_text("YES Y EH S\nANNA AE N AH\nBEN B EH N\n")
        dictionary = Pronunciations(str(folder / "words.dic"))
        made = AudioFolder(
            str(folder), manifest="list.tsv", transcript_column="text", dictionary=dictionary
        ).recordings()
        assert [recording.transcript for recording in made] == ["Y EH S AE N AH", "Y EH S B EH N"] * 2

    def test_a_word_that_the_dictionary_lacks(self, folder):
        options = {"manifest": "list.tsv", "transcript_column": "text"}
        dictionary = str(folder / "words.dic")
        found = refusal(str(folder), **options, dictionary=Pronunciations(dictionary))
        assert f"utterance 'yes_ben_0': the word 'BEN' is not in the dictionary {dictionary}" in found
        lenient = AudioFolder(str(folder), **options, dictionary=Pronunciations(dictionary, unknown="leave_out"))
        with pytest.warns(
            UserWarning, match=r"words of 2 of 4 utterances.*: yes_ben_0, _unknown__ben_0; the words: BEN"
        ):
            made = lenient.recordings()
        assert [recording.id for recording in made] == ["_unknown__anna_0", "yes_anna_0"]

    def test_paths_below_a_folder_that_the_manifest_is_not_in(self, folder):
        (folder / "list.tsv").rename(folder / "yes" / "list.tsv")
        made = AudioFolder(str(folder), manifest="yes/list.tsv", label_column="word").recordings()
        assert len(made) == 4


def test_columns_are_kept_as_metadata(folder):
    made = AudioFolder(str(folder), manifest="list.tsv", metadata_columns=["speaker", "place"]).recordings()
    assert made[3].metadata == {"file": "yes/ben_0.wav", "speaker": "ben", "place": ""}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"label_pattern": "("}, "AudioFolder: label_pattern = '(': not a regular expression"),
        ({"label_pattern": "yes"}, "label_pattern = 'yes': put parentheses around what names the label"),
        ({"label_pattern": "(y)", "label_column": "word", "manifest": "list.tsv"}, "not together with label_column"),
        ({"label_column": "word"}, "label_column = 'word': it needs a manifest"),
        ({"transcript_column": "text"}, "transcript_column = 'text': it needs a manifest"),
        ({"metadata_columns": ["text"]}, "metadata_columns = ['text']: it needs a manifest"),
        ({"table_column": "f0"}, "table_column = 'f0': it needs a manifest"),
        ({"dictionary": Pronunciations("words.dic")}, "it needs the transcript_column"),
        ({"metadata_columns": ["file"], "manifest": "list.tsv"}, "'file' is the path of the audio"),
        ({"label_column": "class", "manifest": "list.tsv"}, "no column 'class'; its columns are 'audio', 'word'"),
        ({"metadata_columns": ["age"], "manifest": "list.tsv"}, "no column 'age'"),
    ],
)
def test_options_that_cannot_be(folder, options, reason):
    assert reason in refusal(str(folder), **options)
