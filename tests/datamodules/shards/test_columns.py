"""The column file: all that the sidecars say, in the same bytes each time, and never anything else in silence."""

import base64
import io
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from datamodules.errors import DataError
from datamodules.shards import names as naming
from datamodules.shards.column_writer import ColumnWriter
from datamodules.shards.columns import TAIL, UNCHECKED, ColumnFile
from datamodules.shards.members import MEMBERS, StoredMember
from datamodules.shards.names import Names, PickedNames, Text

text = st.text(st.characters(exclude_characters="\0"), max_size=8)
lengths = {"flac": 0, "i16": 0, "f0": 1, "feat": 1, "cqt": 2, "txt": 0}  # axes of a row, at most


@st.composite
def entry(draw, axes):
    number = st.integers(0, 2**40) if draw(st.booleans()) else st.integers(0, 1000)
    return {
        "offset": draw(st.integers(0, 2**50)),
        "size": draw(number),
        "shape": [draw(number), *draw(st.lists(st.integers(1, 9), max_size=axes))],
        "sha256": draw(st.binary(min_size=32, max_size=32)).hex(),
    }


@st.composite
def record(draw, track):
    frames = draw(st.integers(1, 40))
    made = {"key": draw(text), "track": draw(track), "start": draw(st.integers(0, 2**33)), "frames": frames}
    kinds = draw(st.sets(st.sampled_from(MEMBERS)))
    made["members"] = {name: draw(entry(lengths[name])) for name in kinds}
    if "f0" in kinds:
        voiced = draw(st.lists(st.booleans(), min_size=frames, max_size=frames))
        made["voiced"] = base64.b64encode(np.packbits(voiced).tobytes()).decode()
    if draw(st.booleans()):
        made["label"] = draw(st.sampled_from(["b", "a", ""]))
    if "txt" in kinds:
        made["symbols"] = draw(st.integers(0, 100))
    return made


@st.composite
def sidecars(draw):
    track = st.sampled_from(draw(st.lists(text, min_size=1, max_size=4)))
    shards = draw(st.lists(st.lists(record(track), max_size=5), max_size=4))
    return [{"bytes": number, "sha256": f"{number:064x}", "records": records} for number, records in enumerate(shards)]


def content(indexes, folder):
    file = io.BytesIO()
    with ColumnWriter(folder) as writer:
        for number, index in enumerate(indexes):
            writer.add(f"train-{number}.tar", index, f"{number:064x}")
        writer.write(file)
    return file.getvalue()


def bitmap(made):
    return base64.b64decode(made.get("voiced", ""))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("columns")


@settings(max_examples=120, deadline=None)
@given(sidecars())
def test_it_holds_what_the_sidecars_say_in_the_same_bytes_each_time(folder, indexes):
    written = content(indexes, folder)
    assert written == content(indexes, folder) and list(folder.glob("*~*")) == []
    path = folder / "train.index"
    path.write_bytes(written)
    columns, records = ColumnFile(path), [made for index in indexes for made in index["records"]]
    assert len(columns) == len(records)
    shards = [f"train-{number}.tar" for number in range(len(indexes))]
    assert columns.belongs_to(shards, [f"{number:064x}" for number in range(len(indexes))])
    assert not columns.belongs_to([*shards, "another"], [f"{0:064x}"])
    assert columns.bytes == [index["bytes"] for index in indexes]
    assert columns.sha256 == [index["sha256"] for index in indexes]
    check_numbers(columns, records, [number for number, index in enumerate(indexes) for _ in index["records"]])
    check_members(columns, records)


def check_numbers(columns, records, shard):
    tracks, labels = (
        sorted({made["track"] for made in records}),
        sorted({made.get("label", "") for made in records} - {""}),
    )
    assert list(Names([columns.text("tracks")])) == tracks and columns.labels == labels
    assert list(Names([columns.text("keys")])) == [made["key"] for made in records]
    track = [tracks.index(made["track"]) for made in records]
    samples = [
        sum(made["members"].get(name, {"shape": [0]})["shape"][0] for name in ("flac", "i16")) for made in records
    ]
    expected = {
        "track": track,
        "start": [made["start"] for made in records],
        "frames": [made["frames"] for made in records],
        "samples": samples,
        "shard": shard,
        "label": [labels.index(made["label"]) if made.get("label") else -1 for made in records],
        "symbols": [made.get("symbols", -1) for made in records],
        "voiced": [int(np.unpackbits(np.frombuffer(bitmap(made), np.uint8)).sum()) for made in records],
        "order": sorted(range(len(records)), key=lambda place: (track[place], records[place]["start"])),
    }
    for name, values in expected.items():
        assert columns.column(name).tolist() == values, name
    assert columns.silent == samples.count(0)
    ends = [max(made["start"] + made["frames"] for made in records if made["track"] == name) for name in tracks]
    assert columns.array("track_frames").tolist() == ends
    assert columns.array("first").tolist() == [
        sum(each < number for each in track) for number in range(len(tracks) + 1)
    ]


