"""Models of melisma for `torch.hub.load`, with the packages of pyproject.toml installed."""

from typing import Any

dependencies = ["torch", "torchaudio", "numpy", "soxr", "safetensors", "yaml"]


def tracker(name: str = "tracker", device: str = "cpu", threads: int | None = None) -> Any:  # noqa: ANN401 -- loaded late
    """A released pitch tracker: called with samples and their rate it gives times, f0, confidence and voicing.

    Args:
        name: `tracker`, or `tracker_live` of bounded latency.
        device: where it runs, such as `cpu` or `cuda`.
        threads: that it computes with; None: as many as torch has.
    """
    from experiments import load

    return load(name, device, threads)
