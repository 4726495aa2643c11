import os
import pickle
from pathlib import Path

import pytest
from numpy.testing import assert_allclose

from datamodules.corpora import AudioFolder
from datamodules.errors import DataError


@pytest.fixture
def folder(tmp_path, write_tone, write_table):
    """Two recordings with tables, one of them in a folder of its own, and files that are none."""
    for name in ("one", "sub/two (take 1)"):
        write_tone(tmp_path / f"{name}.wav")
        write_table(tmp_path / f"{name}.csv")
    (tmp_path / "notes.txt").write_text("not audio")
    (tmp_path / ".hidden.wav").write_text("not audio")
    (tmp_path / ".hidden").mkdir()
    write_tone(tmp_path / ".hidden" / "three.wav")
    return tmp_path


def ids(corpus):
    return [recording.id for recording in corpus.recordings()]


def refusal(*arguments, **options):
    with pytest.raises(DataError) as error:
        AudioFolder(*arguments, **options).recordings()
    return str(error.value)


def write_manifest(folder, *rows):
    (folder / "list.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))


class TestPairs:
    def test_tables_beside_audio(self, folder):
        made = AudioFolder(str(folder), table_suffix=".csv").recordings()
        assert [recording.id for recording in made] == ["one", "sub_two__take_1_"]
        assert all(recording.group == recording.id and recording.split is None for recording in made)
        assert made[1].metadata == {"file": "sub/two (take 1).wav"}
        assert made[0].audio.read().samples.shape == (8000,)
        assert_allclose(made[0].truth.read().f0, [440.0] * 3)

    def test_a_pattern_selects(self, folder):
        assert ids(AudioFolder(str(folder), audio="*")) == ["one"]
        assert ids(AudioFolder(str(folder), audio="sub/*.wav")) == ["sub_two__take_1_"]

    def test_a_suffix_that_replaces_more_than_the_extension(self, tmp_path, write_tone, write_table):
        write_tone(tmp_path / "singer_1.v2.FLAC")
        write_table(tmp_path / "singer_1.v2_f0.csv")
        assert ids(AudioFolder(str(tmp_path), table_suffix="_f0.csv")) == ["singer_1.v2"]

    def test_no_truth(self, folder):
        assert [recording.truth for recording in AudioFolder(str(folder)).recordings()] == [None] * 2

    def test_options_of_the_tables(self, tmp_path, write_tone, write_table):
        write_tone(tmp_path / "a.wav")
        write_table(tmp_path / "a.f0ref", "100\n0\n110\n")
        plain = AudioFolder(str(tmp_path), table_suffix=".f0ref", step=0.5).recordings()[0].truth
        shifted = AudioFolder(str(tmp_path), table_suffix=".f0ref", step=0.5, offset=0.1, gap=0.4).recordings()[0].truth
        assert_allclose(plain.read().times, [0.0, 0.5, 1.0])
        assert_allclose(shifted.read().times, [0.1, 0.5, 0.6, 1.1, 1.5])
        assert plain.fingerprint() != shifted.fingerprint()

    def test_groups(self, folder):
        groups = [recording.group for recording in AudioFolder(str(folder), group_pattern="^([a-z]+)").recordings()]
        assert groups == ["one", "sub"]

    def test_can_be_pickled(self, folder):
        corpus = pickle.loads(pickle.dumps(AudioFolder(str(folder), group_pattern="(.)")))
        assert pickle.loads(pickle.dumps(corpus.recordings())) == corpus.recordings()


class TestManifest:
    HEADER = ("audio", "f0", "speaker", "set")
    OPTIONS = {  # noqa: RUF012
        "manifest": "list.tsv",
        "table_column": "f0",
        "group_column": "speaker",
        "split_column": "set",
    }

    def test_columns(self, folder):
        second = ("sub/two (take 1).wav", "one.csv", "anna", "test")
        write_manifest(folder, self.HEADER, ("one.wav", "one.csv", "anna", "train"), second)
        made = AudioFolder(str(folder), **self.OPTIONS).recordings()
        assert [(recording.id, recording.group, recording.split) for recording in made] == [
            ("one", "anna", "train"),
            ("sub_two__take_1_", "anna", "test"),
        ]
        assert_allclose(made[1].truth.read().f0, [440.0] * 3)

    def test_names_of_columns_and_no_truth(self, folder):
        write_manifest(folder, ("x", "wave"), ("1", "one.wav"))
        made = AudioFolder(str(folder), manifest="list.tsv", audio_column="wave").recordings()
        assert [(recording.id, recording.truth, recording.group) for recording in made] == [("one", None, "one")]

    def test_a_missing_column_is_named(self, folder):
        write_manifest(folder, ("audio", "f0"), ("one.wav", "one.csv"))
        assert "no column 'speaker'; its columns are 'audio', 'f0'" in refusal(str(folder), **self.OPTIONS)

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            (("three.wav", "one.csv", "a", "b"), "list.tsv, line 3: its audio file"),
            (("one.wav", "three.csv", "a", "b"), "list.tsv, line 3: its f0 table"),
            (("one.wav", "", "a", "b"), "list.tsv, line 3: column 'f0' is empty"),
            (("one.wav", "one.csv", "a"), "list.tsv, line 3: column 'set' is empty"),
        ],
    )
    def test_a_wrong_row_is_named(self, folder, row, reason):
        write_manifest(folder, self.HEADER, ("sub/two (take 1).wav", "one.csv", "a", "b"), row)
        assert reason in refusal(str(folder), **self.OPTIONS)

    def test_an_audio_file_that_is_listed_twice_is_refused(self, folder):
        write_manifest(folder, self.HEADER, *[("one.wav", "one.csv", "a", "b")] * 2)
        assert "'one.wav' and 'one.wav' give the same id 'one'" in refusal(str(folder), **self.OPTIONS)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [(b"", "no column 'audio'"), (b"audio\tf0\n", "lists no recording"), (b"\xff", "not UTF-8 text")],
    )
    def test_a_manifest_that_lists_nothing_is_refused(self, folder, content, reason):
        (folder / "list.tsv").write_bytes(content)
        assert reason in refusal(str(folder), manifest="list.tsv")

    def test_a_missing_manifest_is_named(self, folder):
        assert "list.tsv: cannot be read: No such file" in refusal(str(folder), manifest="list.tsv")