def check_members(columns, records):
    assert set(columns.members) == {name for made in records for name in made["members"]}
    for name, summary in columns.members.items():
        there = [made["members"][name] for made in records if name in made["members"]]
        assert summary.lacking == len(records) - len(there)
        assert summary.shapes == tuple(sorted({tuple(each["shape"][1:]) for each in there}))
    for place, made in enumerate(records if columns.members else ()):
        row = columns.row(place)
        for name in columns.members:
            wanted, found = made["members"].get(name), StoredMember.of(row[name])
            assert (wanted is None) == (found is None)
            if wanted is not None:
                assert found == (
                    wanted["offset"],
                    wanted["size"],
                    tuple(wanted["shape"]),
                    bytes.fromhex(wanted["sha256"]),
                )
    for first in range(len(records)):
        bitmaps, ends = columns.bitmaps(first, len(records))
        got = [bitmaps[low:high].tobytes() for low, high in pairwise(ends.tolist())]
        assert got == [bitmap(made) for made in records[first:]]


def small():
    records = [
        {"key": f"k{n}", "track": f"t{n % 3}", "start": n, "frames": 9, "voiced": "/4A=", "members": {}}
        for n in range(50)
    ]
    return [{"bytes": 1, "sha256": "0" * 64, "records": records}]


def test_no_byte_of_numbers_or_header_can_change_and_no_end_be_lost(tmp_path):
    written, path = content(small(), tmp_path), tmp_path / "train.index"
    path.write_bytes(written)
    columns = ColumnFile(path)
    unread = set(range(len(written) - TAIL.size - TAIL.unpack(written[-TAIL.size :])[0]))  # before the header
    for name, array in columns._arrays.items():
        if name not in UNCHECKED:
            unread -= set(range(array["offset"], array["offset"] + columns.array(name).nbytes))
    for place in set(range(0, len(written), 3)) - unread:
        changed = bytearray(written)
        changed[place] ^= 4
        path.unlink()
        path.write_bytes(changed)
        with pytest.raises(DataError, match=r"train\.index: [^\n]+$"):
            ColumnFile(path)
    for end in range(0, len(written), 7):
        path.write_bytes(written[:end])
        with pytest.raises(DataError, match=r"train\.index"):
            ColumnFile(path)


def test_names_are_made_where_they_are_asked_for(monkeypatch):
    words = [f"w{number:05d}" for number in range(9000)]
    data = "".join(words).encode()
    asked = []
    plain = naming.Text.some
    monkeypatch.setattr(naming.Text, "some", lambda self, low, high: asked.append(high - low) or plain(self, low, high))
    names = Names([Text(np.frombuffer(data, np.uint8), np.arange(0, len(data) + 1, 6), "a/")], ordered=True)
    assert names[8999] == names[-1] == "a/w08999" and names[3:5] == ("a/w00003", "a/w00004")
    assert names.index("a/w07777") == 7777 and "a/w07777" in names and "a/x" not in names and 3 not in names
    assert sum(asked) < 100
    assert names == [f"a/{word}" for word in words] and tuple(names) == tuple(f"a/{word}" for word in words)
    assert names != words and names != "a" and max(asked) <= 4096
    with pytest.raises(IndexError):
        names[9000]
    with pytest.raises(ValueError, match="not one of these"):
        names.index("a/w0")
    picked = PickedNames(names, np.array([5, 2]))
    assert list(picked) == ["a/w00005", "a/w00002"] and repr(picked) == "<2 names, 'a/w00005', 'a/w00002'>"
    assert picked.__reduce__() == (tuple, (["a/w00005", "a/w00002"],))


def test_several_texts_are_one_sequence():
    texts = [Text(np.frombuffer(word.encode(), np.uint8), np.arange(len(word) + 1)) for word in ("ab", "cde")]
    names = Names(texts)
    assert list(names) == [names[place] for place in range(5)] == list("abcde") and names.index("d") == 3


def test_a_file_that_is_none_of_ours_is_not_read(tmp_path):
    path = tmp_path / "train.index"
    for foreign in (b"", b"mine", bytes(4096)):
        path.write_bytes(foreign)
        with pytest.raises(DataError, match="not a file that `melisma prepare` wrote"):
            ColumnFile(path)
    with pytest.raises(DataError, match="neither a file nor a link to one; remove it"):
        ColumnFile(tmp_path)


def test_arrays_are_mapped_and_those_that_nothing_has_take_no_memory(tmp_path):
    path = tmp_path / "train.index"
    path.write_bytes(content(small(), tmp_path))
    columns = ColumnFile(path)
    assert not columns.array("start").flags.owndata and not columns.array("start").flags.writeable
    assert not columns.has("label") and columns.column("label").strides == (0,)
    assert_array_equal(columns.column("symbols"), np.full(50, -1))
    assert columns.column("start").dtype == np.int32
