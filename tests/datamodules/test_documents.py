"""YAML and JSON of somebody else: what is right stays what it was, and what is wrong gets one line."""

import json
import re
from datetime import date

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules import documents
from datamodules.documents import parse_json, parse_yaml, read_json, read_yaml
from datamodules.errors import DataError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.dates())
VALUES = st.recursive(SCALARS, lambda each: st.one_of(st.lists(each), st.dictionaries(st.text(), each)), max_leaves=20)


def refusal(text, parse=parse_yaml):
    with pytest.raises(DataError) as raised:
        parse(text, "x.yaml")
    message = str(raised.value)
    assert "\n" not in message and len(message) < 500 and message.startswith("x.yaml")
    return message


@settings(max_examples=40, deadline=None)
@given(VALUES)
def test_yaml_within_the_bounds_is_what_safe_load_makes_of_it(value):
    text = yaml.safe_dump(value)
    assert parse_yaml(text, "x") == yaml.safe_load(text) == value


@pytest.mark.parametrize(
    "text", ["1e-3", "1.0e-3", "yes", "2020-02-03", "0x1f", "012", "1:30", ".inf", "~", "", "!!set {a}"]
)
def test_scalars_keep_the_rules_of_safe_load(text):
    assert parse_yaml(text, "x") == yaml.safe_load(text)


def test_the_loader_in_python_has_the_same_bounds(monkeypatch):
    monkeypatch.setattr(documents, "_safe_loader", lambda: documents.bounded(yaml.SafeLoader))
    assert parse_yaml("{a: [1, 2020-02-03]}", "x") == {"a": [1, date(2020, 2, 3)]}
    assert "written out" in refusal(BOMB)
    assert "deep" in refusal("[" * 2000)


def test_aliases_that_stand_for_billions_of_values_are_refused():
    assert re.match(r"x\.yaml, line \d+: not valid YAML: more than 200000 values", refusal(BOMB))


def test_a_long_text_that_aliases_repeat_counts_as_often_as_it_stands_there():
    many = ", ".join(["*a"] * 3000)
    assert "written out" in refusal(f"a: &a [{'x' * 10_000}]\nb: [{many}]\n")


def test_merges_of_merges_are_counted_too():
    levels = "".join(f"l{n}: &l{n}\n  k{n}: [" + ", ".join([f"*l{n - 1}"] * 30) + "]\n" for n in range(1, 6))
    assert "written out" in refusal(f"l0: &l0 {{a: 1}}\n{levels}")


def test_an_alias_of_what_it_stands_in_is_refused():
    assert refusal("a: 1\nb: &b [*b]\n") == "x.yaml, line 2: not valid YAML: an alias stands within what it repeats"


def test_aliases_that_repeat_little_are_read():
    assert parse_yaml("a: &a [1, 2]\nb: {<<: {c: *a}}\n", "x") == {"a": [1, 2], "b": {"c": [1, 2]}}


@pytest.mark.parametrize("text", ["[" * 200 + "]" * 200, "- " * 500 + "a", "[" * 100_000, "? " * 5000])
def test_deep_nesting_is_refused(text):
    assert re.search("deep|nesting", refusal(text))


def test_deep_lists_are_counted_with_what_their_aliases_stand_for():
    levels = ["[" * 60 + "1" + "]" * 60, "[" * 30 + "*a" + "]" * 30]
    assert parse_yaml("a: &a {}\nb: {}\n".format(*levels), "x")
    levels[1] = "[" * 60 + "*a" + "]" * 60
    assert re.search("deep", refusal("a: &a {}\nb: {}\n".format(*levels)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2020-99-99", "line 2: not valid YAML: '2020-99-99' is no timestamp"),
        ("a: !!int x", "line 1: not valid YAML: 'x' is no int"),
        ("a: !!int ''", "line 1: not valid YAML: '' is no int"),
        ("a: !!bool x", "line 1: not valid YAML: 'x' is no bool"),
        ("a: !!timestamp x", "line 1: not valid YAML: 'x' is no timestamp"),
        ("a: " + "9" * 5000, "line 1: not valid YAML: a number of 5000 characters"),
        ("a: 1\nb: \x07", "line 2: not valid YAML: a control character (0x07) stands there"),
        ("a: 1\nb: c: d", "line 2: not valid YAML: mapping values are not allowed in this context"),
        ("a: \ud800", "is not a character"),
        ("rate: 1\nhop: 2\nrate: 3", "line 3: not valid YAML: the key 'rate' stands twice in one mapping"),
        ("a: !!python/object/apply:os.system [ls]", "YAML that makes Python objects is not read"),
        ("<!DOCTYPE html>\n<html>", "is HTML"),
        ("--- 1\n--- 2\n", "line 2: not valid YAML"),
        ("{[1]: 2, {a: b}: c}", "found unhashable key"),
    ],
)
def test_yaml_that_is_wrong_is_refused_with_its_line(text, said):
    assert said in refusal(text)


def test_yaml_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(documents, "MOST_YAML", 10)
    assert "longer" in refusal("a: " + "x" * 10)


@pytest.mark.parametrize(("read", "most"), [(read_yaml, "MOST_YAML"), (read_json, "MOST_JSON")])
def test_a_file_that_is_too_long_is_refused_before_it_is_read(read, most, tmp_path):
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # which no memory holds, and no disk has to
    with pytest.raises(DataError) as raised:
        read(path)
    mebibytes = getattr(documents, most) >> 20
    assert str(raised.value) == f"{path}: is larger than {mebibytes} MiB, more than a file of its kind ever has"


def test_json_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(documents, "MOST_JSON", 10)
    assert parse_json(b"[1,2,3,45]", "x") == [1, 2, 3, 45]
    assert "which JSON here never is" in refusal(b"[1,2,3,456]", parse_json)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_get_one_line(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    for read in (read_yaml, read_json):
        try:
            read(path)
        except DataError as error:
            assert str(error).startswith(str(path)) and "\n" not in str(error)


@settings(max_examples=40, deadline=None)
@given(VALUES.filter(lambda value: not re.search("date", repr(value))))
def test_json_within_the_bounds_is_what_the_library_makes_of_it(value):
    assert parse_json(json.dumps(value), "x") == value
    assert parse_json(json.dumps(value).encode(), "x") == value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"[1,\n2,,]", "line 2: not valid JSON"),
        (b"[" * 100_000, "deep"),
        (b"[" * 150 + b"]" * 150, "deep"),
        (b"9" * 5000, "4300"),
        ("[1]".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (b"[1,\n\xff]", "line 2: byte 0xff is not UTF-8"),
        (b"<html></html>", "line 1: HTML"),
    ],
)
def test_json_that_is_wrong_is_refused_with_its_line(content, said):
    assert said in refusal(content, parse_json)
