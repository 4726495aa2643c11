"""The command line: `fit`, `validate`, `test` and `predict` by LightningCLI, every other word a module of commands/.

This module imports neither Lightning nor torch: what a command needs is imported when it runs.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from callbacks.run.command import words_taken
from datamodules.storage import consent
from experiments import commands, failures, quiet
from experiments.loggers import wandb_runs
from experiments.trusting import policy

if TYPE_CHECKING:
    from experiments.lightning_cli import MelismaCLI

EXPERIMENTS = """usage: melisma COMMAND ...

experiments (melisma COMMAND --help lists every key):
  fit        train:      melisma fit --config experiments/melody/crepe/crepe_demo.yaml
  validate   score:      melisma validate --config RUN/config.yaml --ckpt_path RUN/checkpoints/best.ckpt
  test       likewise on the test sets
  predict    write f0 tables without scoring

data and results:"""
EVERYWHERE = (
    "with any command:",
    "  --debug          the traceback behind a message",
    "  --trust PACKAGE  import what files name of it (modules separated by commas); otherwise they name classes of",
    "                   melisma and torch alone",
    "  --trust pipe     run the commands that files name as places of data",
    "  --trust url      open the URLs that files name as checkpoints, or records as places of data",
)
SUBCOMMANDS = ("fit", "validate", "test", "predict")


def main() -> None:
    """The console script. Returns nothing, because a returned object would become the exit code."""
    debug = failures.DEBUG in sys.argv
    sys.argv[:] = [word for word in sys.argv if word != failures.DEBUG]
    with failures.explained(debug):
        sys.argv[:] = policy.take_option(sys.argv)
        with consent.asked_for(sys.argv[1:]):
            _command(sys.argv[1:])


def _command(words: list[str]) -> None:
    files = command_files()
    quiet.silence()
    if not words or words[0] in ("-h", "--help"):
        print(overview())
    elif words[0] in SUBCOMMANDS:
        _run_to_the_end()
    elif words[0] in files:
        with words_taken():
            importlib.import_module(f"{commands.__name__}.{words[0]}").main(words[1:])
    else:
        _refuse(words[0], [*SUBCOMMANDS, *files])


def _run_to_the_end() -> None:
    try:
        run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        if isinstance(end.__context__, KeyboardInterrupt):  # of which Lightning makes a 1
            code = end.code = failures.INTERRUPTED
        # One that was raised, as after a signal, wandb takes for success, and gives the run to no other agent.
        wandb_runs.finish_wandb(code)
        raise
    except Exception:
        wandb_runs.finish_wandb(1)
        raise
    wandb_runs.finish_wandb(0)


def run(args: list[str] | None = None) -> MelismaCLI:
    """Run a Lightning subcommand.

    Args:
        args: words as on the command line, the subcommand first; None: those of this process.
    """
    from experiments.allocation import keep_freed_memory
    from experiments.lightning_cli import MelismaCLI

    keep_freed_memory()
    return MelismaCLI(args)


def command_files() -> dict[str, Path]:
    """The module of every command, by its word."""
    folder = Path(str(commands.__file__)).parent
    return {path.stem: path for path in sorted(folder.glob("[!_]*.py"))}


def summaries() -> Iterator[tuple[str, str]]:
    """Every command, and what it does in a line; modules are read for it and not imported."""
    for line in EXPERIMENTS.splitlines():
        if line.startswith("  "):
            name, _, words = line.strip().partition(" ")
            yield name, words.strip()
    for name, path in command_files().items():
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        yield name, docstring.partition("\n")[0]


def overview() -> str:
    """What `melisma --help` prints."""
    lines = (f"  {name:<10} {words}" for name, words in summaries() if name not in SUBCOMMANDS)
    return "\n".join([EXPERIMENTS, *lines, "", *EVERYWHERE])


def _refuse(word: str, names: list[str]) -> None:
    near = difflib.get_close_matches(word, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"
    print(f"melisma: no command {word!r}\n  {hint}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
