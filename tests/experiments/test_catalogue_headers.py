"""What headers say: of every recipe and sweep, and how it is found."""

from pathlib import Path

import pytest

from experiments.catalogue.headers import read_header
from tests.experiments.catalogue import SWEEPS, original_runs, recipes, stated_size

RECIPES = [path for family in ("melody", "classification", "phonemes") for path in recipes(family)]


@pytest.mark.parametrize("path", [*RECIPES, *SWEEPS], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_recipe_and_a_sweep_begin_with_their_question(path):
    assert read_header(path).question, f"{path}: write as its first line the question, with its mark at the end"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_says_its_size_and_what_was_published(path):
    header = read_header(path)
    assert header.parameters == stated_size(path)
    assert header.parameters is not None, f"{path}: write into its header: N parameters."
    assert header.says_what_was_published, (
        f"{path}: begin a sentence of its header so: Expected on the test songs: RPA .655 (thesis). "
        "If there is none: No figure was published."
    )
    assert "Unlike the original" not in header.published
    assert list(header.runs) == original_runs(path)


def header_of(tmp_path, text):
    path = Path(tmp_path, "mine.yaml")
    path.write_text(text)
    return read_header(path)


def test_the_parts_of_a_header(tmp_path):
    header = header_of(
        tmp_path,
        "# How large should it be?\n"
        "# Original runs: one; two (the third is not known)\n"
        "#   melisma fit --config experiments/melody/mine.yaml\n"
        "#     --data.batch_size 32\n"
        "# 1 234 567 parameters (published: 1 234 569). Expected on the validation songs: RPA .655, RCA .759. On the\n"
        "# tests A, B: OA .1, .2 (thesis, Bittner et al. 2017). L2 of .001 on all. Unlike the original: accuracy .5.\n"
        "model: 1 parameters # Expected: RPA .9.\n",
    )
    assert header.question == "How large should it be?"
    assert header.runs == ("one", "two")
    assert header.parameters == 1_234_567
    assert header.published == (
        "Expected on the validation songs: RPA .655, RCA .759. "
        "On the tests A, B: OA .1, .2 (thesis, Bittner et al. 2017)."
    )
    assert header.says_what_was_published


@pytest.mark.parametrize(
    ("text", "question", "parameters", "published", "says"),
    [
        ("# A statement.\n# 10 parameters. No figure was published.\n", "", 10, "No figure was published.", True),
        ("# Why?\n# 10 parameters. Expected: it is better.\n", "Why?", 10, "Expected: it is better.", False),
        ("# Why?\n# Measured figures: RESULTS.md.\n", "Why?", None, "", False),
        ("a: 1\n# Why?\n", "", None, "", False),
        ("", "", None, "", False),
    ],
)
def test_what_a_header_lacks_is_empty(tmp_path, text, question, parameters, published, says):
    header = header_of(tmp_path, text)
    assert (header.question, header.parameters, header.published) == (question, parameters, published)
    assert header.says_what_was_published is says
