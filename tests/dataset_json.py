"""dataset.json as tests change it."""

import json
from pathlib import Path
from typing import Any


def write(folder: Path, description: dict[str, Any]) -> None:
    """Write a dataset.json without its own hash, as earlier versions did; what was changed is then as it was written."""
    (folder / "dataset.json").write_text(
        json.dumps({k: v for k, v in description.items() if k != "sha256_of_the_rest"})
    )
