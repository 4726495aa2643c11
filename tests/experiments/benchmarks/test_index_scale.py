"""The benchmark of large splits: its split is a real one, and what a process measures is what happened."""

import json

import numpy as np
import pytest

from datamodules.shards.index import SplitIndex
from datamodules.shards.verify import verify
from experiments.benchmarks import index_scale
from experiments.benchmarks.index_scale import GRID, figure, make_split, probe, real_shard, row


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale")
    shard = real_shard(folder / "real", 6)
    assert make_split(folder / "split", shard, 12 * 6 * 10 / 3600) == 72
    return folder / "split"


def test_the_split_is_one_that_everything_reads(split):
    index = SplitIndex([split], "train")
    assert len(index) == 72 and index.tracks == [f"song_{number:06d}" for number in range(3)]
    assert sorted(zip(index.track.tolist(), index.start.tolist(), strict=True)) == [
        (track, GRID.segment * place) for track in range(3) for place in range(24)
    ]
    assert not any(finding.problem for finding in verify(split))
    assert all(np.count_nonzero(index.read_f0(n)[: GRID.segment]) == index.voiced[n] for n in range(72))
    first, second, *_ = sorted(split.glob("train-*.tar"))
    assert first.stat().st_ino == second.stat().st_ino


@pytest.mark.long
@pytest.mark.parametrize("workers", [0, 1])
def test_a_fresh_process_measures_itself_and_its_workers(split, workers):
    found = {"hours": 1, "side": "column file", "workers": workers}
    found |= probe(index_scale.PROBE.parents[2], split, workers, 4)
    assert 0 < found["open"] < 60 and 0 < found["first_batch"] < 100
    assert 20 < found["imported"]["rss"] <= found["opened"]["rss"] + 1
    assert [len(found[moment]["workers"]) for moment in ("first", "middle", "last")] == [workers] * 3
    assert len(row(found).split("|")) == len(index_scale.HEAD.split("|")) and json.dumps(found)
    figure([found])