class TestRefusals:
    def test_a_missing_table(self, folder):
        (folder / "one.csv").unlink()
        found = refusal(str(folder), table_suffix=".csv")
        assert f"{folder / 'one.wav'}: its f0 table {folder / 'one.csv'} is missing" in found

    def test_a_missing_folder(self, tmp_path):
        assert "nowhere: there is no such folder" in refusal(str(tmp_path / "nowhere"))

    def test_an_empty_folder(self, tmp_path):
        assert f"{tmp_path}: no audio file matches" in refusal(str(tmp_path))

    def test_two_files_of_one_id(self, folder, write_tone):
        write_tone(folder / "one.flac")
        assert "'one.flac' and 'one.wav' give the same id 'one'" in refusal(str(folder))

    def test_a_pattern_that_leads_elsewhere(self, folder):
        assert "'/*' is not a pattern for files below" in refusal(str(folder), audio="/*")

    def test_a_group_that_is_not_found(self, folder):
        assert "recording 'one': group_pattern = '(take)' finds no group" in refusal(
            str(folder), group_pattern="(take)"
        )

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"group_pattern": "("}, "group_pattern = '(': not a regular expression"),
            ({"group_pattern": "a"}, "group_pattern = 'a': put parentheses"),
            ({"group_pattern": "(a)", "group_column": "b", "manifest": "c"}, "group_pattern = '(a)': not together"),
            ({"split_column": "set"}, "split_column = 'set': it needs a manifest"),
            ({"table_suffix": ""}, "table_suffix = ''"),
            ({"table_suffix": ".csv", "manifest": "c"}, "table_suffix = '.csv': a manifest has a table_column"),
            ({"step": 0.0}, "step: 0.0 s"),
        ],
    )
    def test_options_that_cannot_be(self, folder, options, reason):
        assert reason in refusal(str(folder), **options)


def test_real_recordings_are_as_long_as_their_truth():
    if "MELISMA_TEST_DATA" not in os.environ:
        pytest.skip("MELISMA_TEST_DATA is not set: no real recordings to read")
    folder = Path(os.environ["MELISMA_TEST_DATA"]) / "f0_fda"
    corpus = AudioFolder(str(folder), manifest="manifest.tsv", table_column="f0", group_column="speaker", step=0.015)
    made = corpus.recordings()
    assert {recording.group for recording in made} == {"rl", "sb"}
    for recording in made[::10]:
        audio = recording.audio.read()
        assert len(audio.samples) / audio.rate == pytest.approx(recording.truth.read().times[-1], abs=0.1)
