"""Small trees as mirdata lays the data sets out, with an index of their own each, made here."""

import hashlib
import json
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.annotations.f0_series import F0Series, MultiF0Series
from datamodules.corpora import MirdataCorpus
from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from tests.datamodules.corpora.mirdata.trees import (
    RATE,
    VERSIONS,
    pitch,
)

mirdata = pytest.importorskip("mirdata", reason="the optional dependency mirdata is not installed")
vocadito = pytest.importorskip("mirdata.datasets.vocadito")


@pytest.fixture
def only(lay_out):
    """The one recording of a data set's tree."""

    def read(dataset, **options):
        (recording,) = MirdataCorpus(dataset, str(lay_out(dataset, VERSIONS[dataset])), **options).recordings()
        return recording

    return read


@pytest.mark.parametrize(
    ("dataset", "name", "group", "song", "metadata"),
    [
        ("medleydb_melody", "Some_Song", "Some", "Some_Song", {"genre": "Rock", "is_instrumental": True}),
        ("medleydb_pitch", "Some_Song_STEM_03", "Some", "Some_Song", {"instrument": "flute"}),
        ("mdb_stem_synth", "Some_Song_STEM_03", "Some", "Some_Song", {}),
        ("orchset", "Rimski-Korsakov-Work-I-ex2", "Rimski", "Rimski-Korsakov-Work-I", {"work": "Work-I"}),
        ("ikala", "10161_chorus", "nina", "10161", {"section": "chorus"}),
        ("vocadito", "1", "S1", "1", {"language": "English"}),
        ("guitarset", "00_Funk3-112-C__solo", "00", "00_Funk3-112-C#", {"style": "Funk", "tempo": 112.0}),
    ],
)
def test_names_groups_and_metadata(only, dataset, name, group, song, metadata):
    made = only(dataset)
    assert (made.id, made.group, made.split) == (name, group, None)
    assert only(dataset, group="song").group == song
    assert metadata.items() <= made.metadata.items()
    assert made.metadata["file"].endswith(".wav")
    assert pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize("dataset", ["medleydb_melody", "mdb_stem_synth", "orchset", "vocadito"])
def test_one_voice_beside_its_audio(only, dataset):
    made = only(dataset)
    truth = made.truth.read()
    assert_allclose(truth.times, [0.0, 0.1, 0.2])
    assert_array_equal(truth.f0, [0.0, 200.0, 210.0])
    assert pitch(made) == 440


def test_stems_whose_tables_leave_unvoiced_frames_out_are_silent_there(only):
    made = only("medleydb_pitch")
    assert_allclose(made.truth.read().at([0.1, 0.11, 0.3, 0.5, 0.6]), [220.0, 221.0, 0.0, 330.0, 0.0])
    assert pitch(made) == 440


@pytest.mark.parametrize(("f0", "place"), [(1e30, 2), (float("inf"), 0), (float("nan"), 1)])
def test_an_f0_that_no_voice_has_is_refused_with_file_and_frame(only, monkeypatch, f0, place):
    truth = only("guitarset", annotation="G").truth
    series = F0Series(np.arange(3) / 10, np.where(np.arange(3) == place, f0, 100.0))
    monkeypatch.setattr("datamodules.corpora.mirdata.f0._series", lambda data: series)
    with pytest.raises(DataError, match=rf"\.jams: f0 .* Hz at .* s \(annotated frame {place}\); at most"):
        truth.read()


def test_other_definitions_of_the_melody(only):
    assert_array_equal(only("medleydb_melody", annotation="melody1").truth.read().f0, [0.0, 100.0, 100.0])
    several = only("medleydb_melody", annotation="melody3").truth.read()
    assert isinstance(several, MultiF0Series)
    assert_array_equal(several.f0, [[0.0, 0.0], [200.0, 300.0], [210.0, 0.0]])


def test_vocals_are_the_right_channel_of_ikala_and_its_semitones_hold_around_the_middle_of_their_frames(only):
    made = only("ikala")
    assert pitch(made) == 440
    assert_allclose(made.truth.read().times, [0.016, 0.048, 0.080])
    assert_allclose(made.truth.read().f0, [0.0, 220.0, 440.0])
    mix = only("ikala", signal="mix").audio.read()
    assert mix.samples.shape == (RATE, 2)


def test_both_channels_of_orchset(only):
    assert only("orchset", signal="stereo").audio.read().samples.shape == (RATE, 2)


