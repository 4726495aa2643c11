"""A real Trainer on numbers instead of audio: wherever a fit stops, what is resumed is what would have followed."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar
from torch.utils.data import DataLoader

from datamodules.base import ShardedData
from datamodules.errors import DataError
from datamodules.loading import ResumableLoader

pytestmark = pytest.mark.filterwarnings("ignore")  # of Lightning, about loaders without workers


class Numbers(ShardedData):
    """The sequence of epoch e is 1000 e, 1000 e + 1, ...; a batch is a tensor of them."""

    def __init__(self, batch_size=5, total=50, identity="numbers", seed=0, **plan):
        super().__init__(batch_size=batch_size, seed=seed)
        self.total, self._plan = total, plan
        self._training_index = SimpleNamespace(identity=identity, directory="numbers")

    items_per_epoch = property(lambda self: self.total)
    plan = property(lambda self: self._plan)

    def train_dataloader(self):
        self.report_training()
        return Sequence(self)

    def evaluation_indexes(self, stage):
        return {"zeros": None}

    def evaluation_loader(self, name, index):
        return DataLoader([0.0] * 3)


class Sequence(ResumableLoader):
    def __init__(self, data):
        self.data = data

    def __len__(self):
        return self.data.total // self.data.batch_size

    def __iter__(self):
        epoch, start = self.data.begin_epoch()
        for low in range(start, self.data.total - self.data.batch_size + 1, self.data.batch_size):
            yield 1000.0 * epoch + torch.arange(low, low + self.data.batch_size)


class Toy(LightningModule):
    def __init__(self, cycle):
        super().__init__()
        self.weight, self.cycle = torch.nn.Parameter(torch.zeros(1)), cycle

    def training_step(self, batch, batch_idx):
        return (self.weight * batch.mean() - 1).square()

    def validation_step(self, batch, batch_idx):
        pass

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=0.1)
        if not self.cycle:
            return optimizer
        steps = self.trainer.estimated_stepping_batches  # builds the loader, before any progress is restored
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Stopped(Exception):
    pass


class Journal(Callback):
    """What happened, in order; at the chosen moment a checkpoint is written and the fit ends."""

    def __init__(self, path, moment, batch):
        self.path, self.moment, self.batch, self.entries = path, moment, batch, []

    def reach(self, moment, trainer):
        if moment == self.moment and trainer.fit_loop.epoch_loop.total_batch_idx == self.batch:
            if not moment.startswith("in a"):  # such are saved by on_exception, as ResumeCheckpoint does
                trainer.save_checkpoint(self.path)
            raise Stopped

    def on_before_backward(self, trainer, module, loss):
        self.reach("in a step", trainer)

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        loop = trainer.fit_loop.epoch_loop
        last, logged = loop.batch_progress.is_last_batch, loop._batches_that_stepped
        weight = module.weight.item()
        self.entries.append(("step", loop.total_batch_idx, batch_idx, last, logged, batch.tolist(), weight))
        self.reach("end of a step", trainer)

    def on_validation_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if batch_idx == 1:
            self.reach("in a validation", trainer)

    def on_validation_end(self, trainer, module):
        self.entries.append(("validation", trainer.fit_loop.epoch_loop.total_batch_idx, trainer.current_epoch))
        self.reach("end of a validation", trainer)

    def on_train_epoch_end(self, trainer, module):
        self.entries.append(("epoch", trainer.current_epoch))
        self.reach("end of an epoch", trainer)

    def on_exception(self, trainer, module, exception):
        if self.moment is not None and self.moment.startswith("in a"):
            trainer.save_checkpoint(self.path)

    def on_train_end(self, trainer, module):
        if self.moment == "end of fit":
            trainer.save_checkpoint(self.path)


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    """Fit from a checkpoint, perhaps until a moment: the journal and the path of the checkpoint it wrote."""
    folder = tmp_path_factory.mktemp("numbers")
    numbers = iter(range(10**6))

    def run(data, moment=None, batch=-1, start=None, cycle=False, callbacks=(), **options):
        path = folder / f"{next(numbers)}.ckpt"
        journal = Journal(path, moment, batch)
        trainer = Trainer(
            accelerator="cpu", logger=False, enable_checkpointing=False, enable_model_summary=False,
            num_sanity_val_steps=0, default_root_dir=folder, callbacks=[journal, *callbacks],
            **{"max_epochs": 3, "enable_progress_bar": False, **options},
        )  # fmt: skip
        try:
            trainer.fit(Toy(cycle), datamodule=data, ckpt_path=start)
        except Stopped:
            assert moment is not None
        assert moment is None or path.exists()
        return journal.entries, path

    return run


@pytest.fixture(scope="module")
def undisturbed(fit):
    """The journal of the fit with these options that nothing stops."""
    journals = {}

    def run(**options):
        key = tuple(sorted(options.items(), key=str))
        if key not in journals:
            journals[key] = fit(Numbers(), **options)[0]
        return journals[key]

    return run


def place(path):
    return torch.load(path, weights_only=True)["Numbers"]


def kept(entries, path):
    """Without the steps that left only gradients and will be repeated, and what came of them."""
    first = [k for k, entry in enumerate(entries) if entry[0] == "step" and entry[1] >= place(path)["batches"]]
    return entries[: first[0]] if first else entries


SCHEDULES = {
    "each epoch": {"check_val_every_n_epoch": 1},
    "twice an epoch": {"val_check_interval": 0.5},
    "every three batches": {"check_val_every_n_epoch": None, "val_check_interval": 3},
}
MOMENTS = {
    "in a step": (7, 10, 19),
    "end of a step": (0, 4, 5, 9),
    "in a validation": (9, 11, 14),
    "end of a validation": (9, 11, 14),
    "end of an epoch": (9, 19),
}
EVERY = {"each epoch": 10, "twice an epoch": 5, "every three batches": 3}
CASES = [
    (schedule, moment, batch)
    for schedule in SCHEDULES
    for moment, batches in MOMENTS.items()
    for batch in batches
    if "validation" not in moment or (batch + 1) % EVERY[schedule] == 0
]


@pytest.mark.parametrize("limit", [{"max_epochs": 3}, {"max_epochs": -1, "max_steps": 30}])
@pytest.mark.parametrize(("schedule", "moment", "batch"), CASES)
def test_what_follows_a_checkpoint_is_what_followed_without(fit, undisturbed, schedule, moment, batch, limit):
    options = {**SCHEDULES[schedule], **limit}
    before, path = fit(Numbers(), moment, batch, **options)
    after, _ = fit(Numbers(), start=path, **options)
    assert before + after == undisturbed(**options)


@pytest.mark.parametrize(
    "stops",
    [
        [("end of a step", 4), ("in a step", 7)],
        [("end of a step", 9), ("end of a validation", 9)],
        [("in a validation", 9), ("end of an epoch", 9), ("in a step", 10)],
        [("in a step", 10), ("in a step", 10), ("end of a step", 19)],
    ],
)
def test_a_fit_may_be_stopped_again_and_again(fit, undisturbed, stops):
    entries, path = [], None
    for moment, batch in stops:
        more, path = fit(Numbers(), moment, batch, path)
        entries += more
    assert entries + fit(Numbers(), start=path)[0] == undisturbed()


@pytest.mark.parametrize("more", [{"max_epochs": 3}, {"max_epochs": -1, "max_steps": 30}, {"max_steps": 30}])
@pytest.mark.parametrize("steps", [10, 14])
def test_an_epoch_that_max_steps_cut_short_goes_on(fit, undisturbed, steps, more):
    before, path = fit(Numbers(), "end of fit", max_steps=steps)
    after, _ = fit(Numbers(), start=path, **more)
    cut = [] if steps == 10 else [("epoch", 1)]
    assert before[len(before) - len(cut) :] == cut
    assert before[: len(before) - len(cut)] + after == undisturbed()


@pytest.mark.parametrize(("moment", "batch"), [("end of a step", 4), ("in a step", 13), ("end of an epoch", 9)])
def test_a_schedule_that_asks_for_the_length_before_the_place_is_known_changes_nothing(fit, undisturbed, moment, batch):
    before, path = fit(Numbers(), moment, batch, cycle=True)
    assert before + fit(Numbers(), start=path, cycle=True)[0] == undisturbed(cycle=True)


@pytest.mark.parametrize("moment", ["in a step", "end of a step"])
@pytest.mark.parametrize("batch", range(8, 13))
@pytest.mark.parametrize("together", [2, 3, 4])
def test_steps_whose_gradients_were_lost_are_repeated(fit, undisturbed, together, batch, moment):
    options = {"accumulate_grad_batches": together, **SCHEDULES["every three batches"]}
    before, path = fit(Numbers(), moment, batch, **options)
    after, _ = fit(Numbers(), start=path, **options)
    assert kept(before, path) + after == undisturbed(**options)


@pytest.mark.parametrize(("moment", "batch"), [("end of a step", 3), ("end of an epoch", 3), ("in a step", 5)])
def test_an_epoch_of_few_batches_ends_with_them(fit, undisturbed, moment, batch):
    options = {"limit_train_batches": 4}
    before, path = fit(Numbers(), moment, batch, **options)
    assert before + fit(Numbers(), start=path, **options)[0] == undisturbed(**options)


def numbers_of(entries, epoch):
    """All numbers of an epoch in the order in which they were trained on."""
    numbers = [int(number) for entry in entries if entry[0] == "step" for number in entry[5]]
    return [number - 1000 * epoch for number in numbers if number // 1000 == epoch]


def test_another_batch_size_continues_with_what_is_left(fit):
    before, path = fit(Numbers(5), "end of a step", 5)
    assert (place(path)["epoch"], place(path)["items"], place(path)["batches"]) == (0, 30, 6)
    after, _ = fit(Numbers(8), start=path, val_check_interval=0.5)
    assert numbers_of(before, 0) + numbers_of(after, 0) == list(range(46)), "20 are left: two steps of eight, and four"
    assert numbers_of(after, 1) == numbers_of(after, 2) == list(range(48))
    first = after[: after.index(("epoch", 0)) + 1]
    assert [entry[:5] for entry in first] == [
        ("step", 6, 4, False, 6),
        ("step", 7, 5, True, 7),
        ("validation", 7, 0),
        ("epoch", 0),
    ]
    assert [entry for entry in after if entry[0] == "epoch"] == [("epoch", 0), ("epoch", 1), ("epoch", 2)]


def test_an_epoch_of_which_less_than_a_new_step_is_left_ends_with_its_validation(fit):
    before, path = fit(Numbers(5), "end of a step", 7)
    after, path = fit(Numbers(12), "end of a step", 8, path)
    assert numbers_of(before, 0) == list(range(40))
    assert [entry[:3] for entry in after] == [("validation", 7, 0), ("epoch", 0), ("step", 8, 0)]
    assert numbers_of(after, 1) == list(range(12))
    assert (place(path)["epoch"], place(path)["items"]) == (1, 12)


def test_the_first_of_many_small_steps_counts_little_for_large_ones(fit):
    before, path = fit(Numbers(2), "end of a step", 0)
    after, _ = fit(Numbers(16), start=path)
    assert numbers_of(before, 0) + numbers_of(after, 0) == list(range(50))
    assert [entry[2] for entry in after if entry[0] == "step"] == [0, 1, 2] * 3
    assert len([entry for entry in after if entry[0] == "validation"]) == 3


def test_gradients_that_wait_in_a_shortened_accumulation_do_not_reach_behind_the_checkpoint(fit):
    """Seven of twelve batches are left, so that the accumulation of four starts with the last three of its batches."""
    _, path = fit(Numbers(5), "end of a step", 3, accumulate_grad_batches=4)
    after, path = fit(Numbers(4), "end of a step", 4, path, accumulate_grad_batches=4)
    assert [entry[2] for entry in after] == [5]
    assert (place(path)["items"], place(path)["batches"]) == (20, 4)


legs = st.lists(
    st.tuples(st.integers(1, 40), st.integers(1, 12), st.sampled_from(["in a step", "end of a step"])),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(legs=legs, last=st.integers(1, 40), total=st.integers(40, 60), together=st.integers(1, 3))
def test_every_number_is_trained_on_once_whatever_the_steps(fit, legs, last, total, together):
    entries, path, batches, sizes = [], None, 0, [last]
    for size, more, moment in legs:
        if batches + more > 2 * (total // max(size for size, *_ in [*legs, (last,)])):
            break
        part, path = fit(Numbers(size, total), moment, batches + more, path, accumulate_grad_batches=together)
        entries += kept(part, path)
        batches = place(path)["batches"]
        sizes.append(size)
        assert place(path)["items"] == len(numbers_of(entries, place(path)["epoch"]))
    entries += fit(Numbers(last, total), start=path, accumulate_grad_batches=together)[0]
    for epoch in range(3):
        numbers = numbers_of(entries, epoch)
        assert numbers == list(range(len(numbers)))
        assert total - len(numbers) < max(sizes)
    assert [entry for entry in entries if entry[0] == "epoch"] == [("epoch", 0), ("epoch", 1), ("epoch", 2)]
    assert [entry[2] for entry in entries if entry[0] == "validation"] == [0, 1, 2]
    steps = [entry[1] for entry in entries if entry[0] == "step"]
    assert steps == list(range(len(steps)))


def test_the_progress_bar_knows_the_length_of_an_epoch_that_goes_on(fit):
    class Bar(TQDMProgressBar):
        seen = []  # noqa: RUF012

        def on_train_batch_end(self, *args):
            super().on_train_batch_end(*args)
            self.seen.append((self.train_progress_bar.n, self.train_progress_bar.total))

    _, path = fit(Numbers(5), "end of a step", 5)
    fit(Numbers(8), start=path, max_epochs=1, callbacks=[Bar()], enable_progress_bar=True)
    assert Bar.seen == [(5, 6), (6, 6)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 3}, "data.seed: 3, but the checkpoint was trained with 0"),
        ({"stride": 2}, "data.stride: 2, but the checkpoint was trained with 1"),
        ({"streams": 8}, "data.streams: 8, but the checkpoint was trained with 64"),
        ({"identity": "others"}, "numbers: not the training data of the checkpoint"),
    ],
)
@pytest.mark.parametrize(("moment", "batch"), [("end of a step", 4), ("end of an epoch", 9)])
def test_another_sequence_is_refused(fit, changed, message, moment, batch):
    plan = {"stride": 1, "streams": 64}
    _, path = fit(Numbers(**plan), moment, batch)
    with pytest.raises(DataError, match=message):
        fit(Numbers(**{**plan, **changed}), start=path)


def test_a_checkpoint_of_other_data_is_refused(fit):
    class Letters(Numbers):
        pass

    _, path = fit(Numbers(), "end of an epoch", 9)
    with pytest.raises(DataError, match=r"data\.class_path: the checkpoint was not trained on Letters"):
        fit(Letters(), start=path)


def test_another_step_is_refused_where_an_epoch_is_a_number_of_steps(fit):
    _, path = fit(Numbers(5), "end of a step", 2, limit_train_batches=6)
    with pytest.raises(DataError, match=r"data\.batch_size: a step takes 7 .* 5; trainer\.limit_train_batches: 6"):
        fit(Numbers(7), start=path, limit_train_batches=6)
    _, path = fit(Numbers(5), "end of a step", 5, limit_train_batches=6)
    after, _ = fit(Numbers(7), start=path, limit_train_batches=6)
    assert numbers_of(after, 0) == [] and numbers_of(after, 1) == numbers_of(after, 2) == list(range(42))


@pytest.mark.parametrize(("moment", "batch"), [("end of a step", 4), ("in a step", 7), ("end of an epoch", 9)])
def test_a_checkpoint_that_knows_neither_plan_nor_batches_is_read(fit, undisturbed, tmp_path, moment, batch):
    before, path = fit(Numbers(stride=1), moment, batch)
    checkpoint = torch.load(path, weights_only=False)
    state = checkpoint["Numbers"]
    del state["plan"], state["batches"]
    state["items"] += 5 * (moment == "in a step")  # such a step was counted as consumed
    torch.save(checkpoint, tmp_path / "older.ckpt")
    assert before + fit(Numbers(stride=1), start=tmp_path / "older.ckpt")[0] == undisturbed()
    after, _ = fit(Numbers(6, stride=1), start=tmp_path / "older.ckpt")
    numbers = numbers_of(before, 0) + numbers_of(after, 0)
    assert numbers == list(range(len(numbers))) and len(numbers) > 50 - 6
