"""A real Trainer on numbers instead of audio: wherever a fit stops, what is resumed is what would have followed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch.callbacks import TQDMProgressBar

from tests.datamodules.windows.resumed_numbers import Numbers, numbers_of, place

pytestmark = pytest.mark.filterwarnings("ignore")  # of Lightning, about loaders without workers


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


@pytest.mark.sampled(25)
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


@pytest.mark.sampled(10)
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
