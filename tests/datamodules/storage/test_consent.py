"""What a file names as a place is opened only if the user asked for it."""

import os

import pytest

from datamodules.errors import DataError
from datamodules.storage import consent
from datamodules.storage.pipes import PipedFolder
from datamodules.storage.places import open_storage
from datamodules.storage.urls import UrlFolder
from experiments.trusting import policy

PLACE = "pipe:ssh host cat '/data/my set'/{name}"
REFUSAL = r"a command that a file names.*--trust pipe"


@pytest.fixture(autouse=True)
def trust(monkeypatch):
    """Sets what is trusted, at first nothing."""
    monkeypatch.setenv(consent.TRUSTED, "")
    return lambda names: monkeypatch.setenv(consent.TRUSTED, names)


def test_a_command_that_stands_in_a_file_is_not_run():
    with consent.asked_for(["fit", "--config", "theirs.yaml"]), pytest.raises(DataError, match=REFUSAL):
        open_storage(PLACE)


@pytest.mark.parametrize(
    "typed",
    [
        [PLACE],
        [f"--data.train=[{PLACE}]"],
        ["--data.train", "[\"pipe:ssh host cat '/data/my set'/{name}\"]"],
        ["--data.train=['pipe:ssh host cat ''/data/my set''/{name}']"],
    ],
)
def test_a_command_that_was_typed_is_run_however_it_was_quoted(typed):
    with consent.asked_for(["fit", *typed]):
        assert isinstance(open_storage(PLACE), PipedFolder)


def test_a_command_in_a_file_is_run_if_commands_are_trusted(trust):
    trust("my_package,pipe")
    with consent.asked_for(["fit", "--config", "mine.yaml"]):
        assert isinstance(open_storage(PLACE), PipedFolder)
    trust("my_package,url")
    with consent.asked_for(["fit", "--config", "mine.yaml"]), pytest.raises(DataError):
        open_storage(PLACE)


def test_the_words_of_a_command_that_melisma_starts_count_for_nothing():
    with consent.asked_for(["sweep", "theirs.yaml"]):  # whose fits get the words of that file
        words = policy.take_option(["fit", f"--data.train=[{PLACE}]", "--trust=pipe"])
        with consent.asked_for(words), pytest.raises(DataError, match=REFUSAL):
            open_storage(PLACE)


def test_nothing_is_left_of_a_command_line_that_was_run():
    before = dict(os.environ)
    with consent.asked_for(["fit", PLACE]):
        assert dict(os.environ) != before
    assert dict(os.environ) == before
    with consent.asked_for(["fit"]), pytest.raises(DataError):
        open_storage(PLACE)
    open_storage(PLACE)  # who writes Python has written the place


def test_a_url_of_a_recipe_is_opened_and_one_of_a_record_is_not():
    url = "https://host/data/mine"
    with consent.asked_for(["fit", "--config", "theirs.yaml"]):
        assert isinstance(open_storage(url), UrlFolder)
        with pytest.raises(DataError, match=r"a URL that a file names.*--trust url"):
            consent.require(url, url, consent.URLS)


def test_a_secret_is_not_repeated_and_a_long_command_not_as_a_whole():
    with consent.asked_for(["fit"]), pytest.raises(DataError) as refused:
        open_storage("pipe:curl https://me:secret@host/{name}" + " " * 10 + "x" * 5000)
    assert "secret" not in str(refused.value) and len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("words", "names", "left"),
    [
        (["fit", "--trust", "pipe", "--config", "a"], "pipe", ["fit", "--config", "a"]),
        (["--trust=pipe,url", "fit", "--trust", "mine"], "pipe,url,mine", ["fit"]),
        (["fit"], "", ["fit"]),
    ],
)
def test_what_is_trusted_may_stand_anywhere(words, names, left):
    assert policy.take_option(words) == left
    assert os.environ[consent.TRUSTED] == names


@pytest.mark.parametrize("words", [["fit", "--trust"], ["--trust", "--config"], ["--trust="]])
def test_trusting_nothing_is_refused(words):
    with pytest.raises(DataError, match="write behind it what is trusted"):
        policy.take_option(words)
