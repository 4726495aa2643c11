"""A few steps of a recipe on shards like its own, and all that they learned in one digest.

`python -m tests.experiments.repeating.short_fits` takes them in a new process: lines of JSON, `[WORDS, ROOT, STEPS]`,
are answered by what was learned.
"""

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import torch
from lightning.pytorch import Callback

from datamodules.corpora import SyntheticMelody
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from tests.experiments import catalogue
from tests.experiments.catalogue import ROOT, preparations, prepare_parser, stated

STEPS, STOP = 5, 3  # of two an epoch where recordings are read as a whole, so that a stop is within one


class Learned(NamedTuple):
    """What came of a fit.

    Attributes:
        digest: of weights, buffers and the state of the optimizer, to the bit.
        losses: of every step.
    """

    digest: str
    losses: tuple[float, ...]


class Losses(Callback):
    """The loss of every step of a fit, continued or not."""

    def __init__(self):
        self.found = []

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.found.append(float(outputs["loss"]))


def families():
    """The cheapest fitted recipe of each network under each kind of training, and of those that augment."""
    cheapest = {}
    for family in ("melody", "classification", "phonemes"):
        for path in sorted(filter(catalogue.is_fitted, catalogue.recipes(family)), key=catalogue.cost):
            recipe = stated(path)
            model, augmented = recipe["model"], bool(recipe["data"]["init_args"].get("augment"))
            cheapest.setdefault((model["class_path"], model["init_args"]["network"]["class_path"], augmented), path)
    return sorted(path for path in set(cheapest.values()) if catalogue.cost(path) <= catalogue.HUGE)


def words_for(path, folder):
    """Of `fit` with a recipe, on shards that are made below a folder; one batch is two windows or recordings."""
    data = stated(path)["data"]["init_args"]
    written = dict(preparations(path))
    for file in data.get("recipes", ()):
        options = prepare_parser().parse_args(["--config", str(path.parent / file)])
        written[options.directory] = options
    made = {}

    def like(directory):
        return made.setdefault(directory, _shards(written[directory], folder / f"shards{len(made)}", data))

    sets = {key: {name: like(each) for name, each in data.get(key, {}).items()} for key in ("validation", "excerpts")}
    words = ["fit", "--config", str(path), f"--data.train={json.dumps([like(each) for each in data['train']])}"]
    words += [f"--data.{key}={json.dumps(value)}" for key, value in sets.items() if value]
    if path.relative_to(ROOT).parts[1] == "melody":
        frames = stated(path)["model"]["init_args"]["network"].get("init_args", {}).get("frames", 1)
        words += ["--data.recipes=[]", f"--data.evaluation_frames={frames}", f"--trainer.val_check_interval={STOP - 1}"]
        words += ["--trainer.check_val_every_n_epoch=null"]
    return [
        *words, "--data.batch_size=2", "--trainer.limit_val_batches=1", "--trainer.num_sanity_val_steps=0",
        "--trainer.max_epochs=-1", "--trainer.accelerator=cpu", "--trainer.logger=false",
        "--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false",
    ]  # fmt: skip


def _shards(options, directory, data):
    given = prepare_parser().instantiate(options)
    same = {name: given[name] for name in ("rate", "hop", "segment", "context", "spectrogram", "classes", "phones")}
    if options.classes is None and options.phones is None:
        splits = {"train": 2, "validation": 1}
        corpus = SyntheticMelody(splits, seconds=1.0, rate=options.rate, lowest_note=50, highest_note=70)
    else:
        from tests.experiments.test_speech_recipes import Utterances

        stored = options.corpus.class_path.endswith("Phonemes11785")
        corpus = Utterances(data.get("seconds") or 0.8, options.rate, options.classes, options.phones, stored)
    prepare(ShardRecipe(corpus, str(directory), **same), progress=False)
    return str(directory)


def fit_here(words, root, steps=STEPS, resumed=None):
    """Take steps in this process.

    Args:
        words: of `words_for`.
        root: a folder for the run.
        steps: at which it ends.
        resumed: folder of the run that is continued.
    """
    losses = Losses()

    class Watched(catalogue._Shared):
        def before_fit(self):
            self.trainer.callbacks.append(losses)
            super().before_fit()

    more = [] if resumed is None else [f"--ckpt_path={_last(resumed)}"]
    catalogue._run_as(Watched, [*words, f"--trainer.max_steps={steps}", f"--trainer.default_root_dir={root}", *more])
    state = torch.load(_last(resumed or root), weights_only=True)
    digest = hashlib.sha256()
    _update(digest, [state["state_dict"], state["optimizer_states"]])
    return Learned(digest.hexdigest(), tuple(losses.found))


def _last(root):
    (path,) = Path(root).glob("runs/*/checkpoints/last.ckpt")
    return path


def _update(digest, value):
    if isinstance(value, torch.Tensor):
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode() + value.contiguous().numpy().tobytes())
    elif isinstance(value, dict):
        for key, each in value.items():
            digest.update(repr(key).encode())
            _update(digest, each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _update(digest, each)
    else:
        digest.update(repr(value).encode())


def in_a_fork(fits):
    """Fits one after the other in one forked process, which imports nothing anew.

    Args:
        fits: the arguments of `fit_here`, each.
    """
    receiver, sender = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_forked, args=(fits, sender))
    process.start()
    sender.close()
    try:
        found = receiver.recv()
    except EOFError:
        found = None
    process.join()
    assert process.exitcode == 0, f"a fit ended with {process.exitcode}"
    return found


def _forked(fits, sender):
    torch.set_num_threads(1)
    sender.send([fit_here(*each) for each in fits])


class NewProcess:
    """An interpreter that is started with these variables of the environment; it forks for each fit.

    Attributes:
        variables: of its environment.
    """

    def __init__(self, **variables):
        self.variables = variables
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
        command = [sys.executable, "-m", "tests.experiments.repeating.short_fits"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)

    def fit(self, words, root, steps=STEPS):
        """As `fit_here`; what goes wrong is on standard error."""
        print(json.dumps([words, str(root), steps]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, "the process ended"
        digest, losses = json.loads(answer)
        return Learned(digest, tuple(losses))

    def is_running(self):
        return self._process.poll() is None

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a fit prints
    for line in sys.stdin:
        words, root, steps = json.loads(line)
        (learned,) = in_a_fork([(words, Path(root), steps)])
        print(json.dumps(learned), file=answers, flush=True)
