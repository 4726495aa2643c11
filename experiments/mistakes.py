"""Say in two lines what is wrong with a configuration: the key with its file and line, and what it could be.

jsonargparse prints the usage and the whole value before the reason. The exceptions behind its message name the key
piece by piece, and the classes between, from the outermost to the reason itself.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple, NoReturn

import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace

from datamodules.documents import compose_yaml
from datamodules.errors import DataError, cut, cut_lines, shown
from datamodules.files import read_text
from experiments.configuration import loading
from experiments.configuration.loading import config_files
from experiments.failures import print_trace
from experiments.trusting import policy

PACKAGES = ("architectures", "callbacks", "datamodules", "lightning_modules")

# How jsonargparse 4.53 words its messages: those around a reason, then reasons.
_KEY = re.compile(r'Parser key "(?P<key>.+?)"')
_CLASS = re.compile(r"(Problem with given class_path|Type typing\.Callable.+class_path=)\s?'(?P<path>.+?)'", re.DOTALL)
_AROUND = re.compile(
    r"Parser key|Problem with given class_path|Does not validate against|Type typing|\n- Expected a path"
    r"|Call to compute_fn"
)
_NO_KEY = re.compile(
    r"(?:Group '(?P<group>.+?)' does not accept option|Subcommand '\w+' does not accept option|Option) '(?P<key>.+?)'"
    r"|unrecognized arguments: --(?P<word>[^\s=+]+)"
)
_NO_CLASS = re.compile(
    r"(?:Import path|Unexpected import path format:|Expected a dot import path string:) (?P<path>\S+)"
    r"|module '(?P<module>\S+)' has no attribute '(?P<name>\w+)'|No (?P<lazy>\S+) attribute (?P<lazy_name>\w+)"
)
_NO_MODULE = re.compile(r"No module named '(?P<module>\S+)'")
_NO_SUBCLASS = re.compile(r"Import path (?P<path>\S+) does not correspond to a subclass of (?P<base>\S+)")
_EXPECTED = re.compile(r"^(?:  - )?Expected an? (?P<type>.+?)(?:\. Got value: (?P<value>.*))?$", re.MULTILINE)


def parse(parser: ArgumentParser, words: list[str]) -> Namespace:
    """Parse the words behind a command's name, or stop with exit code 2 and say what is wrong with them."""
    if _asked.get():
        raise _ParserAsked(parser)
    parser.exit_on_error = False
    check_files(words)
    try:
        with policy.only_trusted(words):
            parsed = parser.parse_args(words)
        policy.refuse_functions(parsed, words)
        return parsed
    except ArgumentError as error:
        stop(explain(error, parser, words))
    except ImportError as error:
        stop_if_denied(error)
        raise


def instantiated(parser: ArgumentParser, parsed: Namespace) -> Namespace:
    """Make the objects of a parsed recipe, or stop with exit code 2 and say what a class refused."""
    try:
        made: Namespace = parser.instantiate(parsed)
    except DataError:
        raise
    except (ValueError, TypeError) as error:
        stop(f"{Reason.of(error).text}; is there a key with another kind of value, or null, where a value is needed?")
    return made


def stop_if_denied(error: ImportError) -> None:
    """Stop with exit code 2 if a file names what is never imported. A package that is missing is another matter."""
    if isinstance(error, ValueError):  # jsonargparse looks at it before it looks at types
        stop(str(error).partition(", denied")[0])


def check_files(words: Sequence[str]) -> None:
    """Stop with exit code 2 if a YAML file of the command line is none, and say why; jsonargparse would not."""
    try:
        loading.check_files(words)
    except DataError as error:
        stop(str(error))


def parser_of(command: Callable[[list[str]], None]) -> ArgumentParser | None:
    """The parser of a command, which is not run; None if it has none of its own.

    Args:
        command: `main` of a module of `commands`.
    """
    token = _asked.set(True)
    try:
        with contextlib.redirect_stdout(None):  # a command without a parser prints its help
            command(["--help"])
    except _ParserAsked as asked:
        return asked.parser
    finally:
        _asked.reset(token)
    return None


