"""The folding tables, by their published sizes and groups."""

from pathlib import Path

import pytest
import yaml

from lightning_modules.metrics import FoldedBy, LeeHon39, LeeHon48, Unfolded, WithoutStress

CORPORA = Path(__file__).parents[4] / "experiments" / "corpora"
TIMIT = yaml.safe_load((CORPORA / "timit.yaml").read_text())["phones"]
# Written the other way round than in the library: each phone of the 39 with those of the 61 that count as it.
GROUPS_39 = """
iy | ih ix | eh | ae | ah ax ax-h | uw ux | uh | aa ao | ey | ay | oy | aw | ow | l el | r | y | w | er axr | m em |
n en nx | ng eng | ch | jh | dh | b | d | dx | g | p | t | k | z | sh zh | v | f | th | s | hh hv |
sil h# pau epi pcl tcl kcl bcl dcl gcl
"""


def groups(text):
    return {names.split()[0]: set(names.split()) for names in text.split("|")}


def test_timit_has_sixty_one_phones_of_which_thirty_nine_are_left():
    assert len(TIMIT) == 61
    folded = LeeHon39()(TIMIT)
    assert set(folded.names) == set(groups(GROUPS_39)) and len(folded.names) == 39
    found = {name: {phone for phone in TIMIT if LeeHon39().folded(phone) == name} for name in folded.names}
    assert found == {name: members & set(TIMIT) for name, members in groups(GROUPS_39).items()}


def test_forty_eight_are_left_on_the_way():
    folding = LeeHon48()
    folded = folding(TIMIT)
    assert len(folded.names) == 48
    moved = {phone: folding.folded(phone) for phone in TIMIT if folding.folded(phone) != phone}
    assert moved == {
        **{phone: "cl" for phone in ("pcl", "tcl", "kcl")},
        **{phone: "vcl" for phone in ("bcl", "dcl", "gcl")},
        **{phone: "sil" for phone in ("h#", "pau")},
        **{"ax-h": "ax", "axr": "er", "em": "m", "eng": "ng", "hv": "hh", "nx": "n", "ux": "uw", "q": None},
    }


def test_one_folding_after_the_other_is_both_at_once():
    there, further = LeeHon48(), LeeHon39()
    for phone in TIMIT:
        stop = there.folded(phone)
        assert further.folded(phone) == (None if stop is None else further.folded(stop))
    assert len(further(there(TIMIT).names).names) == 39
    for folding in (there, further):
        assert all(folding.folded(name) == name for name in folding(TIMIT).names)


def test_targets_are_numbered_in_the_order_of_the_inventory():
    folded = LeeHon39()(["zh", "q", "aa", "sh", "ao"])
    assert folded.names == ("sh", "aa")
    assert folded.number.tolist() == [0, 1, 0, 2, 1, 2]


def test_without_folding_every_target_is_its_own():
    folded = Unfolded()(["b", "a", "any"])
    assert folded.names == ("b", "a", "any") and folded.number.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("folding", [LeeHon48(), LeeHon39()])
def test_phones_that_the_table_does_not_know_are_named(folding):
    with pytest.raises(ValueError, match=f"{type(folding).__name__} does not know 'AA'"):
        folding(["b", "AA"])


def test_a_table_of_ones_own_folds_and_refuses():
    folding = FoldedBy({"a": "x", "b": "x", "c": None})
    assert folding(["a", "b", "c"]).names == ("x",)
    with pytest.raises(ValueError, match="does not know 'd'; it folds a b c"):
        folding(["a", "d"])
    with pytest.raises(ValueError, match="all left out"):
        folding(["c"])


def test_stress_is_taken_from_vowels_only():
    names = ["AH0", "AH1", "AH", "NG", "SIL", "ER2", "x1", "AH3"]
    assert [WithoutStress().folded(name) for name in names] == ["AH", "AH", "AH", "NG", "SIL", "ER", "x1", "AH3"]
