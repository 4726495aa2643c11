"""What the first layer of a network on samples has learned to listen to."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.axes import say_empty

_FFT = 2048  # points at least, so that short filters have a smooth spectrum
_RANGE = 40.0  # dB shown below the peak of each filter


def first_layer_filters(filters: Mapping[str, ArrayLike], rate: float, title: str) -> Figure:
    """Draw filters over time and, below, their magnitude spectra; one column for each resolution.

    Filters are sorted by the frequency they pass best. Each is scaled to its own peak.

    Args:
        filters: `(filters, taps)`, by the name of the resolution.
        rate: samples per second of the input.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.

    Raises:
        ValueError: an array does not have two dimensions.
    """
    columns = max(1, len(filters))
    figure = Figure(figsize=(1.8 + 3.6 * columns, 7.0), layout="constrained")
    every = figure.subplots(2, columns, squeeze=False)
    for axes in every[0]:
        axes.set_xlabel("time (ms)")
    for axes in every[1]:
        axes.set_xlabel("frequency (kHz)")
    for axes in every[:, 0]:
        axes.set_ylabel("filter, by peak frequency")
    for column, (name, values) in zip(every.T, filters.items(), strict=False):
        _draw_resolution(figure, column, name, np.asarray(values, dtype=np.float64), rate)
    figure.suptitle(title, x=0.01, ha="left", parse_math=False)
    if not filters:
        for axes in every.flat:
            say_empty(axes, "no filter")
    return figure


def _draw_resolution(
    figure: Figure, column: NDArray[np.object_], name: str, filters: NDArray[np.float64], rate: float
) -> None:
    if filters.ndim != 2 or not filters.size:
        raise ValueError(f"{name}: filters of shape {filters.shape} where (filters, taps) are expected")
    count, taps = filters.shape
    points = max(_FFT, taps)
    spectra = np.abs(np.fft.rfft(filters, points))
    order = np.argsort(spectra.argmax(axis=1), kind="stable")
    tiny = np.finfo(np.float64).tiny  # a filter of zeros stays zero
    kernels = filters[order] / np.maximum(np.abs(filters[order]).max(axis=1, keepdims=True), tiny)
    spectra = spectra[order] / np.maximum(spectra[order].max(axis=1, keepdims=True), tiny)
    decibels = 20 * np.log10(np.maximum(spectra, 10 ** (-_RANGE / 20)))
    upper, lower = column
    milliseconds, kilohertz = 1000 * taps / rate, rate / 2000
    for axes, values, end, colours, limits, label in (
        (upper, kernels, milliseconds, "RdBu_r", (-1.0, 1.0), "weight / largest"),
        (lower, decibels, kilohertz, "magma", (-_RANGE, 0.0), "magnitude (dB of peak)"),
    ):
        image = axes.imshow(
            values,
            origin="lower",
            aspect="auto",
            interpolation="none",
            extent=(0.0, end, -0.5, count - 0.5),
            cmap=colours,
            vmin=limits[0],
            vmax=limits[1],
        )
        figure.colorbar(image, label=label, pad=0.02)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    upper.set_title(f"{name}: {count} of {taps} taps", loc="left", fontsize="medium", parse_math=False)