class _ParserAsked(Exception):
    def __init__(self, parser: ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


_asked: ContextVar[bool] = ContextVar("_asked", default=False)


def stop(message: str) -> NoReturn:
    """End with exit code 2, as after any mistake in a command."""
    print_trace()
    print(f"melisma: {cut_lines(message)}", file=sys.stderr)
    sys.exit(2)


def explain(error: ArgumentError, parser: ArgumentParser, words: Sequence[str]) -> str:
    """What is wrong in the words or in the files that they name, in one or two lines.

    Args:
        error: of the parser.
        parser: the one whose arguments the words are; for a subcommand, that of the subcommand.
        words: of the command line.
    """
    reason = Reason.of(error)
    if denied := policy.denied_in(error):
        where = _located(reason.path, words, denied)
        if where == ".".join(reason.path):  # it stands there by another name
            where = _located(reason.path, words)
        return f"{where}: {policy.refusal(denied)}"
    if key := reason.unknown_key():
        known = _arguments(reason.owner) if reason.owner else {action.dest for action in parser._actions}
        key, there = _misspelt(key, known)
        takes = f"{reason.owner} takes" if reason.owner else "there are"
        hint = _hint(difflib.get_close_matches(key[-1], there), f"{takes} {_listed(there)}")
        return f"{_located([*reason.path, *key], words)}: there is no such key\n  {hint}"
    if class_path := reason.unknown_class():
        return f"{_located(reason.path, words, class_path)}: {_class_hint(class_path, reason.text)}"
    if reason.path:
        return f"{_located(reason.path, words)}: {reason.expected() or reason.text}"
    return re.sub(r"\b(fit|validate|test|predict)\.", "", reason.text)


class Reason(NamedTuple):
    """Why jsonargparse refused.

    Attributes:
        path: the key, as far as it is right.
        owner: class path of the innermost class whose arguments are wrong; None: those of the command are.
        text: the innermost message, without those around it.
        around: the message around that.
    """

    path: list[str]
    owner: str | None
    text: str
    around: str

    @classmethod
    def of(cls, error: BaseException) -> Reason:
        """The reason behind an exception."""
        messages = [str(error)]
        while _AROUND.match(messages[-1]) and (error_behind := error.__cause__ or error.__context__):
            error = error_behind
            messages.append(str(error))
        distinct = [text for text, before in zip(messages, ["", *messages], strict=False) if text != before]
        keys = [part for text in distinct if (found := _KEY.match(text)) for part in found["key"].split(".")]
        owners = [found["path"] for text in distinct if (found := _CLASS.match(text))]
        text = cut(re.sub(r'^Parser key "\S+":\s', "", distinct[-1]))
        return cls(keys, owners[-1] if owners else None, text, distinct[-2] if len(distinct) > 1 else "")

    def unknown_key(self) -> list[str]:
        """The rest of the key if there is none of that name, else nothing."""
        if not (found := _NO_KEY.match(self.text)):
            return []
        names = filter(None, (found["group"], found["key"] or found["word"]))
        return [part for part in ".".join(names).split(".") if part != "init_args"]

    def unknown_class(self) -> str | None:
        """The class path if it leads to no class or to one that does not fit."""
        if (found := _NO_MODULE.match(self.text)) and f"{self.owner}.".startswith(f"{found['module']}."):
            return self.owner  # else a package that the class needs is missing
        found = _NO_CLASS.match(self.text)
        return ".".join(filter(None, found.groups())) if found else None

    def expected(self) -> str | None:
        """The types that would do and the value, if that is of another."""
        if not (found := _EXPECTED.match(self.text)):
            return None
        union = "\nErrors:\n" in self.around
        types = [each for each, _ in _EXPECTED.findall(self.around)] if union else [found["type"]]
        return f"expected {' or '.join(map(_readable, types))}, got {shown(found['value'])}"


def _readable(annotation: str) -> str:
    if found := re.fullmatch(r"<class '(?:.+\.)?(\w+)'>", annotation):
        return {"NoneType": "null", "Sequence": "a list", "Mapping": "a mapping"}.get(found[1], found[1])
    return re.sub(r"typing\.Literal\[(.+)\]", r"\1", annotation)


def _arguments(class_path: str) -> set[str]:
    """What a class takes, with the keys of dataclasses among it."""
    module, _, name = class_path.rpartition(".")
    parser = ArgumentParser(exit_on_error=False)
    found = getattr(importlib.import_module(module), name)
    add = parser.add_class_arguments if inspect.isclass(found) else parser.add_function_arguments
    add(found, fail_untyped=False)
    return {action.dest for action in parser._actions}


def _misspelt(key: Sequence[str], known: Collection[str]) -> tuple[list[str], set[str]]:
    """The key up to the first part that is not known, and what there is in its place."""
    paths = [name.split(".") for name in known if not name.endswith("help") and name not in ("config", "print_config")]
    there: set[str] = set()
    for depth, part in enumerate(key):
        there = {path[depth] for path in paths if len(path) > depth and path[:depth] == list(key[:depth])}
        if part not in there:
            return list(key[: depth + 1]), there
    return list(key), there


def _class_hint(class_path: str, why: str) -> str:
    """That there is no such class, and which others may be meant."""
    if class_path.endswith((".yaml", ".yml")):
        return f"there is no file {class_path}"
    module, _, name = class_path.rpartition(".")
    paths = [f"{package}.{each}" for package in PACKAGES if package in sys.modules for each in _classes(package)]
    if found := _NO_SUBCLASS.match(why):
        fitting = [path for path in paths if found["base"] in _bases(path)]
        return f"{class_path} is no {found['base']}\n  there are {_listed(fitting)}"
    beside = [f"{module}.{each}" for each in _classes(module)]
    paths = sorted({*paths, *beside})
    near = difflib.get_close_matches(name, {path.rpartition(".")[2] for path in paths})
    similar = [path for each in near for path in paths if path.endswith(f".{each}")]
    otherwise = f"there are {_listed(beside)}" if beside else f"a class path is PACKAGE.CLASS, of {', '.join(PACKAGES)}"
    return f"there is no class {class_path}\n  {_hint(similar, otherwise)}"


def _classes(module: str) -> list[str]:
    """Names of the classes in a module; what a package lists is not imported for it."""
    if module not in sys.modules and not policy.is_open(module):
        return []
    try:
        loaded = importlib.import_module(module)
    except (ImportError, ValueError, TypeError):  # TypeError: a name that begins with a dot
        return []
    names = getattr(loaded, "__all__", None) or [name for name, value in vars(loaded).items() if inspect.isclass(value)]
    return [name for name in names if name[0].isupper()]


def _bases(class_path: str) -> Iterator[str]:
    module, _, name = class_path.rpartition(".")
    return (base.__name__ for base in inspect.getmro(getattr(sys.modules[module], name)))


def _hint(near: Sequence[str], otherwise: str) -> str:
    return f"did you mean {' or '.join(near)}?" if near else otherwise


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))


