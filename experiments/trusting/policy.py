"""Which classes and functions files may name: those of melisma and of torch, and of the packages the user trusts.

A `class_path` in a YAML file is imported, and to import a module is to run it. So what a configuration names is looked
up in `OPEN` before it is imported, and what it turns out to be is looked up once more afterwards, because a module also
holds what it imports from elsewhere: `torch.nn.modules.module.os.system` is no part of `torch.nn`. Some of what lies in
these packages runs what it is told to, and is closed again by `CLOSED`.

This module imports neither torch nor jsonargparse, because `melisma --help` needs it.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datamodules.documents import parse_yaml
from datamodules.errors import DataError, shown
from datamodules.storage import consent

OPTION = consent.OPTION
VARIABLE = consent.TRUSTED
OURS = ("architectures", "callbacks", "datamodules", "lightning_modules")
OPEN = (
    *OURS,
    "torch.nn",
    "torch.optim",
    "torch.distributed.fsdp",
    "torchaudio.transforms",
    "experiments.studies.study",  # parts of a study, which its file holds without naming them
    *(
        f"lightning.pytorch.{room}"
        for room in ("accelerators", "callbacks", "cli", "loggers", "plugins", "profilers", "strategies")
    ),
    "lightning.fabric.plugins",
)
CLOSED = (
    "lightning.pytorch.callbacks.LambdaCallback",
    "lightning.pytorch.callbacks.lambda_function",
    "lightning.pytorch.strategies.launchers",
)
_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
_FILES = ("--config", "-c", "--ckpt_path")  # whose values are no classes
_DENIED = re.compile(r"Importing '(?P<path>[^']+)' is not allowed, denied by the")


def take_option(words: Sequence[str]) -> list[str]:
    """The words of a command line without `--trust`, whose packages are trusted from now on, in this process and below.

    Raises:
        DataError: a name is that of no package.
    """
    rest, packages = [], [*trusted()]
    after = iter(words)
    for word in after:
        name, equals, value = word.partition("=")
        if name == OPTION:
            named = value if equals else next(after, "")
            if not named or named.startswith("-"):
                raise DataError(f"{OPTION}: write behind it what is trusted, as in {OPTION} my_package")
            packages += named.split(",")
        else:
            rest.append(word)
    if packages and not consent.is_asked():
        os.environ[VARIABLE] = ",".join(dict.fromkeys(packages))
        trusted()  # refuses those that are none
    return rest


def trusted() -> tuple[str, ...]:
    """The packages and modules that the user trusts.

    Raises:
        DataError: a name is that of no package.
    """
    names = os.environ.get(VARIABLE)
    packages = tuple(names.split(",")) if names else ()
    for package in packages:
        if not all(part.isidentifier() for part in package.split(".")) or package.startswith("jsonargparse"):
            raise DataError(f"{OPTION} {shown(package)}: the name of a package or module is expected")
    return packages


@contextmanager
def only_trusted(typed: Sequence[str] = ()) -> Iterator[None]:
    """Have jsonargparse import nothing else while it parses and builds.

    Args:
        typed: words of the command line; modules of the class paths that stand there are trusted too.
    """
    from jsonargparse import set_parsing_settings
    from jsonargparse._common import parsing_settings

    names = ("import_path_verdicts", "import_paths_enforced")
    before = {name: parsing_settings[name] for name in names}
    named = [each for path in class_paths(typed) for each in (path, _module(path)) if each]
    set_parsing_settings(import_path_denylist=["*", *CLOSED], import_path_allowlist=[*OPEN, *trusted(), *named])
    _find_stubs_here()
    try:
        yield
    finally:
        parsing_settings.update(before)


def _find_stubs_here() -> None:
    """Tell jsonargparse where stubs are; it would ask another Python, which runs a json.py of the current folder."""
    from jsonargparse import _stubs_resolver as stubs

    if stubs.stubs_resolver is None:
        places = [Path(place) for place in sys.path if place]
        context = stubs.tc.get_search_context(search_path=places)  # type: ignore[attr-defined]
        stubs.stubs_resolver = stubs.StubsResolver(search_context=context)  # type: ignore[assignment]


def class_paths(words: Sequence[str]) -> Iterator[str]:
    """The class paths in words of a command line; the names of files are none."""
    key = ""
    for word in words:
        name, equals, value = word.partition("=")
        if word.startswith("-"):
            key = name
            if not equals:
                continue
        else:
            value = word
        if key not in _FILES:
            try:
                yield from _paths_in(parse_yaml(value, key))
            except DataError:  # the parser says what is wrong with it
                continue


def refuse_untrusted(words: Sequence[str], file: object) -> None:
    """Refuse words of a command line that do not come from one but from a file.

    Args:
        words: that name classes, or packages that are to be trusted.
        file: where they stand, for the message.

    Raises:
        DataError: one of them is neither ours nor torch's nor trusted.
    """
    for word in words:
        if word.partition("=")[0] in (OPTION, VARIABLE):
            raise DataError(f"{file}: {word.partition('=')[0]} in a file has no effect; say it on the command line")
    for path in class_paths(words):
        if not is_open(path):
            raise DataError(f"{file}: {refusal(path)}")


def is_open(path: str) -> bool:
    """Whether a class path of a file, or its module, may be imported."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in CLOSED or name in (*OPEN, *trusted()):
            return name not in CLOSED or name in trusted()
    return False


