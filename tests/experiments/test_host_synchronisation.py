"""No step of training waits for the GPU: on a CPU, what would wait is counted where it is called."""

import re
import sys
from pathlib import Path

import pytest
import torch
from jsonargparse import ArgumentParser, Namespace
from lightning.pytorch import Callback, Trainer
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader

from callbacks import AveragedWeights, FiniteTraining, RunCurves, Throughput
from datamodules.batches import ClipBatch, PhonemeBatch, PitchBatch
from lightning_modules import AudioModule
from lightning_modules.losses import distribution
from tests.experiments.catalogue import ROOT, parsed

PACKAGES = tuple(f"{ROOT / name}/" for name in ("architectures", "callbacks", "lightning_modules"))
STEPS = 3
# Python asks a tensor for its value, or for itself on the host.
ASKS = {"item", "tolist", "numpy", "cpu", "__bool__", "__int__", "__float__", "__index__"}
# The size of what they give depends on values, or they give a value; torch copies the lengths of CTC to the host.
ANSWERS = {
    "_local_scalar_dense", "equal", "is_nonzero", "masked_select", "nonzero", "unique_consecutive", "unique_dim",
    "_unique2", "repeat_interleave", "_ctc_loss", "bincount", "allclose",
}  # fmt: skip
BY_MASK = {"index", "index_put", "index_put_", "_index_put_impl_"}


class Waits:
    """Places at which a step would wait, `file:function: operation`."""

    def __init__(self):
        self.places = set()

    def note(self, operation):
        frame = sys._getframe(2)
        while frame is not None:
            name = frame.f_code.co_filename
            if name.startswith(PACKAGES):
                self.places.add(f"{Path(name).relative_to(ROOT)}: {frame.f_code.co_name}: {operation}")
                return
            if "/torch/optim/" in name:  # optimisers count their steps on the host
                return
            if "/lightning/" in name:  # which calls the closure of a step from within the optimiser
                break
            frame = frame.f_back
        self.places.add(f"elsewhere: {operation}")


class Operations(TorchDispatchMode):
    def __init__(self, waits):
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function._schema.name.partition("::")[2]
        by_mask = name in BY_MASK and any(
            each is not None and each.dtype in (torch.bool, torch.uint8) for each in args[1]
        )
        if name in ANSWERS or by_mask:
            self.waits.note(name)
        return function(*args, **(kwargs or {}))


class Calls(TorchFunctionMode):
    def __init__(self, waits):
        super().__init__()
        self.waits = waits

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        to_host = name == "to" and any(str(each) == "cpu" for each in (*args[1:], *(kwargs or {}).values()))
        if (name in ASKS or to_host) and isinstance(args[0], torch.Tensor):
            self.waits.note(name)
        return function(*args, **(kwargs or {}))


class Watch(Callback):
    """The first of the callbacks: sees all that happens from the start of a batch to the end of its last callback."""

    def __init__(self, waits):
        self.waits = waits
        self.modes = []

    def on_train_batch_start(self, trainer, module, batch, index):
        self.modes = [Operations(self.waits), Calls(self.waits)]
        for mode in self.modes:
            mode.__enter__()


class Unwatch(Callback):
    def __init__(self, watch):
        self.watch = watch

    def on_train_batch_end(self, trainer, module, *_):
        for mode in reversed(self.watch.modes):
            mode.__exit__(None, None, None)


def module_of(recipe):
    configuration = parsed("fit", "--config", str(ROOT / "experiments" / recipe))
    parser = ArgumentParser()
    parser.add_subclass_arguments(AudioModule, "model")
    return parser.instantiate(Namespace(model=configuration.model)).model


def pitch_batch(module, size=2):
    network = module.network
    generator = torch.Generator().manual_seed(0)
    if network.signal == "audio":
        signal = torch.randint(-9000, 9000, (size, network.window), generator=generator, dtype=torch.int16)
    else:
        shape = size, network.window, network.channels, network.bins
        signal = torch.randint(0, 65536, shape, generator=generator, dtype=torch.int32).to(torch.uint16)
    several = "MultiPitch" in type(module).__name__
    f0 = torch.where(torch.arange(network.frames) % 2 == 0, 220.0, 0.0).expand(size, -1)
    f0 = torch.stack([f0, 1.5 * f0], dim=-1) if several else f0.clone()
    valid = torch.ones(size, network.frames, dtype=torch.bool)
    track, seed = torch.zeros(size, dtype=torch.int64), torch.arange(size)
    return PitchBatch(signal, f0, valid, track, track, seed=seed)


def clip_batch(module, size=2, samples=8000):
    if (frames := module.network.frames) is not None:
        while module.front_end.frames(samples) != frames:
            samples += 1 if module.front_end.frames(samples) < frames else -1
    audio = torch.randint(-9000, 9000, (size, samples), dtype=torch.int16)
    number = torch.arange(size)
    lengths = torch.full((size,), samples)
    return ClipBatch(audio, lengths, number % module.network.classes, number >= 0, number, seed=number)