def test_strings_of_guitarset_together_and_one_by_one(only):
    made = only("guitarset")
    assert pitch(made) == 440
    assert pitch(only("guitarset", signal="mix")) == 220
    together = made.truth.read()
    frames = np.round(together.times * 44100 / 256).astype(int)
    assert frames[-1] == 68  # mirdata leaves the last frame of the longest string out
    sounding = [sorted(row[row > 0].tolist()) for row in together.f0]
    assert sounding[9] == [] and sounding[10] == [110.0, 200.0] and sounding[11] == [110.0] and sounding[40] == [200.0]
    string = only("guitarset", annotation="G")
    assert pitch(string) == 400
    assert_array_equal(string.truth.read().f0[9:13], [0.0, 200.0, -200.0, 200.0])
    assert_array_equal(only("guitarset", annotation="E").truth.read().at([0.0, 0.1]), [0.0, 0.0])


def test_frames_of_different_annotations_differ_in_fingerprint_and_so_does_another_channel(only):
    assert only("guitarset", annotation="G").truth.fingerprint() != only("guitarset").truth.fingerprint()
    assert (
        only("guitarset", annotation="G").audio.fingerprint() != only("guitarset", annotation="D").audio.fingerprint()
    )


def test_the_index_is_named_or_in_the_folder_or_where_mirdata_keeps_it(lay_out, tmp_path, monkeypatch):
    folder = lay_out("vocadito", "1.0")
    index = folder / "vocadito_index_1.0.json"
    own = tmp_path / "mirdata" / index.name
    own.parent.mkdir()
    expected = MirdataCorpus("vocadito", str(folder)).recordings()
    monkeypatch.setattr(vocadito.INDEXES["1.0"], "indexes_dir", str(own.parent))
    index.rename(own)
    assert MirdataCorpus("vocadito", str(folder)).recordings() == expected
    own.rename(tmp_path / "named.json")
    assert MirdataCorpus("vocadito", str(folder), index=str(tmp_path / "named.json")).recordings() == expected


@pytest.mark.parametrize("dataset", VERSIONS)
def test_every_data_set_can_be_prepared(lay_out, tmp_path, dataset):
    corpus = MirdataCorpus(dataset, str(lay_out(dataset, VERSIONS[dataset])))
    prepare(ShardRecipe(corpus, str(tmp_path / "out"), RATE, 80, splits={"test": 1.0}), progress=False)
    index = SplitIndex([tmp_path / "out"], "test")
    (recording,) = corpus.recordings()
    assert list(index.tracks) == [recording.id]
    truth = recording.truth.read().at(np.arange(100) * 0.01)
    assert truth.max() > 0
    assert_allclose(index.read_f0(0)[:100].reshape(truth.shape), truth, rtol=1e-6)


