"""`melisma fit|validate|test|predict`: LightningCLI with our checkpoints, links and messages.

Only `cli.run` imports this module, because Lightning and torch take seconds to load.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser, Namespace
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from typing_extensions import override

import architectures
import callbacks
import datamodules
import lightning_modules
from datamodules.errors import shown
from datamodules.storage import consent
from datamodules.storage.places import without_secrets
from experiments import failures, launch, links, mistakes, naming, strategies
from experiments.configuration.trainer import check_trainer
from experiments.loggers import modes
from experiments.precision import refusal
from experiments.trusting import policy, sizes

BASE = Path(__file__).with_name("base.yaml")


class MelismaCLI(LightningCLI):
    """LightningCLI with our checkpoint groups and the links that keep network, grid and data in step.

    Args:
        args: words as on the command line, the subcommand first; None: those of this process.
    """

    def __init__(self, args: list[str] | None = None) -> None:
        self._words = sys.argv[1:] if args is None else args
        for package in (architectures, callbacks, datamodules, lightning_modules):
            for name in package.__all__:
                getattr(package, name)  # a short class name resolves only if its class is imported
        # An abbreviated key would be taken silently for the key that it begins; a typo must fail.
        common: dict[str, Any] = {"allow_abbrev": False, "exit_on_error": False}
        parsers = {name: {**common, "default_config_files": [str(BASE)]} for name in self.subcommands()}
        super().__init__(
            lightning_modules.AudioModule,
            datamodules.ShardedData,
            subclass_mode_model=True,
            subclass_mode_data=True,
            save_config_callback=callbacks.RunConfig,
            seed_everything_default=0,
            auto_configure_optimizers=False,
            parser_kwargs={"prog": "melisma", **common, **parsers},
            args=args,
        )

    @override
    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        chosen = self._words[0]  # building the parsers of the others takes as long
        return {chosen: LightningCLI.subcommands()[chosen]}

    @override
    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(callbacks.SoundCheckpoint, "sound_checkpoint")  # before others use one
        parser.add_lightning_class_args(callbacks.AlikeProcesses, "alike_processes")
        parser.add_lightning_class_args(callbacks.GuardedLoggers, "guarded_loggers")
        # Before all that write at the end of a batch or of the training that it went well.
        parser.add_lightning_class_args(callbacks.FiniteTraining, "finite_training")
        parser.add_lightning_class_args(callbacks.RunFolder, "run_folder")
        parser.add_lightning_class_args(callbacks.ScoreTable, "score_table")
        parser.add_lightning_class_args(callbacks.ItemScores, "item_scores")
        parser.add_lightning_class_args(callbacks.TrackFrames, "track_frames")
        parser.add_lightning_class_args(callbacks.CompiledNetwork, "compile")
        parser.add_lightning_class_args(callbacks.Throughput, "throughput")
        parser.add_lightning_class_args(callbacks.RunRecord, "run_record")
        parser.add_lightning_class_args(callbacks.RunCurves, "run_curves")
        # Behind all that do something at the end of a batch, which it may not be the end of for those that follow.
        parser.add_lightning_class_args(callbacks.StopOnSignal, "stop_on_signal")
        parser.add_lightning_class_args(callbacks.RepeatedRun, "repeated_run")
        parser.add_lightning_class_args(callbacks.BestCheckpoint, "checkpoint")
        parser.add_lightning_class_args(callbacks.ResumeCheckpoint, "resume")
        links.link_to_network(parser)
        links.link_network_to_data(parser)

    @override
    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        mistakes.check_files(self._words)
        try:
            with policy.only_trusted(self._words):
                super().parse_arguments(parser, args)
            policy.refuse_functions(self.config, self._words)
        except ArgumentError as error:
            mistakes.stop(mistakes.explain(error, self._subcommand_parsers[self._words[0]], self._words))
        except ImportError as error:
            mistakes.stop_if_denied(error)
            raise

    @override
    def _parse_ckpt_path(self) -> None:
        # Hyperparameters of a checkpoint would be classes of whoever wrote it; config.yaml beside it is the record.
        pass

    @override
    def _set_seed(self) -> None:
        seed = self.config[str(self.subcommand)].get("seed_everything")
        if not isinstance(seed, bool) and seed is not None and not 0 <= seed < 1 << 32:
            mistakes.stop(f"seed_everything: {shown(seed)} is not from 0 to 2^32 - 1")
        super()._set_seed()

    @override
    def before_instantiate_classes(self) -> None:
        self._stated = self.config[str(self.subcommand)].clone()
        if self._stated.get("weights_only") is False:
            mistakes.stop("weights_only: false would run what a checkpoint says; leave it out")
        check_trainer(self._stated.trainer)
        if "://" in (checkpoint := str(self._stated.get("ckpt_path"))):
            consent.require(checkpoint, without_secrets(checkpoint), consent.URLS)
        launch.check_launch(self._stated.trainer)
        launch.wait_no_longer()
        modes.refuse_missing_packages(self._stated.trainer)
        modes.obey_wandb_mode(self.config[str(self.subcommand)].trainer, self._words)
        if self.subcommand == "fit":
            self._stated.resume.run = None
            naming.name_run(self.config.fit)
        data = self.config[str(self.subcommand)].data
        if key := links.overruled(data):  # it would be overwritten without a word
            mistakes.stop(f"data.{key}: {data.init_args[key]}, but this follows from the network; leave it out")

    @override
    def instantiate_classes(self) -> None:
        try:
            with policy.only_trusted(self._words):
                self._compare_with_checkpoint()
                super().instantiate_classes()
        except (ValueError, ArithmeticError, RuntimeError, ImportError) as error:  # of a class, or of torch in it
            reason = mistakes.Reason.of(error).text
            if failures.is_of_memory(RuntimeError(reason)):  # of any type, by the parser
                raise RuntimeError(reason) from error
            mistakes.stop(reason)
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, callbacks.RunConfig):
                callback.config = self._stated  # without the name of this run: it is for others to repeat
        # As it was asked for: of 16-mixed on a CPU the trainer makes bf16-mixed.
        asked = self.config[str(self.subcommand)].trainer.precision or self.trainer.precision
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, callbacks.AlikeProcesses):
                callback.refusal = refusal(str(asked), self.trainer.strategy.root_device)
        strategies.settle(self.trainer, self.model)

    def _compare_with_checkpoint(self) -> None:
        """Before the model takes memory; a run that goes on by its name is compared when it is loaded."""
        stated = self.config[str(self.subcommand)]
        path = Path(stated.get("ckpt_path") or "")
        if not path.is_file():
            return
        builder = ArgumentParser(exit_on_error=False)
        builder.add_subclass_arguments(lightning_modules.AudioModule, "model")
        model = Namespace(model=stated.model.clone())  # type: ignore[no-untyped-call]
        sizes.check_built(lambda: builder.instantiate(model).model, path)

    def before_fit(self) -> None:
        """A run that was begun under this name goes on."""
        if last := naming.interrupted(self.trainer):
            self.config_init["fit"]["ckpt_path"] = str(last)

    def before_validate(self) -> None:
        """ScoreTable prints the figures."""
        self.config_init["validate"]["verbose"] = False

    def before_test(self) -> None:
        """ScoreTable prints the figures."""
        self.config_init["test"]["verbose"] = False

    def before_predict(self) -> None:
        """Callbacks write the predictions; keeping the salience of every track in memory as well would not scale."""
        self.config_init["predict"]["return_predictions"] = False


class _ParsersMade(Exception):
    """Carries them out of a constructor that would go on to parse, build and run."""

    def __init__(self, parsers: dict[str, LightningArgumentParser]) -> None:
        super().__init__()
        self.parsers = parsers


class _ParsersAlone(MelismaCLI):
    @override
    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        raise _ParsersMade(self._subcommand_parsers)


def subcommand_parser(subcommand: str) -> LightningArgumentParser:
    """The parser of `melisma fit` or another subcommand; nothing is parsed or built."""
    try:
        _ParsersAlone([subcommand])
    except _ParsersMade as made:
        return made.parsers[subcommand]
    raise AssertionError("LightningCLI has not called parse_arguments")
