"""kill -9 at moments that are drawn: the same command again gives what an undisturbed one does, bit for bit."""

import functools

import pytest

from tests.experiments.machine_faults.forked import melisma
from tests.experiments.machine_faults.kills import Counter, KillAt, KillInCheckpoint, moments
from tests.experiments.machine_faults.places import contents
from tests.experiments.machine_faults.results import differences, of_run

pytestmark = pytest.mark.faults

KILLS = 20
SIGKILL = -9


def drawn(count: int) -> list:
    """The numbers of kills; all but the first are long."""
    chosen = {count // 2, count - 2}
    return [each if each in chosen else pytest.param(each, marks=pytest.mark.long) for each in range(count)]


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """How often a command does something to a file, by its words."""

    @functools.cache
    def count(*words):
        folder = tmp_path_factory.mktemp("counted")
        ended = melisma(words, folder / "here", before=Counter(folder / "count"))
        assert ended.code == 0, ended.output
        return int((folder / "count").read_text())

    return count


def goes_on(words, folder):
    ended = melisma(words, folder)
    assert ended.code == 0, ended.output
    assert "Traceback" not in ended.output, ended.output


@pytest.mark.parametrize("kill", drawn(KILLS))
def test_prepare_that_is_killed_goes_on_to_the_same_bytes(preparing, prepared, events, tmp_path, kill):
    words = ("prepare", str(preparing))
    killed = melisma(words, tmp_path / "here", KillAt(moments(KILLS, events(*words), seed=1)[kill]))
    assert killed.code == SIGKILL, killed.output
    goes_on(words, tmp_path / "here")
    assert contents(tmp_path / "here") == prepared


@pytest.mark.long
@pytest.mark.parametrize("session", [False, True], ids=["the first process", "all processes"])
@pytest.mark.parametrize("kill", range(5))
def test_prepare_in_jobs_that_is_killed_goes_on_to_the_same_bytes(preparing, prepared, events, tmp_path, kill, session):
    words = ("prepare", str(preparing), "-j", "2")
    at = moments(5, events(*words), seed=2 + session)[kill]
    killed = melisma(words, tmp_path / "here", KillAt(at, session))
    assert killed.code == SIGKILL and not killed.orphans, killed.output
    goes_on(words, tmp_path / "here")
    assert contents(tmp_path / "here") == prepared


def fit(recipe):
    return (
        "fit", "--config", str(recipe), "--data.batch_size=60", "--model.network.dropout=0.25", "--resume.run=mine",
        "--resume.every_n_train_steps=1", "--trainer.log_every_n_steps=1",
    )  # fmt: skip


@pytest.fixture(scope="module")
def fitted(small_recipe, tmp_path_factory):
    """What a fit gives that nothing happened to."""
    folder = tmp_path_factory.mktemp("fitted")
    goes_on(fit(small_recipe), folder)
    return of_run(folder / "runs" / "mine")


@pytest.mark.long
@pytest.mark.parametrize("kill", range(KILLS))
def test_fit_that_is_killed_goes_on_as_if_nothing_had_happened(small_recipe, fitted, events, tmp_path, kill):
    words = fit(small_recipe)
    killed = melisma(words, tmp_path / "here", KillAt(moments(KILLS, events(*words), seed=3)[kill]))
    assert killed.code == SIGKILL, killed.output
    goes_on(words, tmp_path / "here")
    assert differences(of_run(tmp_path / "here" / "runs" / "mine"), fitted) == []


WITHIN = [(0, 0.0), (1, 0.5), (4, 0.01), (7, 0.99), (10, 0.6), (13, 1.0)]


@pytest.mark.parametrize(
    ("number", "part"),
    [WITHIN[1], *(pytest.param(*each, marks=pytest.mark.long) for each in WITHIN if each != WITHIN[1])],
)
def test_fit_that_is_killed_within_a_checkpoint_goes_on_from_the_one_before(
    small_recipe, fitted, tmp_path, number, part
):
    killed = melisma(fit(small_recipe), tmp_path / "here", KillInCheckpoint(number, part))
    assert killed.code == SIGKILL, killed.output
    goes_on(fit(small_recipe), tmp_path / "here")
    assert differences(of_run(tmp_path / "here" / "runs" / "mine"), fitted) == []


@pytest.mark.long
@pytest.mark.parametrize("number", range(0, 24, 3))
def test_a_file_of_a_fit_that_has_not_got_its_name_is_not_left_over(small_recipe, fitted, tmp_path, number):
    killed = melisma(fit(small_recipe), tmp_path / "here", KillAt(number, events=frozenset({"os.rename"})))
    assert killed.code == SIGKILL, killed.output
    assert [name for name in contents(tmp_path / "here") if name.endswith(".tmp")]
    goes_on(fit(small_recipe), tmp_path / "here")
    assert differences(of_run(tmp_path / "here" / "runs" / "mine"), fitted) == []


@pytest.mark.parametrize("kill", [1, *(pytest.param(each, marks=pytest.mark.long) for each in (0, 2, 3, 4))])
def test_transcribe_that_is_killed_goes_on_to_the_same_bytes(world, events, tmp_path, kill):
    words = (
        "transcribe", str(world.recordings), "--model", str(world.released), "--out", "answers", "--format", "csv,npz",
    )  # fmt: skip
    goes_on(words, tmp_path / "whole")
    killed = melisma(words, tmp_path / "here", KillAt(moments(5, events(*words), seed=4)[kill]))
    assert killed.code == SIGKILL, killed.output
    goes_on(words, tmp_path / "here")
    assert contents(tmp_path / "here") == contents(tmp_path / "whole") != {}


@pytest.mark.long
def test_a_release_that_is_killed_leaves_nothing_when_it_is_made_again(trained_run, tmp_path):
    words = ("release", str(trained_run), "--out", "released")
    killed = melisma(words, tmp_path / "here", KillAt(2, events=frozenset({"os.rename"})))
    assert killed.code == SIGKILL and len(contents(tmp_path / "here")) > 1, killed.output
    goes_on(words, tmp_path / "here")
    assert {name.partition("/")[0] for name in contents(tmp_path / "here")} == {"released"}
