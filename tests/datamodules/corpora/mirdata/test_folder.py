"""Files that mirdata's loaders read, paired by name without an index."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.annotations.f0_tables import read_f0
from datamodules.corpora import MirdataFiles
from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from tests.datamodules.corpora.mirdata.trees import pitch

mirdata = pytest.importorskip("mirdata", reason="the optional dependency mirdata is not installed")


class TestFiles:
    def test_pairs_by_name_without_an_index(self, lay_out, tmp_path):
        folder = lay_out("guitarset", "1.1.0")
        (folder / "guitarset_index_1.1.0.json").unlink()
        options = {"audio": "hex_cln/*_hex_cln.wav", "table": "annotation/{}.jams", "group_pattern": "hex_cln_(..)_"}
        (made,) = MirdataFiles("guitarset", str(folder), annotation="G", **options).recordings()
        assert (made.id, made.group) == ("hex_cln_00_Funk3-112-C__solo_hex_cln", "00")
        assert pitch(made) == 400
        assert_array_equal(made.truth.read().f0[9:13], [0.0, 200.0, -200.0, 200.0])

    def test_a_missing_annotation_is_named(self, lay_out):
        folder = lay_out("vocadito", "1.0")
        corpus = MirdataFiles("vocadito", str(folder), "Audio/*.wav", "Annotations/{}.csv")
        with pytest.raises(
            DataError, match=r"vocadito_1\.wav: its annotation .*Annotations/vocadito_1\.csv is missing"
        ):
            corpus.recordings()

    def test_no_audio(self, lay_out):
        corpus = MirdataFiles("vocadito", str(lay_out("vocadito", "1.0")), "*.wav", "{}.csv")
        with pytest.raises(DataError, match=r"no audio file matches '\*\.wav'"):
            corpus.recordings()

    @pytest.mark.parametrize(("audio", "table"), [("*.wav", "f0.csv"), ("a.wav", "{}.csv"), ("*_?.wav", "{}.csv")])
    def test_patterns_that_do_not_pair(self, audio, table):
        with pytest.raises(DataError, match=r"it needs \{\} for the one"):
            MirdataFiles("vocadito", "nowhere", audio, table)


def test_a_real_clip_is_prepared_as_its_table_says(tmp_path):
    if "MELISMA_TEST_DATA" not in os.environ:
        pytest.skip("MELISMA_TEST_DATA is not set: no real recordings to read")
    folder = Path(os.environ["MELISMA_TEST_DATA"]) / "f0_mirdata_clips" / "vocadito"
    corpus = MirdataFiles("vocadito", str(folder), "*.wav", "{}_f0.csv")
    prepare(ShardRecipe(corpus, str(tmp_path), splits={"test": 1.0}), progress=False)
    index = SplitIndex([tmp_path], "test")
    assert list(index.tracks) == ["vocadito_1"]
    f0 = np.concatenate([index.read_f0(record)[: index.frames[record]] for record in range(len(index))])
    times, table = np.loadtxt(folder / "vocadito_1_f0.csv", delimiter=",").T
    nearest = table[np.searchsorted(times, np.arange(len(f0)) * 0.01 + 1e-6) - 1]
    both = (f0 > 0) & (nearest > 0)
    assert np.mean((f0 > 0) == (nearest > 0)) > 0.999
    assert np.abs(1200 * np.log2(f0[both] / nearest[both])).max() < 100
    assert_allclose(f0, read_f0(folder / "vocadito_1_f0.csv").at(np.arange(len(f0)) * 0.01), rtol=1e-6)
