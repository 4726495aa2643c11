"""Every network has its published number of parameters, or a difference with a reason."""

import pytest
import torch

from architectures.layers import parameter_count
from tests.architectures import counts_speech_clips, counts_speech_phonemes
from tests.architectures.counts_crepe import CREPE_COUNTS
from tests.architectures.counts_perceptron import PERCEPTRON_COUNTS
from tests.architectures.counts_salience import SALIENCE_COUNTS
from tests.architectures.counts_wavenet import WAVENET_COUNTS

COUNTS = [
    *(*CREPE_COUNTS, *PERCEPTRON_COUNTS, *SALIENCE_COUNTS, *WAVENET_COUNTS),
    *(*counts_speech_clips.COUNTS, *counts_speech_phonemes.COUNTS),
]


@pytest.mark.parametrize("row", COUNTS, ids=lambda row: row.name)
def test_parameter_count(row):
    with torch.device("meta"):
        assert parameter_count(row.build()) == row.ours
    assert (row.ours == row.published) != bool(row.reason), "a reason for each difference, and for nothing else"


def test_no_two_rows_have_the_same_name():
    names = [row.name for row in COUNTS]
    assert len(names) == len(set(names))