def _located(path: Sequence[str], words: Sequence[str], value: str | None = None) -> str:
    """A key as the user wrote it: `--model.network` on the command line, `FILE, line 3: model.network` in a file."""
    key = ".".join(path)
    given = [word[2:].partition("=")[0].rstrip("+").replace(".init_args", "") for word in words if word[:2] == "--"]
    if any(word == key or word.startswith(f"{key}.") for word in given):
        return f"--{key}"
    places = (_line(file, path, value) for file in reversed(config_files(words)))
    return ": ".join(filter(None, (next(filter(None, places), None), key)))


def _line(file: Path, path: Sequence[str], value: str | None) -> str | None:
    try:
        root = compose_yaml(read_text(file), str(file))
    except DataError:
        return None
    return None if root is None else _below(file, root, root, path, value)


def _below(file: Path, name: yaml.Node, node: yaml.Node, path: Sequence[str], value: str | None) -> str | None:
    """`FILE, line N` of a key below the node of a name; of the elements of a list, the first that has it counts."""
    if isinstance(node, yaml.SequenceNode):
        return next(filter(None, (_below(file, item, item, path, value) for item in node.value)), None)
    if path and isinstance(node, yaml.ScalarNode) and node.value.endswith((".yaml", ".yml")):
        return _line(file.parent / node.value, path, value)  # a recipe in a file of its own
    below = {key.value: (key, child) for key, child in node.value} if isinstance(node, yaml.MappingNode) else {}
    if path and path[0] in below:
        return _below(file, *below[path[0]], path[1:], value)
    if path and "init_args" in below:
        return _below(file, *below["init_args"], path, value)
    if value is not None and "class_path" in below:
        return _below(file, *below["class_path"], path, value)
    return None if path or value not in (None, node.value) else f"{file}, line {name.start_mark.line + 1}"