def phoneme_batch(module, size=2, samples=16000):
    audio = torch.randint(-9000, 9000, (size, samples), dtype=torch.int16)
    number, lengths = torch.arange(size), torch.tensor([samples, samples - 4000])
    targets = torch.tensor([[1, 2, 3], [4, 5, 0]])
    return PhonemeBatch(audio, lengths, targets, torch.tensor([3, 2]), number >= 0, number, seed=number)


FAMILIES = {
    "melody/crepe/crepe_demo.yaml": pitch_batch,
    "melody/crepe/crepe_reconstruction.yaml": pitch_batch,
    "melody/wavenet/wavenet_small.yaml": pitch_batch,
    "melody/baselines/perceptron_voicing.yaml": pitch_batch,
    "melody/salience/hcnn_voicing.yaml": pitch_batch,
    "melody/salience/bittner_batchnorm.yaml": pitch_batch,
    "melody/salience/deep_salience_multif0.yaml": pitch_batch,
    "melody/tracker/harmonic_tracker.yaml": pitch_batch,
    "melody/voicing/voicing_note_octave.yaml": pitch_batch,
    "classification/fsdd_m3_8k.yaml": clip_batch,
    "classification/fsdd_conv_rnn.yaml": clip_batch,
    "classification/emodb_deepspeech_rnn.yaml": clip_batch,
    "classification/deepspeech_transformer_queries.yaml": clip_batch,
    "phonemes/an4_resnet34_04.yaml": phoneme_batch,
}
# One of pitch, of clips, of phones, and ours; the others are long.
FIRST = (
    "melody/crepe/crepe_demo.yaml",
    "melody/tracker/harmonic_tracker.yaml",
    "classification/fsdd_m3_8k.yaml",
    "phonemes/an4_resnet34_04.yaml",
)

# What is left, and why.
KNOWN = {
    # torch packs sequences by lengths on the host
    "emodb_deepspeech_rnn": {
        f"architectures/deepspeech/recurrent.py: forward: {operation}"
        for operation in ("cpu", "to", "__int__", "_local_scalar_dense")
    },
    # torch copies the lengths to the host; the head normalises over the frames that exist, however many
    "an4_resnet34_04": {
        "lightning_modules/phonemes.py: _losses: _ctc_loss",
        "architectures/conv_lstm/conv_lstm.py: forward: nonzero",
    },
}
# On a GPU, the count of averaged steps is on the host, the trainer moves tensors to the GPU, and nothing looks for
# silence; seeds and lengths are where the spectrum is. What losses were is read when it has come to the host.
ON_A_CPU = re.compile(
    r"callbacks/run/averaging.py: _average|elsewhere: to$|architectures/layers.py: sounding_frames"
    r"|architectures/front_ends/spec_augment.py: forward: to$|callbacks/guards/finite.py: _answer: tolist$"
)


class LookingLater(FiniteTraining):
    """As on a GPU; a process that is alone on a CPU looks at every loss."""

    def on_train_start(self, trainer, pl_module):
        super().on_train_start(trainer, pl_module)
        self._at_once = False


def waits_of(module, batch, folder):
    module.scheduler = None  # some ask for a validation
    waits = Waits()
    watch = Watch(waits)
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, max_steps=STEPS,
        enable_checkpointing=False, default_root_dir=folder, log_every_n_steps=1000,
        callbacks=[watch, LookingLater(1), RunCurves(), Throughput(warm_up=0), AveragedWeights(), Unwatch(watch)],
    )  # fmt: skip
    trainer.fit(module, DataLoader([batch] * STEPS, batch_size=None))
    assert trainer.global_step == STEPS
    return {place for place in waits.places if not ON_A_CPU.match(place)}


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(recipe, id=Path(recipe).stem, marks=pytest.mark.slow if recipe in FIRST else pytest.mark.long)
        for recipe in FAMILIES
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_step_of_training_waits_for_nothing(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(distribution, "selected", distribution.silenced)  # as on a GPU
    module = module_of(recipe)
    waits = waits_of(module, FAMILIES[recipe](module), tmp_path)
    assert waits == KNOWN.get(Path(recipe).stem, set())


class Asking(Callback):
    """Asks in every way for what a GPU would have to be waited for."""

    def on_train_batch_start(self, trainer, module, batch, index):
        values = next(module.parameters()).detach().flatten()
        ways = (float, bool, torch.Tensor.item, torch.Tensor.cpu, lambda each: each.to("cpu"), torch.Tensor.tolist)
        for way in ways:
            way(values[0])
        found = [values[values > 0], values.nonzero(), torch.equal(values, values), values.unique()]
        assert len(found) == 4


def test_whatever_waits_is_seen():
    waits = Waits()
    watch = Watch(waits)
    watch.on_train_batch_start(None, None, None, 0)
    try:
        Asking().on_train_batch_start(None, torch.nn.Linear(2, 2), None, 0)
    finally:
        Unwatch(watch).on_train_batch_end(None, None)
    seen = {place.removeprefix("elsewhere: ") for place in waits.places}
    assert seen >= {"__float__", "__bool__", "item", "cpu", "to", "tolist", "index", "nonzero", "equal", "_unique2"}
