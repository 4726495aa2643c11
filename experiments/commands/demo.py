"""From nothing to a scored melody in a few minutes: shards, a small CREPE, its figures, a pianoroll, an f0 table."""

from __future__ import annotations

import json
import time
from pathlib import Path

from experiments import commands
from experiments.cli import run

RECIPE = Path(commands.__file__).parents[1] / "melody" / "crepe" / "crepe_demo.yaml"
SHOWN = {
    "raw_pitch_accuracy": "raw pitch accuracy, 50 cents",
    "raw_pitch_accuracy_25": "raw pitch accuracy, 25 cents",
    "raw_pitch_accuracy_10": "raw pitch accuracy, 10 cents",
    "raw_chroma_accuracy": "raw chroma accuracy, 50 cents",
    "overall_accuracy": "overall accuracy",
    "voicing_recall": "voicing recall",
    "voicing_false_alarm": "voicing false alarm",
}


def main(arguments: list[str]) -> None:
    """Fit the demo recipe, validate its best checkpoint, and say what was written and what it scored.

    Args:
        arguments: overrides of the recipe, as for `melisma fit`.
    """
    if "--help" in arguments or "-h" in arguments:
        print(f"usage: melisma demo [OVERRIDES OF {RECIPE.name}]\n\n{__doc__}")
        return
    import wandb

    from callbacks import run_folder
    from experiments.commands.report import NAME
    from experiments.evaluation.statistics import Bootstrap
    from experiments.reporting.report import Wishes, write_report

    began = time.monotonic()
    print("Preparing shards (unless they stand already) and training:", flush=True)
    fit = run(["fit", "--config", str(RECIPE), *arguments])
    folder = run_folder(fit.trainer)
    wandb.finish()  # its closing words belong here, not behind the result
    config, best = folder / "config.yaml", folder / "checkpoints" / "best.ckpt"
    print("\nValidating the best checkpoint from its own configuration:", flush=True)
    validated = run(["validate", "--config", str(config), "--ckpt_path", str(best), "--trainer.logger=false"])
    metrics = {key.split("/", 2)[2]: float(value) for key, value in validated.trainer.callback_metrics.items()}
    written = folder / "validate" / "demo"
    print(f"\n{len(list(written.glob('f0/*.csv')))} synthetic validation melodies, new to it:")
    for name, words in SHOWN.items():
        print(f"  {words:<30} {metrics[name]:.3f}")
    page = folder / NAME
    write_report(folder, page, Wishes(sounds=True, recordings=None, megabytes=25.0, bootstrap=Bootstrap(2000)))
    print("\nWritten:")
    for words, path in {
        "pianoroll": min(written.glob("pictures/*.png")),
        "f0 table": min(written.glob("f0/*.csv")),
        "checkpoint": best,
        "config": config,
        "report": page,
    }.items():
        print(f"  {words:<12} {_readable(path)}")
    figures = {name: round(metrics[name], 4) for name in ("raw_pitch_accuracy", "overall_accuracy")}
    print(f"RESULT {json.dumps({**figures, 'seconds': round(time.monotonic() - began, 1)})}")


def _readable(path: Path) -> Path:
    """Relative to the working directory where it lies in it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