class TestTracks:
    def write(self, folder, content):
        (folder / "split.json").write_text(json.dumps(content))
        return str(folder / "split.json")

    def test_a_file_of_the_literature_says_what_is_read_and_where_it_belongs(self, lay_out, tmp_path):
        folder = lay_out("mdb_stem_synth", "1.0.0")
        listed = self.write(tmp_path, {"train": ["Other_Song"], "validation": ["Some_Song"]})
        options = {"group": "song", "tracks": listed}
        (made,) = MirdataCorpus("mdb_stem_synth", str(folder), **options).recordings()
        assert made.split == "validation"
        with pytest.raises(DataError, match=r"split\.json: none of its tracks is a song of mdb_stem_synth 1\.0\.0"):
            MirdataCorpus("mdb_stem_synth", str(folder), splits=["train"], **options).recordings()

    def test_a_track_to_train_and_to_test_with_is_refused(self, lay_out, tmp_path):
        listed = self.write(tmp_path, {"train": ["Some_Song"], "test": ["Some_Song"]})
        corpus = MirdataCorpus("mdb_stem_synth", str(lay_out("mdb_stem_synth", "1.0.0")), tracks=listed)
        with pytest.raises(DataError, match="'Some_Song' stands in 'train' and in 'test'"):
            corpus.recordings()


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"dataset": "beatles"}, "dataset = 'beatles': one of medleydb_melody"),
            ({"annotation": "notes"}, "annotation = 'notes': one of f0"),
            ({"signal": "mix"}, "signal = 'mix': one of vocals"),
            ({"group": "label"}, "group = 'label': artist or song"),
            ({"splits": ["train"]}, "splits = ['train']: it needs tracks"),
        ],
    )
    def test_options_that_cannot_be(self, options, reason):
        with pytest.raises(DataError) as error:
            MirdataCorpus(**{"dataset": "vocadito", "folder": "nowhere", **options})
        assert str(error.value).startswith(f"MirdataCorpus: {reason}")

    def refusal(self, folder, **options):
        with pytest.raises(DataError) as error:
            MirdataCorpus("vocadito", str(folder), **options).recordings()
        assert "\n" not in str(error.value)
        return str(error.value)

    def test_mirdata_is_not_installed(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "mirdata.datasets.vocadito", None)
        assert "pip install 'melisma[corpora]'" in self.refusal(tmp_path)

    def test_a_version_that_mirdata_does_not_know(self, tmp_path):
        assert "version: '7'; mirdata has 1.0 of vocadito" in self.refusal(tmp_path, version="7")

    def test_a_missing_index(self, tmp_path, monkeypatch):
        monkeypatch.setattr(vocadito.INDEXES["1.0"], "indexes_dir", str(tmp_path / "mirdata"))
        found = self.refusal(tmp_path)
        assert f"{tmp_path / 'vocadito_index_1.0.json'}: mirdata's index of vocadito 1.0 is missing" in found
        assert "https://zenodo.org" in found

    def test_an_index_that_is_none(self, tmp_path):
        (tmp_path / "mine.json").write_text("[]")
        found = self.refusal(tmp_path, index=str(tmp_path / "mine.json"))
        assert f"{tmp_path / 'mine.json'}: not mirdata's index of vocadito 1.0" in found

    def test_a_missing_file(self, lay_out):
        folder = lay_out("vocadito", "1.0")
        (folder / "Audio" / "vocadito_1.wav").unlink()
        found = self.refusal(folder)
        assert f"{folder / 'Audio' / 'vocadito_1.wav'}: a file of vocadito 1.0 is missing, and 0 more" in found

    def test_missing_metadata(self, lay_out):
        folder = lay_out("vocadito", "1.0")
        (folder / "vocadito_metadata.csv").unlink()
        assert f"{folder}: mirdata cannot say of '1' who it is by" in self.refusal(folder)

    def test_an_unknown_artist(self, lay_out):
        folder = lay_out("ikala", "2.0")
        (folder / "id_mapping.txt").write_text("singer\tsong\nnina\t1\n")
        with pytest.raises(DataError, match="does not know the artist of '10161_chorus'; set group: song"):
            MirdataCorpus("ikala", str(folder)).recordings()

    @pytest.mark.parametrize("text", ["", "0.0,x\n0.1,100\n", "0.1,100\n0.0,100\n", "0.0,-100\n0.1,100\n"])
    def test_an_annotation_that_mirdata_cannot_read_is_named(self, lay_out, text):
        folder = lay_out("medleydb_melody", "5.0")
        table = folder / "melody2" / "Some_Song_MELODY2.csv"
        table.write_text(text)
        (made,) = MirdataCorpus("medleydb_melody", str(folder)).recordings()
        with pytest.raises(DataError, match=r"MELODY2\.csv: mirdata cannot read it as medleydb_melody"):
            made.truth.read()

    def test_a_channel_that_is_not_there(self, lay_out, write_tone):
        folder = lay_out("ikala", "2.0")
        write_tone(folder / "Wavfile" / "10161_chorus.wav")
        (made,) = MirdataCorpus("ikala", str(folder)).recordings()
        with pytest.raises(DataError, match=r"chorus\.wav: channel 1 is wanted, counted from 0, but it has 1"):
            made.audio.read()


def test_download_gets_index_and_files_into_the_folder_and_nothing_into_mirdata(lay_out, tmp_path, monkeypatch):
    from mirdata import core, download_utils

    before = sorted(Path(mirdata.__file__).parent.rglob("*.json"))
    source = lay_out("vocadito", "1.0")
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in source.rglob("*.*"):
            if path.suffix != ".json":
                archive.write(path, path.relative_to(source))

    def offered(path):
        return {"url": path.as_uri(), "checksum": hashlib.md5(path.read_bytes()).hexdigest()}

    index = source / "vocadito_index_1.0.json"
    remote = download_utils.RemoteFileMetadata(filename="vocadito.zip", **offered(packed))
    monkeypatch.setitem(vocadito.INDEXES, "1.0", core.Index(filename=index.name, **offered(index)))
    monkeypatch.setattr(vocadito, "REMOTES", {"zenodo": remote})
    folder = tmp_path / "new"
    corpus = MirdataCorpus("vocadito", str(folder), download=True)
    (made,) = corpus.recordings()
    assert pitch(made) == 440
    assert (folder / index.name).read_bytes() == index.read_bytes()
    assert sorted(Path(mirdata.__file__).parent.rglob("*.json")) == before
    packed.unlink()  # what is there is not asked for again
    assert corpus.recordings() == [made]
    (folder / "Audio" / "vocadito_1.wav").unlink()
    (folder / "vocadito.zip").unlink()
    with pytest.raises(DataError, match=r"vocadito 1\.0 cannot be downloaded"):
        corpus.recordings()
