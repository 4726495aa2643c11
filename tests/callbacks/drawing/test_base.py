"""What all callbacks that draw do, whatever they draw."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks import run_folder
from callbacks.drawing.base import FirstByName
from tests.callbacks.drawing.drawing_callbacks import CALLBACKS


@pytest.fixture(params=CALLBACKS, ids=lambda callback: callback.__name__)
def callback(request):
    return request.param


@pytest.fixture
def module(callback, request):
    return request.getfixturevalue(CALLBACKS[callback])()


@pytest.fixture
def drawn(callback, monkeypatch):
    """Steps at which sets were drawn."""
    steps = []
    monkeypatch.setattr(callback, "draw", lambda self, trainer, *_: iter(steps.append(trainer.global_step) or ()))
    return steps


def test_the_first_and_every_second_validation_of_a_fit_is_drawn_and_each_outside_of_it(quiet, callback, module, drawn):
    trainer = quiet(callback(every_n_validations=2), max_epochs=4)
    trainer.fit(module)
    assert drawn == [4, 12]
    trainer.validate(module)
    trainer.validate(module)
    assert drawn == [4, 12, 16, 16]


def test_trial_runs_and_sanity_checks_draw_nothing(quiet, callback, module, drawn):
    quiet(callback(), fast_dev_run=True).fit(module)
    quiet(callback(), num_sanity_val_steps=2, limit_val_batches=1, check_val_every_n_epoch=2).fit(module)
    assert drawn == []


def test_no_drawing_at_all_is_refused_by_name(callback):
    with pytest.raises(ValueError, match="every_n_validations: 0"):
        callback(every_n_validations=0)


def test_a_pass_begins_with_nothing_of_an_interrupted_one(quiet, callback, module, monkeypatch):
    kept = []
    monkeypatch.setattr(callback, "draw", lambda self, trainer, dataset, of_set: iter(kept.append(of_set) or ()))
    made = callback()
    made.kept = {"stale": None}
    quiet(made).validate(module)
    assert len(kept) == 1 and kept[0] is not None and made.kept == {}


def test_a_picture_is_whole_or_absent(quiet, callback, module, monkeypatch):
    def half(figure, file, **_):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", half)
    trainer = quiet(callback())
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        trainer.validate(module)
    assert not [path for path in run_folder(trainer).rglob("*") if path.is_file()]


@given(st.lists(st.lists(st.text("abc", max_size=3), unique=True)), st.integers(0, 4))
def test_the_first_by_name_are_kept_on_any_number_of_processes(processes, count):
    joined = FirstByName(count)
    for names in processes:
        kept = FirstByName(count)
        for name in names:
            if kept.wants(name):
                kept.add(name, name.upper())
            assert len(kept.named) <= count
        joined.join(kept)
    first = sorted({name for names in processes for name in names})[:count]
    assert joined.named == {name: name.upper() for name in first}
