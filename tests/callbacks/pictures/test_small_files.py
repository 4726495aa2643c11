import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from callbacks.pictures import save_small


def test_a_small_file_has_a_palette_and_looks_the_same(tmp_path):
    figure = Figure(figsize=(4.0, 3.0))
    figure.subplots().imshow(np.random.default_rng(0).random((40, 40)), cmap="magma")
    figure.savefig(tmp_path / "plain.png", dpi=50)
    save_small(figure, tmp_path / "small.png", dpi=50, colours=64)
    plain, small = (Image.open(tmp_path / name) for name in ("plain.png", "small.png"))
    assert small.size == plain.size == (200, 150)
    assert small.mode == "P" and len(small.getcolors()) <= 64
    difference = np.asarray(small.convert("RGB"), float) - np.asarray(plain.convert("RGB"), float)
    assert np.abs(difference).mean() < 5
    assert (tmp_path / "small.png").stat().st_size < (tmp_path / "plain.png").stat().st_size
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["plain.png", "small.png"]
