"""dataset.json as tests change it."""

import json
from pathlib import Path
from typing import Any


def write(folder: Path, description: dict[str, Any]) -> None:
    """Write a dataset.json without its own hash, as earlier versions did, so that a change of it is no damage."""
    rest = {key: value for key, value in description.items() if key != "sha256_of_the_rest"}
    (folder / "dataset.json").write_text(json.dumps(rest))
