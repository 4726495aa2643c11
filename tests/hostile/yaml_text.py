"""YAML that no recipe should hold: bombs, tags that ask for code, cycles, and what only looks like a value."""

import random
from itertools import pairwise

import yaml

MOST = 3_000_000  # characters


def nasty(draw: random.Random) -> tuple[str, bytes]:
    """One of them, and what it is."""
    kind = draw.choice(sorted(_MAKERS))
    return kind, _MAKERS[kind](draw).encode("utf-8", "surrogatepass")[:MOST]


def within(document: dict, draw: random.Random) -> tuple[str, bytes]:
    """A document with one of them in the place of a value, and what it is."""
    kind = draw.choice(sorted(_VALUES))
    key, text = draw.choice(sorted(document)), yaml.safe_dump(document, sort_keys=False)
    lines = yaml.safe_dump({key: "PLACE"}).rstrip("\n")
    text = yaml.safe_dump({**document, key: "PLACE"}, sort_keys=False).replace(
        lines, lines.replace("PLACE", _VALUES[kind](draw))
    )
    return f"{key}: {kind}", text.encode("utf-8", "surrogatepass")


def _bomb(draw: random.Random, seed: str = "x") -> str:
    width, depth = draw.choice(((2, 40), (10, 9), (100, 5), (1000, 3)))
    names = [f"a{number}" for number in range(depth)]
    parts = [f"&a0 [{', '.join([seed] * width)}]"]
    parts += [f"&{name} [{', '.join([f'*{before}'] * width)}]" for before, name in pairwise(names)]
    return f"[{', '.join(parts)}]"


def _mappings(draw: random.Random) -> str:
    lines = ["{m0: &m0 {" + ", ".join(f"k{n}: 1" for n in range(10)) + "}"]
    lines += [
        f", m{n}: &m{n} {{" + ", ".join(f"j{k}: *m{n - 1}" for k in range(10)) + "}"
        for n in range(1, draw.choice((3, 12)))
    ]
    return "".join(lines) + "}"


def _merges(draw: random.Random) -> str:
    lines = ["{m0: &m0 {a: 1}"]
    lines += [f", m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    return "".join(lines) + "}"


_CODE = (
    "!!python/object/apply:os.system ['echo executed > ../outside/executed']",
    "!!python/object/new:subprocess.Popen [['touch', '../outside/executed']]",
    "!!python/name:os.system",
    "!!python/module:antigravity",
    '!!python/object/apply:builtins.exec [\'open("../outside/executed", "w")\']',
)
_SCALARS = (
    *(
        "!!int x",
        "!!int ''",
        "!!bool x",
        "!!float .",
        "!!timestamp x",
        "!!binary é",
        "!!binary ''",
        "!!null x",
        "!!set {a}",
    ),
    *(
        "!!omap [a]",
        "!!pairs [a]",
        "!unknown x",
        "2020-99-99",
        "0000-00-00",
        "1e400",
        "-.inf",
        ".nan",
        "0x",
        "0b2",
        "08",
    ),
    *(
        "1:1:1:1:1:1",
        "=",
        "<<",
        "~",
        "''",
        '"\\0"',
        '"\\uD800"',
        "'../../..'",
        "/dev/zero",
        "/proc/self/mem",
        "-1",
        "@x",
    ),
    *("|", ">-", "*unknown", "&", "%", "`", "'[[[['", "'{a: '", "'&a [*a]'", "x: y: z", "\t", "- x", "? x"),
)
_VALUES = {
    "bomb": _bomb,
    "bomb of mappings": _mappings,
    "bomb of merges": _merges,
    "bomb in a text": lambda draw: f"'{_bomb(draw)}'",
    "long bomb": lambda draw: _bomb(draw, "y" * 1000),
    "cycle": lambda draw: draw.choice(("&c [*c]", "&c {c: *c}", "&c {<<: *c}", "&c {? *c : 1}")),
    "code": lambda draw: draw.choice(_CODE),
    "scalar": lambda draw: draw.choice(_SCALARS),
    "digits": lambda draw: draw.choice("19") * draw.choice((20, 401, 5000, 100_000)),
    "sexagesimal": lambda draw: ":".join(["59"] * draw.choice((20, 10_000))),
    "deep": lambda draw: "[" * (depth := draw.choice((50, 99, 101, 900, 5000))) + "]" * depth,
    "deep mappings": lambda draw: "{a: " * (depth := draw.choice((50, 99, 101, 900))) + "1" + "}" * depth,
    "list": lambda draw: f"[{', '.join(['x'] * draw.choice((1000, 30_000, 300_000)))}]",
    "control": lambda draw: chr(draw.choice((0, 1, 7, 8, 27, 127, 0x85, 0x2028, 0xFEFF, 0xFFFE, 0xD800))),
    "long": lambda draw: draw.choice("xé\U0001d11e") * draw.choice((300, 5000, 1_000_000)),
}
_MAKERS = {
    **_VALUES,
    "several documents": lambda draw: "--- {a: 1}\n" * draw.choice((2, 1000)),
    "one key": lambda draw: draw.choice(
        ("a", "rate:", "1: 2", "null: 1", "[a]: 1", "? {a: b}\n: 1", "rate: 1\nrate: 2")
    ),
    "nothing": lambda draw: draw.choice(
        ("", "\n", "#", "---", "...", "null", "\ufeff", "%YAML 1.1\n---", "%YAML 9.9\n---")
    ),
    "block": lambda draw: draw.choice(("- ", "? ", ": ")) * draw.choice((90, 500, 50_000)),
    "recursion by files": lambda draw: "corpus: recipe.yaml\nmodel: recipe.yaml\ndata: recipe.yaml\n",
}
