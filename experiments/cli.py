"""The command line: `melisma fit|validate|test|predict` by LightningCLI, every other word a file in commands/."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI

import architectures
import callbacks
import datamodules
import lightning_modules
from experiments import commands, links
from experiments.precision import refusal

SUBCOMMANDS = ("fit", "validate", "test", "predict")
BASE = Path(__file__).with_name("base.yaml")


class MelismaCLI(LightningCLI):
    """LightningCLI with our checkpoint groups and the links that keep network, grid and data in step."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the named callback groups and the links."""
        parser.add_lightning_class_args(callbacks.RunFolder, "run_folder")
        parser.add_lightning_class_args(callbacks.ScoreTable, "score_table")
        parser.add_lightning_class_args(callbacks.RunRecord, "run_record")
        parser.add_lightning_class_args(callbacks.StopOnSignal, "stop_on_signal")
        parser.add_lightning_class_args(callbacks.BestCheckpoint, "checkpoint")
        parser.add_lightning_class_args(callbacks.ResumeCheckpoint, "resume")
        links.link_to_network(parser)
        links.link_network_to_data(parser)

    def before_instantiate_classes(self) -> None:
        """Refuse what is said of the data but follows from the network; it would be overwritten without a word."""
        data = self.config[str(self.subcommand)].data
        if key := links.overruled(data):
            self.parser.error(f"data.{key}: {data.init_args[key]}, but this follows from the network; leave it out")

    def instantiate_classes(self) -> None:
        """A value that a class refuses is a mistake in the configuration: say so as for any other, with exit code 2.

        A precision that the device lacks is refused too: Lightning would fail at the first step, or crawl.
        """
        try:
            super().instantiate_classes()
        except ValueError as error:
            self.parser.error(str(error))
        # As it was asked for: of 16-mixed on a CPU the trainer makes bf16-mixed.
        asked = self.config[str(self.subcommand)].trainer.precision or self.trainer.precision
        if why := refusal(str(asked), self.trainer.strategy.root_device):
            raise MisconfigurationException(why)

    def before_validate(self) -> None:
        """ScoreTable prints the figures."""
        self.config_init["validate"]["verbose"] = False

    def before_test(self) -> None:
        """ScoreTable prints the figures."""
        self.config_init["test"]["verbose"] = False

    def before_predict(self) -> None:
        """Callbacks write the predictions; keeping the salience of every track in memory as well would not scale."""
        self.config_init["predict"]["return_predictions"] = False


def run(args: ArgsType = None) -> MelismaCLI:
    """Parse and run a Lightning subcommand; `args` as on the command line, without the program's name."""
    for package in (architectures, callbacks, datamodules, lightning_modules):
        for name in package.__all__:
            getattr(package, name)  # a short class name resolves only if its class is imported
    return MelismaCLI(
        lightning_modules.AudioModule,
        datamodules.ShardedData,
        subclass_mode_model=True,
        subclass_mode_data=True,
        save_config_callback=callbacks.RunConfig,
        seed_everything_default=0,
        auto_configure_optimizers=False,
        # An abbreviated key would be taken silently for the key that it begins; a typo must fail.
        parser_kwargs={
            "allow_abbrev": False,
            **{name: {"default_config_files": [str(BASE)]} for name in SUBCOMMANDS},
        },
        args=args,
    )


def main() -> None:
    """The console script. Returns nothing, because a returned object would become the exit code."""
    words = sys.argv[1:]
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning 2.6 under torch 2.11
    known = command_modules()
    try:
        if words and words[0] in known:
            command: Callable[[list[str]], None] = importlib.import_module(known[words[0]]).main
            sys.argv[1:] = []  # a command that calls `run` with words of its own is not confused with this one
            command(words[1:])
        elif not words or words[0] in ("-h", "--help"):
            print(overview(known))
        elif words[0] in SUBCOMMANDS:
            run()
        else:
            names = ", ".join([*SUBCOMMANDS, *known])
            print(f"melisma: no command {words[0]!r}; there are: {names}", file=sys.stderr)
            sys.exit(2)
    except (datamodules.DataError, lightning_modules.CheckpointMismatch, MisconfigurationException) as error:
        print(f"melisma: {error}", file=sys.stderr)
        sys.exit(1)


def command_modules() -> dict[str, str]:
    """Module of every command, by its word."""
    return {found.name: f"{commands.__name__}.{found.name}" for found in pkgutil.iter_modules(commands.__path__)}


def overview(known: dict[str, str]) -> str:
    """What `melisma --help` prints."""
    lines = ["usage: melisma COMMAND ...", "", "experiments (melisma COMMAND --help lists every key):"]
    lines += [
        "  fit        train:      melisma fit --config experiments/melody/crepe/crepe_demo.yaml",
        "  validate   score:      melisma validate --config RUN/config.yaml --ckpt_path RUN/checkpoints/best.ckpt",
        "  test       likewise on the test sets",
        "  predict    write f0 tables without scoring",
        "",
        "data and results:",
    ]
    for name, module in known.items():
        first = (importlib.import_module(module).__doc__ or "").splitlines()[0]
        lines.append(f"  {name:<10} {first}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
