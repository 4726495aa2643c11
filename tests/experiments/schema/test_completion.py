"""The completion script, in a shell as its users have it."""

import shutil
import subprocess

import pytest
import shtab

from experiments import cli
from experiments.schema.words import words_of_melisma

pytestmark = pytest.mark.long

# What bash does when somebody presses TAB behind the last word; a line for each question.
ASK = """
source "$1"
while IFS= read -r line; do
  IFS='|' read -ra COMP_WORDS <<< "$line"
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  [ "${COMP_WORDS[COMP_CWORD]}" = _ ] && COMP_WORDS[COMP_CWORD]=""
  COMPREPLY=()
  _shtab_melisma melisma "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
  echo "${COMPREPLY[@]}"
done
"""


@pytest.fixture(scope="module")
def completed(builder, tmp_path_factory):
    """What bash offers behind some words; an empty last word is `_`."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    folder = tmp_path_factory.mktemp("completion")
    (folder / "melisma.bash").write_text(shtab.complete(words_of_melisma(builder), "bash"))
    (folder / "files").mkdir()
    (folder / "files" / "recipe.yaml").touch()

    def ask(*questions):
        lines = "".join("|".join(["melisma", *question.split()]) + "\n" for question in questions)
        command = ["bash", "--norc", "-c", ASK, "bash", str(folder / "melisma.bash")]
        answer = subprocess.run(
            command, input=lines, cwd=folder / "files", capture_output=True, text=True, check=True, timeout=60
        )
        assert answer.stderr == ""
        return [line.split() for line in answer.stdout.splitlines()]

    return ask


@pytest.mark.long
def test_commands_options_classes_and_values_are_offered(completed):
    offered = completed(
        "_", "tr", "fit --model.network.capac", "fit --model.network architectures.CRE", "fit --model.network CRE",
        "fit --trainer.callbacks+ callbacks.Pian", "fit --trainer.precision bf16-", "fit --trainer.deterministic tr",
        "validate --ckpt_p", "prepare --corpus.tables", "prepare --audio _", "completion _", "demo --data.batch_si",
    )  # fmt: skip
    assert set(offered[0]) == {*cli.SUBCOMMANDS, *cli.command_files()}
    assert offered[1:] == [
        ["transcribe"], ["--model.network.capacity"], ["architectures.CREPE"], ["CREPE"], ["callbacks.Pianorolls"],
        ["bf16-true", "bf16-mixed"], ["true"], ["--ckpt_path"],
        ["--corpus.tables"], ["flac", "i16"],
        ["bash", "zsh", "tcsh"], ["--data.batch_size"],
    ]  # fmt: skip


def test_files_are_offered_where_a_file_is_meant(completed):
    assert completed("fit --config rec", "prepare rec", "transcribe rec") == [["recipe.yaml"]] * 3


def test_a_width_that_follows_from_the_grid_is_offered_for_no_tracker_and_help_for_every_command(completed):
    words = [*cli.SUBCOMMANDS, *cli.command_files()]
    assert completed(*(f"{word} --hel" for word in words)) == [["--help"]] * len(words)
    assert completed("fit --data.windo", "fit --model.grid.semi") == [[], ["--model.grid.semitones"]]


@pytest.mark.long
@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_there_are_scripts_for_other_shells(builder, shell):
    assert "transcribe" in shtab.complete(words_of_melisma(builder), shell)
