"""Shards are plain WebDataset tars: webdataset's own reader gives the records."""

import io
import json

import numpy as np
import soundfile
import webdataset

from datamodules.shards.index import SplitIndex


def test_webdataset_reads_what_the_index_reads(melody_shards):
    index = SplitIndex([melody_shards], "train")
    tars = sorted(map(str, melody_shards.glob("train-*.tar")))
    samples = list(webdataset.WebDataset(tars, shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == list(index.keys)
    for record, sample in enumerate(samples):
        audio, _ = soundfile.read(io.BytesIO(sample["flac"]), dtype="int16")
        assert np.array_equal(audio, index.read_audio(record))
        assert np.array_equal(np.frombuffer(sample["f0"], "<f4"), index.read_f0(record))
        assert json.loads(sample["json"])["id"] == index.tracks[index.track[record]]
