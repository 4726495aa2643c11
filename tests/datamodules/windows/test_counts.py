"""Windows are counted for many records at once: as many as there are when each record is looked at by itself."""

from types import SimpleNamespace

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from datamodules.shards.index import SplitIndex
from datamodules.windows import plan as planning
from datamodules.windows.plan import Windows
from datamodules.windows.reader import WindowReader


class Bitmaps(SimpleNamespace):
    """Records of given voicing, whose bitmaps are filled up to whole bytes."""

    def __init__(self, voiced, start):
        self.all = [np.array(each, np.bool_) for each in voiced]
        self.start, self.frames = np.array(start, np.int32), np.array(list(map(len, voiced)), np.int32)
        self.voiced = np.array(list(map(sum, voiced)), np.int32)

    def __len__(self):
        return len(self.all)

    def voiced_frames(self, record):
        return self.all[record]

    def voiced_bits(self, first, last):
        bits = [np.unpackbits(np.packbits(each)) for each in self.all[first:last]]
        return np.concatenate(bits), np.cumsum([0, *map(len, bits)])


records = st.lists(
    st.tuples(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 90)), min_size=1, max_size=9
)


@settings(max_examples=300, deadline=None)
@example([([True] * 8, 0), ([True] * 8, 8)], 3, 2, True, 4096)  # no bit between the records
@given(records, st.integers(1, 9), st.integers(1, 9), st.booleans(), st.sampled_from([2, 4096]))
def test_as_many_as_each_record_has_by_itself(given, frames, stride, voiced_only, block):
    index, windows = Bitmaps(*zip(*given, strict=True)), Windows(frames, stride, voiced_only)
    before, planning._BLOCK = planning._BLOCK, block
    try:
        counts = windows.counts(index)
    finally:
        planning._BLOCK = before
    assert counts.tolist() == [windows.starts(index, record).size for record in range(len(index))]


def test_counts_of_real_shards_are_those_of_each_record(melody_shards):
    index = SplitIndex([melody_shards], "train")
    for windows in (Windows(), Windows(7, 3), Windows(1, 1, True), Windows(5, 1, True), Windows(3, 8, True)):
        counts = windows.counts(index)
        assert counts.tolist() == [windows.starts(index, record).size for record in range(len(index))]
        assert counts.dtype == np.int32


def test_the_record_before_is_that_which_ends_where_one_begins(melody_shards):
    index = SplitIndex([melody_shards], "train")
    reader = WindowReader(index, 256, Windows())
    for record in range(len(index)):
        before = [
            other
            for other in range(len(index))
            if index.track[other] == index.track[record]
            and index.start[other] + index.frames[other] == index.start[record]
        ]
        assert reader._previous(record) == (before[0] if before else -1)
