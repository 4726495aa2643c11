"""Manifests and lists of tracks that somebody else wrote."""

import pytest

from datamodules.corpora.sources.lists import read_manifest, splits_of_tracks
from datamodules.corpora.sources.names import by_identifier
from datamodules.errors import DataError


def rows(tmp_path, content, columns=("audio",)):
    (tmp_path / "list.tsv").write_bytes(content)
    return read_manifest(tmp_path / "list.tsv", columns)


def test_a_field_of_any_length_is_read(tmp_path):
    (row,) = rows(tmp_path, b"audio\tnote\na.wav\t" + b"x" * 200_000 + b"\n", ("audio", "note"))
    assert row.required("audio") == "a.wav" and len(row.required("note")) == 200_000


def test_lines_are_counted_with_those_that_are_empty_and_rows_may_be_short_or_long(tmp_path):
    short, long = rows(tmp_path, b"audio\tnote\r\n\r\na\r\nb\tx\ty\r\n", ("audio", "note"))
    assert (short.origin[-6:], dict(short.values)) == ("line 3", {"audio": "a", "note": None})
    assert (long.origin[-6:], dict(long.values)) == ("line 4", {"audio": "b", "note": "x"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!DOCTYPE html>\n<html></html>", "is HTML, a web page"),
        (b"audio\taudio\nx\ty\n", "column 'audio' stands there twice"),
        (b"x" * 300_000 + b"\ny\n", "no column 'audio'; its columns are 'xxx"),
        (b"", "no column 'audio'; its columns are none"),
        (b"audio\n", "lists no recording"),
    ],
)
def test_what_is_no_manifest_is_refused_in_a_short_line(tmp_path, content, reason):
    with pytest.raises(DataError, match=reason) as raised:
        rows(tmp_path, content)
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("name", ["/", ".", "..", ""])
def test_what_is_no_name_of_a_file_is_refused(tmp_path, name):
    if name == "..":
        by_identifier([name], tmp_path)  # a name, if of a folder; it is said where it is read
        return
    with pytest.raises(DataError, match="is no name of a file"):
        by_identifier([name], tmp_path)


def test_a_list_of_tracks_nested_too_deeply_is_refused(tmp_path):
    (tmp_path / "tracks.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match=r"tracks\.json: lists or mappings in each other"):
        splits_of_tracks(tmp_path / "tracks.json", None)
