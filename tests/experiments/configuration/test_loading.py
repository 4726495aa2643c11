"""jsonargparse within bounds: it loads what it always did, and no bomb."""

import dataclasses
import os

import pytest
import yaml
from jsonargparse import ArgumentParser, Namespace
from jsonargparse import _loaders_dumpers as loaders

from datamodules.documents import Bounds
from experiments import mistakes
from experiments.configuration import loading

BOMB = (
    "["
    + "&a [x, x, x, x, x, x, x, x, x, x]"
    + "".join(
        f", &{name} [{', '.join([f'*{before}'] * 10)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
)
BOMB += "]"


@dataclasses.dataclass
class Part:
    number: int = 1
    names: list[str] = dataclasses.field(default_factory=list)


@pytest.fixture
def parser():
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--config", action="config")
    parser.add_argument("--number", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--names", type=list[str])
    parser.add_argument("--anything", type=dict)
    parser.add_argument("--part", type=Part)
    return parser


def said(parser, words, capsys):
    with pytest.raises(SystemExit) as ended:
        mistakes.parse(parser, words)
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert len(message) < 1000
    return message


def test_the_loader_of_jsonargparse_is_bounded_once_and_keeps_its_own_rules():
    original = loaders.get_yaml_default_loader()
    loading.bound_yaml()
    bound = loaders.get_yaml_default_loader()
    loading.bound_yaml()
    assert loaders.get_yaml_default_loader() is bound and issubclass(bound, Bounds)
    for text in ("1e-3", "[1e3, 2020-01-01, yes, 0x1f, 1_000, .5, null]", "{a: 1, b: [x]}"):
        assert yaml.load(text, bound) == yaml.load(text, original)
    assert yaml.load("1e-3", bound) == 1e-3 and yaml.load("2020-01-01", bound) == "2020-01-01"


def test_words_and_files_are_parsed_as_before(parser, tmp_path):
    (tmp_path / "part.yaml").write_text("number: 3\nnames: [x]\n")
    (tmp_path / "all.yaml").write_text("rate: 1e-3\npart: ./part.yaml\nanything: {a: &a [1], b: *a}\n")
    parsed = mistakes.parse(parser, ["--config", str(tmp_path / "all.yaml"), "--number=0x10", "--names", "[a, b]"])
    assert (parsed.rate, parsed.number, parsed.names) == (1e-3, 16, ["a", "b"])
    assert parsed.anything == {"a": [1], "b": [1]}
    assert parsed.part == Namespace(number=3, names=["x"]) or parsed.part.number == 3


def test_a_file_in_a_file_is_named_with_its_folder(parser, tmp_path, capsys):
    (tmp_path / "part.yaml").write_text("number: 3\n")
    (tmp_path / "all.yaml").write_text("part: part.yaml\n")
    assert "./part.yaml" in said(parser, ["--config", str(tmp_path / "all.yaml")], capsys)


@pytest.mark.parametrize("option", ["--number", "--rate", "--names", "--anything", "--part", "--config"])
def test_a_bomb_in_a_value_of_the_command_line_is_refused(parser, capsys, option):
    said(parser, [f"{option}={BOMB}"], capsys)


@pytest.mark.parametrize("place", ["all.yaml", "part.yaml"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (BOMB.encode(), "line 1: not valid YAML: more than 200000 values"),
        ("number: 1\n".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (b"number: 1\nnames: [\xff]\n", "line 2: byte 0xff is not UTF-8"),
        (b"number: 1\nnumber: 2\n", "line 2: not valid YAML: the key 'number' stands twice"),
        (b"[" * 100_000, "line 1: not valid YAML"),
        (b"number: 1\nnames: !!python/object/apply:os.system [ls]\n", "line 2: not valid YAML"),
    ],
)
def test_a_recipe_that_is_no_yaml_is_refused_with_file_and_line(parser, tmp_path, capsys, place, content, reason):
    (tmp_path / "all.yaml").write_text("part: part.yaml\n")
    (tmp_path / place).write_bytes(content)
    message = said(parser, ["--config", str(tmp_path / "all.yaml")], capsys)
    assert message.startswith(f"melisma: {tmp_path / place}") and reason in message


def test_a_recipe_that_is_a_folder_or_a_silent_pipe_is_refused(parser, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "Is a named pipe" in said(parser, [f"--config={tmp_path / 'pipe.yaml'}"], capsys)
    assert "Is a directory" in said(parser, ["--config", str(tmp_path)], capsys)


def test_a_recipe_from_a_pipe_that_a_shell_has_opened_is_read(parser):
    end, other = os.pipe()
    os.write(other, b"number: 7\n")
    os.close(other)
    try:
        assert mistakes.parse(parser, ["--config", f"/dev/fd/{end}"]).number == 7
    finally:
        os.close(end)


def test_recipes_that_name_each_other_are_checked_once_each(parser, tmp_path, capsys):
    (tmp_path / "a.yaml").write_text("part: b.yaml\n")
    (tmp_path / "b.yaml").write_text("part: a.yaml\n")
    loading.check_files(["--config", str(tmp_path / "a.yaml")])


@pytest.mark.parametrize("word", ["--config=http://localhost:9/x.yaml", "--part=http://localhost:9/x.yaml"])
def test_no_url_is_opened_for_a_part_of_a_recipe(parser, capsys, monkeypatch, word):
    import lightning.pytorch.cli  # noqa: F401 -- which lets jsonargparse open them

    opened = []
    monkeypatch.setattr("socket.socket.connect", lambda *arguments: opened.append(arguments))
    said(parser, [word], capsys)
    assert not opened
