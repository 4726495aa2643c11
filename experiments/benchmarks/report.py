"""How long a report of many tracks takes to open, beside a page that loads plotly.js and draws one line with it.

    python -m experiments.benchmarks.report

200 tracks of 20 seconds by two methods, with their recordings, are evaluated and reported. Headless Chromium opens the
report and the baseline in turns; the clock runs from the navigation until the worst ten seconds are drawn.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import soundfile

from datamodules.annotations.f0_tables import F0Series, write_f0
from datamodules.annotations.tracked_tables import write_tracked
from experiments.commands import evaluate, report

RATE, HOP = 16000, 0.01
OPEN = "document.querySelector('.scatterlayer .trace') === null ? null : performance.now()"


def main(arguments: list[str] | None = None) -> None:
    """Print both times and, last, `RESULT {json}`.

    Args:
        arguments: words of the command line; None: those of this process.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(arguments)
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("there is no program named chromium")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = _report(folder, options.tracks, options.seconds)
        baseline = _baseline(folder / "baseline.html")
        opener = _opener(chromium)
        times: dict[Path, list[float]] = {page: [], baseline: []}
        for _ in range(options.runs):
            for path, found in times.items():
                found.append(opener(path))
        ours, theirs = (statistics.median(found) for found in times.values())
        megabytes = page.stat().st_size / 1e6
    print(f"{options.tracks} tracks of {options.seconds:g} s, two methods: {megabytes:.1f} MB")
    print(f"report {ours:.2f} s, plotly.js with one line {theirs:.2f} s")
    result = {"seconds": ours, "baseline": "plotly.js", "baseline_seconds": theirs, "ratio": ours / theirs}
    print("RESULT", json.dumps({**result, "megabytes": megabytes, "tracks": options.tracks}))


def _report(folder: Path, tracks: int, seconds: float) -> Path:
    generator = np.random.default_rng(0)
    times = np.arange(int(seconds / HOP)) * HOP
    for name in ("truth", "first", "second", "recordings"):
        (folder / name).mkdir()
    for number in range(tracks):
        vibrato = 60 * np.sin(2 * np.pi * 5 * times) + 400 * np.sin(2 * np.pi * times / generator.uniform(3, 9))
        f0 = 220 * 2 ** (vibrato / 1200)
        voiced = np.sin(2 * np.pi * times / generator.uniform(1, 3)) > -0.5
        write_f0(folder / "truth" / f"track{number:04}.csv", F0Series(times, np.where(voiced, f0, 0.0)))
        for method in ("first", "second"):
            guess = (
                f0 * 2 ** (generator.normal(0, 15, len(f0)) / 1200) * np.where(generator.random(len(f0)) < 0.05, 2, 1)
            )
            confidence = np.clip(np.where(voiced, 0.8, 0.2) + generator.normal(0, 0.15, len(f0)), 0, 1)
            write_tracked(folder / method / f"track{number:04}.csv", times, guess, confidence, confidence > 0.5)
        pitch = np.interp(np.arange(int(seconds * RATE)) / RATE, times, f0)
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        tone = sum(np.sin(k * phase) / k for k in range(1, 8)) + generator.normal(0, 0.1, len(phase))
        soundfile.write(folder / "recordings" / f"track{number:04}.wav", 0.1 * np.asarray(tone), RATE)
    methods = [str(folder / method) for method in ("first", "second")]
    evaluate.main([str(folder / "truth"), *methods, "--out", str(folder / "scores"), "--bootstrap=200"])
    report.main([str(folder / "scores"), "--recordings", str(folder / "recordings"), "--audio", "--bootstrap=200"])
    return folder / "scores" / report.NAME


def _baseline(path: Path) -> Path:
    plotly = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    drawn = 'Plotly.newPlot("plot", [{x: [0, 1], y: [0, 1]}])'
    path.write_text(
        f'<!DOCTYPE html><meta charset="utf-8"><div id="plot"></div><script>{plotly}</script><script>{drawn}</script>'
    )
    return path


def _opener(chromium: str) -> Callable[[Path], float]:
    def seconds(path: Path) -> float:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1400, "height": 950})
            page.goto(f"file://{path}")
            found = None
            while found is None:
                found = page.evaluate(OPEN)
            browser.close()
        return float(found) / 1000

    return seconds


if __name__ == "__main__":
    main()
