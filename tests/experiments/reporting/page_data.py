"""What is in a page, read as a browser would: its JSON by the id of its element."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, Any] = {}
        self.tags: list[str] = []
        self._id: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        self._id = named.get("id") if tag == "script" and named.get("type") == "application/json" else None

    def handle_data(self, data: str) -> None:
        if self._id is not None:
            self.found[self._id] = json.loads(data)
            self._id = None


def read_page(path: Path) -> dict[str, Any]:
    """The JSON elements of a page by their ids."""
    parser = _Elements()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser.found
