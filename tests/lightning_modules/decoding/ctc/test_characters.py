"""The table of characters."""

from lightning_modules.decoding import CHARACTERS_11785


def test_the_characters_of_11785_are_forty_one_in_the_order_of_outputs():
    names = ["", "SIL", *"AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T".split()]
    names += "TH UH UW V W Y Z ZH".split()
    assert list(CHARACTERS_11785) == names
    assert "".join(CHARACTERS_11785.values()) == " .aAhowybcdDerEfgHiIjklmnNOYpRsStTuUvW?zZ"
    assert len(set(CHARACTERS_11785.values())) == len(CHARACTERS_11785) == 41
