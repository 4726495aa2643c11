"""The same seed gives the same bits: one recipe of every family, twice, elsewhere, with workers, after a stop."""

import functools

import numpy as np
import pytest
import torch

from tests.experiments.catalogue import ROOT
from tests.experiments.repeating.elsewhere import LESSER_CPU, computed
from tests.experiments.repeating.short_fits import (
    STEPS,
    STOP,
    NewProcess,
    families,
    in_a_fork,
    words_for,
)

QUICK = "fsdd_m3_8k"  # batch norm and augmentation; its steps take least
FAMILIES = [
    pytest.param(path, id=path.stem, marks=pytest.mark.slow if path.stem == QUICK else pytest.mark.long(seconds=60))
    for path in families()
]
each_family = pytest.mark.parametrize("path", FAMILIES)
pytestmark = [
    pytest.mark.filterwarnings("ignore:n_fft="),
    pytest.mark.filterwarnings("ignore:At least one mel filterbank"),
]
# Where a gradient is 0 but for rounding, as that of a bias before a batch norm, in a channel that its ReLU never cuts,
# the first step of RMSprop or Adam divides it by its own size: 3e-8 becomes a step of 1e-3. By SGD it stays small.
SIGN_OF_ROUNDING = ("languages_dropout", "cqt_resid_dropout", "deep_salience_multif0")
another_cpu = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX512", reason="this CPU has no AVX-512 to do without"
)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The words that fit a recipe on shards, and what it learned; each once."""

    @functools.cache
    def fit(path):
        folder = tmp_path_factory.mktemp(path.stem)
        words = words_for(path, folder)
        (learned,) = in_a_fork([(words, folder / "once")])
        return words, learned

    return fit


@pytest.fixture(scope="module")
def new_process():
    """The process with these variables of the environment; started once, unless a fit of before ended it."""
    started = []

    def given(**variables):
        found = next((each for each in started if each.variables == variables and each.is_running()), None)
        if found is None:
            started.append(found := NewProcess(**variables))
        return found

    yield given
    for each in started:
        each.close()


def test_the_families_are_those_of_all_networks_that_learn():
    names = {path.stem for path in families()}
    assert QUICK in names and len(names) > 15
    assert {path.relative_to(ROOT).parts[1] for path in families()} == {"melody", "classification", "phonemes"}


@pytest.mark.long
@each_family
def test_a_fit_is_the_same_twice_in_a_process_and_with_any_number_of_workers(path, fitted, tmp_path):
    words, expected = fitted(path)
    assert len(expected.losses) == STEPS and np.isfinite(expected.losses).all()
    assert len(set(expected.losses)) == STEPS, "nothing is learned"
    assert in_a_fork([(words, tmp_path / "one"), (words, tmp_path / "two")]) == [expected, expected]
    for workers in (1, 3):
        assert in_a_fork([([*words, f"--data.workers={workers}"], tmp_path / str(workers))]) == [expected]


@each_family
def test_a_fit_that_was_stopped_and_goes_on_learns_the_same(path, fitted, tmp_path):
    words, expected = fitted(path)
    begun, ended = in_a_fork([(words, tmp_path / "one", STOP), (words, tmp_path / "two", STEPS, tmp_path / "one")])
    assert begun.losses == expected.losses[:STOP]
    assert ended.losses == expected.losses[STOP:]
    assert ended.digest == expected.digest


@pytest.mark.long(seconds=5)
def test_another_seed_is_seen(fitted, tmp_path):
    """Without this the digests above might be of nothing."""
    path = next(path for path in families() if path.stem == QUICK)
    words, expected = fitted(path)
    (other,) = in_a_fork([([*words, "--seed_everything=1"], tmp_path)])
    assert other.digest != expected.digest


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in families()])
@pytest.mark.long(seconds=60)
def test_a_fit_in_another_process_with_other_hashes_is_the_same(path, fitted, new_process, tmp_path):
    words, expected = fitted(path)
    assert new_process(PYTHONHASHSEED="77").fit(words, tmp_path) == expected


@another_cpu
@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in families()])
@pytest.mark.long(seconds=60)
def test_the_first_losses_on_a_lesser_cpu_are_the_same_to_1e_5(path, fitted, new_process, tmp_path):
    words, expected = fitted(path)
    lesser = new_process(**LESSER_CPU)
    found = lesser.fit(words, tmp_path / "own", 2)
    assert found.losses[0] == pytest.approx(expected.losses[0], rel=1e-5)
    if path.stem in SIGN_OF_ROUNDING:
        assert found.losses[1] == pytest.approx(expected.losses[1], rel=1e-3)
        words = [*words, "--model.optimizer=torch.optim.SGD", "--model.optimizer.lr=0.01"]
        (expected,) = in_a_fork([(words, tmp_path / "here", 2)])
        found = lesser.fit(words, tmp_path / "there", 2)
    np.testing.assert_allclose(found.losses, expected.losses[:2], rtol=1e-5)


@another_cpu
@pytest.mark.long(seconds=60)
def test_f0_on_a_lesser_cpu_is_the_same_to_1e_5_and_prepared_audio_to_the_bit(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, variables in ((here, {}), (there, LESSER_CPU)):
        folder.mkdir()
        computed(folder, **variables)
    one, other = np.load(here / "f0.npz"), np.load(there / "f0.npz")
    np.testing.assert_allclose(other["f0"], one["f0"], rtol=1e-5)
    np.testing.assert_allclose(other["confidence"], one["confidence"], atol=1e-5)
    shards = sorted(path.relative_to(here) for path in (here / "audio").glob("*.tar"))
    assert shards and all((here / path).read_bytes() == (there / path).read_bytes() for path in shards)
