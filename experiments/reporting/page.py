"""The page: one HTML file that holds its data, its program and plotly.js, and may ask for nothing else."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from datamodules.files import make_folder, write_atomically

PROGRAM = (
    "elements.js",
    "numbers.js",
    "tables.js",
    "player.js",
    "charts.js",
    "timeplot.js",
    "contour.js",
    "melody.js",
    "spoken.js",
    "run.js",
    "main.js",
)
# The page may load what it holds in itself and nothing else, whatever is written into it.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; media-src data: "
    "blob:; form-action 'none'; base-uri 'none'"
)


def write_page(path: Path, title: str, data: Mapping[str, Any], blocks: Iterable[tuple[str, Any]]) -> int:
    """Write a page, whole or not at all.

    Args:
        path: of the file, which is replaced.
        title: of the page, any text.
        data: JSON values that the page needs at once.
        blocks: further JSON values by name, which are read when they are asked for.

    Returns:
        Its size in bytes.

    Raises:
        DataError: it cannot be written.
    """
    source = files(__package__) / "page"
    program = "\n".join((source / name).read_text(encoding="utf-8") for name in PROGRAM)
    make_folder(path.parent)
    with write_atomically(path) as file:
        file.write(_head(title, (source / "style.css").read_text(encoding="utf-8")).encode())
        for name, block in blocks:
            file.write(_json_element(f"block-{name}", block).encode())
        file.write(_json_element("data", data).encode())
        file.write(f"<script>{_plotly()}</script>\n".encode())
        file.write(f'<script>"use strict";\n(() => {{\n{program}\n}})();</script>\n</body></html>\n'.encode())
    return path.stat().st_size


def _head(title: str, style: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{html.escape(title)}</title>\n<style>{style}</style></head>\n'
        '<body><main id="page"><noscript>This report draws itself: allow its scripts.</noscript></main>\n'
    )


def _json_element(name: str, values: Any) -> str:  # noqa: ANN401 -- JSON values
    """JSON that ends no element of HTML, whatever is in it."""
    text = json.dumps(values, allow_nan=False, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{html.escape(name)}">{text}</script>\n'


def _plotly() -> str:
    """plotly.js of the installed package, whose Python is not imported."""
    return (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