def refuse_functions(config: object, typed: Sequence[str] = ()) -> None:
    """Refuse functions of ours that a configuration names where something is to be called: files name classes.

    Args:
        config: as jsonargparse has parsed it; nothing of it has been called.
        typed: words of the command line, whose functions may be called.

    Raises:
        DataError: names the first.
    """
    named = set(class_paths(typed))
    for path, found in _named_in(config):
        ours = inspect.isroutine(found) and found.__module__.partition(".")[0] in OURS
        if ours and path not in named and f"{found.__module__}.{found.__qualname__}" not in named:
            raise DataError(f"class_path {shown(path)} is a function of melisma; files name classes")


def _named_in(config: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 -- whatever a configuration holds
    """Every class path below a value, and what it leads to."""
    if inspect.isroutine(config):
        yield getattr(config, "__qualname__", ""), config
    values = config if isinstance(config, (list, tuple)) else ()
    if isinstance(config, dict) or type(config).__name__ == "Namespace":
        named = config if isinstance(config, dict) else vars(config)
        path, values = named.get("class_path"), list(named.values())
        if isinstance(path, str) and (module := sys.modules.get(path.rpartition(".")[0])) is not None:
            yield path, getattr(module, path.rpartition(".")[2], None)
    for value in values:
        yield from _named_in(value)


def denied_in(error: BaseException) -> str | None:
    """The class path for which jsonargparse raised an exception under `only_trusted`; None: it has another reason."""
    seen: list[BaseException] = []
    while error not in seen:
        seen.append(error)
        if found := _DENIED.search(str(error)):
            return found["path"]
        behind = error.__cause__ or error.__context__
        if behind is None:
            break
        error = behind
    return None


def refusal(path: str) -> str:
    """What to say of a class path that is not open."""
    package = path.partition(".")[0]
    if path.endswith((".yaml", ".yml")):  # it might be a class of a module; a slash says that it is none
        return f"{shown(path)}: name a file with its folder, ./{path}"
    if package in sys.stdlib_module_names or package in ("torch", "lightning", "jsonargparse"):
        return f"class_path {shown(path)} is refused: files name classes of melisma, layers, optimisers and callbacks"
    return (
        f"class_path {shown(path)} is not of melisma or torch, and its module would be run: if you trust it, add "
        f"{OPTION} {package}"
    )


def _module(path: str) -> str | None:
    """The module of a typed class path, unless it is one that others need."""
    module = path.rpartition(".")[0]
    shared = {*sys.stdlib_module_names, "torch", "lightning", "torchaudio", "torchvision", "jsonargparse"}
    return None if module in shared else module


def _paths_in(value: Any) -> Iterator[str]:  # noqa: ANN401 -- whatever YAML holds
    if isinstance(value, str):
        if _PATH.fullmatch(value) and not os.path.exists(value):
            yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == "class_path" or not isinstance(each, str):
                yield from _paths_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _paths_in(each)
