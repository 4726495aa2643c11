"""Pictures as small PNG files, for pages that carry them."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure

from datamodules.files import write_atomically


def save_small(figure: Figure, path: Path, dpi: int = 70, colours: int = 96) -> None:
    """Write a figure as a PNG with a palette, which takes about a third of the space.

    Args:
        figure: to write.
        path: of the file.
        dpi: pixels per inch of the figure's size.
        colours: of the palette, 256 at most.

    Raises:
        OSError: the file cannot be written.
    """
    from PIL import Image  # matplotlib's own; here, because few pictures are saved like this

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    with write_atomically(path) as file:
        Image.open(drawn).convert("RGB").quantize(colours, kmeans=2).save(file, format="PNG", optimize=True)
