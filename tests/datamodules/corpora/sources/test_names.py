"""Tables that are named otherwise than their audio, and tables of several voices."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from datamodules.annotations.f0_series import MultiF0Series
from datamodules.corpora import AudioFolder
from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex

OPTIONS = {"audio": "audio_mix/*_MIX_melsynth.wav", "table": "annotation_melody/{}_STEM_*.csv"}


@pytest.fixture
def folder(tmp_path, write_tone, write_table):
    """The layout of MDB-melody-synth."""
    for name, stem in (("A_One", "01"), ("B_[Two]", "07")):
        write_tone(tmp_path / "audio_mix" / f"{name}_MIX_melsynth.wav")
        write_table(tmp_path / "annotation_melody" / f"{name}_STEM_{stem}.csv", f"0,{int(stem)}00\n0.5,0\n")
    write_tone(tmp_path / "audio_mix" / "other.wav")
    return tmp_path


def refusal(*arguments, **options):
    with pytest.raises(DataError) as error:
        AudioFolder(*arguments, **options).recordings()
    return str(error.value)


class TestNames:
    def test_a_table_in_another_folder_with_another_ending(self, folder):
        made = AudioFolder(str(folder), group_pattern="^audio_mix_([^_]+)_", **OPTIONS).recordings()
        assert [(recording.group, recording.truth.read().f0[0]) for recording in made] == [("A", 100.0), ("B", 700.0)]

    def test_melodies_beside_their_audio_as_in_adc2004(self, tmp_path, write_tone, write_table):
        write_tone(tmp_path / "train01.wav")
        write_table(tmp_path / "train01REF.txt", "0.0 \t 0.0\n0.01\t220.5\n")
        (made,) = AudioFolder(str(tmp_path), table_suffix="REF.txt").recordings()
        assert_array_equal(made.truth.read().f0, [0.0, 220.5])

    def test_a_pattern_without_an_extension(self, folder, write_table):
        write_table(folder / "other.csv")
        (made,) = AudioFolder(str(folder), audio="audio_mix/oth*", table="oth{}.csv").recordings()
        assert made.truth.path == folder / "other.csv"

    def test_a_missing_table(self, folder):
        (folder / "annotation_melody" / "A_One_STEM_01.csv").unlink()
        found = refusal(str(folder), **OPTIONS)
        assert "A_One_MIX_melsynth.wav: its f0 table" in found
        assert "annotation_melody/A_One_STEM_*.csv is missing" in found

    def test_two_tables(self, folder, write_table):
        write_table(folder / "annotation_melody" / "A_One_STEM_02.csv")
        assert "A_One_STEM_01.csv and" in refusal(str(folder), **OPTIONS)

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"table": "f0/{}.csv", "audio": "*_?.wav"}, "table = 'f0/{}.csv': it needs {} for the one *"),
            ({"table": "f0/{}.csv", "audio": "**/*.wav", "table_suffix": ".csv"}, "not together with table_suffix"),
            ({"table": "f0/{}.csv", "audio": "*.wav", "manifest": "list.tsv"}, "a manifest has a table_column"),
            ({"table": "f0.csv", "audio": "*.wav"}, "table = 'f0.csv': it needs {}"),
            ({"voices": "many"}, "voices = 'many': one or several"),
            ({"voices": "several", "step": 0.01}, "step = 0.01: tables of several voices have times"),
        ],
    )
    def test_options_that_cannot_be(self, folder, options, reason):
        assert reason in refusal(str(folder), **{"audio": "*", **options})


class TestSeveralVoices:
    @pytest.fixture
    def corpus(self, tmp_path, write_tone, write_table):
        write_tone(tmp_path / "in" / "a.wav")
        write_table(tmp_path / "in" / "a.csv", "0,200,300\n0.3\n0.5,400\n0.6,400\n")
        return AudioFolder(str(tmp_path / "in"), table_suffix=".csv", voices="several")

    def test_each_row_holds_what_sounds(self, corpus):
        (made,) = corpus.recordings()
        truth = made.truth.read()
        assert isinstance(truth, MultiF0Series)
        assert_array_equal(truth.f0, [[200.0, 300.0], [0.0, 0.0], [400.0, 0.0], [400.0, 0.0]])
        assert pickle.loads(pickle.dumps(made)) == made

    def test_options_change_what_is_read_and_the_fingerprint(self, corpus):
        plain = corpus.recordings()[0].truth
        shifted = AudioFolder(corpus.folder, table_suffix=".csv", voices="several", offset=0.1, gap=0.25).recordings()
        assert shifted[0].truth.read().times[0] == 0.1
        assert len(shifted[0].truth.read().times) > len(plain.read().times)
        assert shifted[0].truth.fingerprint() != plain.fingerprint()

    def test_they_can_be_prepared(self, corpus, tmp_path):
        prepare(ShardRecipe(corpus, str(tmp_path / "out"), 8000, 80, splits={"train": 1.0}), progress=False)
        f0 = np.asarray(SplitIndex([tmp_path / "out"], "train").read_f0(0))
        assert_array_equal(f0[[0, 14, 16, 45, 61]], [[200, 300], [200, 300], [0, 0], [400, 0], [0, 0]])
