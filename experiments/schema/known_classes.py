"""The classes that a `class_path` may name, and the names that lead to each."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torch import nn

from datamodules.errors import DataError, shown

OURS = ("architectures", "callbacks", "datamodules", "lightning_modules")
# Of other libraries, the classes of exactly these modules; what their modules define beside is seldom meant.
OTHERS = ("torch.nn", "torch.optim", "torch.optim.lr_scheduler", "torchaudio.transforms")
LIGHTNING = "lightning"
# Not abstract, but nothing without a subclass.
BASES = ("lightning_modules.AudioModule", "torch.optim.Optimizer")


class KnownClass(NamedTuple):
    """A class that can be made from a configuration.

    Attributes:
        cls: the class.
        path: the shortest path that leads to it, as in `architectures.CREPE`.
        names: the path, then the name alone if no other class of the choice has it.
        longer: further paths that lead to it, such as that of its module.
    """

    cls: type
    path: str
    names: tuple[str, ...]
    longer: tuple[str, ...]


def import_all(modules: Sequence[str] = ()) -> None:
    """Import every class of ours, and modules: what is not imported is no known subclass.

    Args:
        modules: further modules, with classes of the user's own.

    Raises:
        DataError: there is no such module.
    """
    for name in (*OURS, *modules):
        try:
            package = importlib.import_module(name)
        except (ModuleNotFoundError, ValueError, TypeError) as error:
            if isinstance(error, ModuleNotFoundError) and not f"{name}.".startswith(f"{error.name}."):
                raise  # a package that the module needs
            raise DataError(f"--modules: {shown(name)}: there is no such module") from error
        inner = pkgutil.walk_packages(getattr(package, "__path__", ()), f"{name}.")
        for module in (name, *(found.name for found in inner if found.ispkg and name in OURS)):
            loaded = importlib.import_module(module)
            for public in getattr(loaded, "__all__", ()):
                getattr(loaded, public)  # packages import what is asked for


def known_classes(bases: Sequence[type], modules: Sequence[str] = ()) -> list[KnownClass]:
    """The classes that can be made where one of the bases is expected, by their path.

    Args:
        bases: they count, too, unless they are abstract.
        modules: roots of class paths beside ours and those of torch and Lightning.
    """
    found: dict[str, tuple[type, list[str]]] = {}
    for cls in _subclasses(bases):
        paths = _paths(cls)
        if paths and _is_listed(paths[0], cls, modules) and not _is_abstract(cls):
            found.setdefault(paths[0], (cls, paths))
    times = Counter(path.rpartition(".")[2] for path in found)
    return [
        KnownClass(cls, path, (path, name) if times[name] == 1 else (path,), tuple(paths[1:]))
        for path, (cls, paths) in sorted(found.items())
        for name in (path.rpartition(".")[2],)
    ]


def summary(cls: type) -> str:
    """The first paragraph of a class's docstring, in one line; nothing of a base's."""
    paragraph = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0]
    return " ".join(paragraph.split())


def _subclasses(bases: Sequence[type]) -> Iterator[type]:
    seen: dict[type, None] = {}
    waiting = list(bases)
    while waiting:
        cls = waiting.pop()
        if cls not in seen and cls is not type:
            seen[cls] = None
            waiting += type.__subclasses__(cls)
    yield from seen


def _paths(cls: type) -> list[str]:
    """Every path by which a class can be imported from its module or a package around it, the shortest first."""
    if "<locals>" in cls.__qualname__ or "." in cls.__qualname__:
        return []
    parts = cls.__module__.split(".")
    modules = (".".join(parts[: depth + 1]) for depth in range(len(parts)))
    return [f"{name}.{cls.__name__}" for name in modules if getattr(sys.modules.get(name), cls.__name__, None) is cls]


def _is_listed(path: str, cls: type, modules: Sequence[str]) -> bool:
    module = path.rpartition(".")[0]
    if path in BASES or any(part.startswith("_") for part in path.split(".")):
        return False
    if any(f"{module}.".startswith(f"{each}.") for each in modules):
        return True
    if module.partition(".")[0] in OURS:
        return module != cls.__module__  # what a package does not name is a part of something else
    return module in OTHERS or module.partition(".")[0] == LIGHTNING


def _is_abstract(cls: type) -> bool:
    computes = not issubclass(cls, nn.Module) or cls.forward is not nn.Module.forward
    return inspect.isabstract(cls) or bool(cls.__dict__.get("_is_protocol", False)) or not computes
