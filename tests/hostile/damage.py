"""Ways to damage a file's bytes or a document's values, each drawn from a seeded generator."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

# What may stand in a document in the place of any value.
STRANGE = (
    None,
    True,
    -1,
    0,
    1 << 45,
    1 << 80,
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "text",
    "../outside/canary",
    "/etc/passwd",
    "\x00",
    "é" * 300,
    "x" * 100_000,
    [],
    [None],
    [[[]]],
    {},
    {"class_path": "os.system", "init_args": {"command": "echo executed > ../outside/executed"}},
)


def bytes_of(content: bytes, draw: random.Random) -> tuple[str, bytes]:
    """Damaged bytes, and what was done to them."""
    kind = draw.choice(("empty", "random", "cut", "flipped", "doubled", "utf-16", "zeros", "inserted", "html"))
    place = draw.randrange(len(content) or 1)
    if kind == "empty":
        return kind, b""
    if kind == "random":
        return kind, draw.randbytes(draw.choice((1, 16, 1000, 100_000)))
    if kind == "cut":
        return f"cut at {place}", content[:place]
    if kind == "flipped":
        damaged = bytearray(content)
        for _ in range(draw.choice((1, 1, 8, 64))):
            if damaged:
                damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        return kind, bytes(damaged)
    if kind == "doubled":
        return kind, content + content
    if kind == "utf-16":
        return kind, content.decode("utf-8", "replace").encode("utf-16")
    if kind == "zeros":
        end = draw.randrange(place, len(content) + 1) if content else 0
        return f"zeros from {place}", content[:place] + bytes(end - place) + content[end:]
    if kind == "inserted":
        return f"inserted at {place}", content[:place] + draw.randbytes(draw.choice((1, 4, 512))) + content[place:]
    return kind, b"<!DOCTYPE html>\n<html><body><h1>404 Not Found</h1></body></html>\n"


def value_of(document: Any, draw: random.Random) -> tuple[str, Any]:
    """A copy of a document with one value replaced, removed, repeated or renamed, and what was done."""
    paths = [path for path in places(document) if path]
    if not paths or draw.random() < 0.03:
        strange = draw.choice(STRANGE)
        return f"all of it is {strange!r}"[:60], strange
    damaged, path = copy.deepcopy(document), draw.choice(paths)
    holder = damaged
    for part in path[:-1]:
        holder = holder[part]
    name, kind = (
        ".".join(map(str, path)),
        draw.choice(("replaced", "replaced", "replaced", "removed", "renamed", "nested")),
    )
    if kind == "removed":
        del holder[path[-1]]
    elif kind == "renamed" and isinstance(holder, dict):
        holder[f"{path[-1]}_"] = holder.pop(path[-1])
    elif kind == "nested":
        value = holder[path[-1]]
        for _ in range(draw.choice((1, 5, 2000))):
            value = [value]
        holder[path[-1]] = value
    else:
        kind, value = "replaced", draw.choice(STRANGE)
        if isinstance(holder[path[-1]], (int, float)) and draw.random() < 0.5:
            value = draw.choice((-1, 0, 1, 1 << 31, 1 << 45, 1e308, 1e-308, float("nan"), -holder[path[-1]], 0.1))
        holder[path[-1]] = value
        name = f"{name} = {value!r}"[:100]
    return f"{name} {kind}", damaged


def places(document: Any) -> Iterator[tuple[Any, ...]]:
    """The path of every value of a document."""
    yield ()
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield from ((key, *path) for path in places(value))


def json_of(document: Any) -> bytes:
    """As JSON, however deeply it is nested."""
    try:
        return json.dumps(document).encode()
    except RecursionError:
        return b"[" * 100_000
