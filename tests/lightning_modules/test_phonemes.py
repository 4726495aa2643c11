"""PhonemeRecognizer: its loss, its scores and what its steps return."""

import numpy as np
import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from architectures import MFCC, ConvLSTM, SequenceNetwork, Sequences, StoredFeatures
from datamodules.batches import PhonemeBatch, UtteranceSet
from lightning_modules import Beam, FoldedBy, Greedy, LeeHon39, PhonemeRecognizer
from lightning_modules.decoding import CTCDecoder, Hypothesis
from lightning_modules.outputs import PhonemeOutput

PHONES = ("AA", "B", "K")


class Spelled(SequenceNetwork):
    """Says what stands in the features: symbol k where bin k is greatest, every second frame."""

    symbols, bins, stride, offset = 4, 4, 2, 1

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(20.0))

    def lengths(self, frames):
        return frames // 2

    def forward(self, features, lengths):
        return Sequences(self.gain * features[:, 1::2], self.lengths(lengths))


def recognizer(network=None, front_end=None, **options):
    return PhonemeRecognizer(network or Spelled(), front_end or StoredFeatures(4), **options)


def spoken(*transcripts, said=None, valid=None, truth=True, phones=PHONES):
    """Utterances whose features spell `said` (or the transcript), two blanks behind each symbol."""
    said = said or transcripts
    length = max(map(len, said)) * 6
    signal = torch.zeros(len(said), length, 4)
    for row, symbols in zip(signal, said, strict=True):
        for place, symbol in enumerate(symbols):
            row[6 * place : 6 * place + 2, symbol] = 1
            row[6 * place + 2 : 6 * place + 6, 0] = 1
    width = max([1, *map(len, transcripts)])
    valid = torch.tensor(valid or [True] * len(said))
    return PhonemeBatch(
        signal, torch.tensor([6 * len(each) for each in said]),
        torch.tensor([[*each, *[0] * (width - len(each))] for each in transcripts]),
        torch.tensor([len(each) for each in transcripts]), valid,
        torch.where(valid, torch.arange(len(said)), -1), None,
        UtteranceSet("mine", [f"u{number}" for number in range(len(said))], phones, 16000, 160, truth),
    )  # fmt: skip


def test_what_is_spelled_clearly_is_recognised(scored, fulfils):
    logged, found = scored(recognizer(), spoken([1, 2, 3], [2, 2]))
    assert all(fulfils(each, PhonemeOutput) for each in found)
    assert [each["hypotheses"][0].symbols for each in found] == [[1, 2, 3], [2, 2]]
    assert logged["val/mine/phoneme_error_rate"] == logged["val/mine/levenshtein_distance"] == 0
    assert logged["val/mine/loss"] < 0.01


def test_edits_are_summed_over_all_utterances_whatever_the_batches(scored):
    transcripts, said = ([1, 2, 3, 1], [2], [3]), ([1, 3, 1], [2, 1], [3])
    together, _ = scored(recognizer(), spoken(*transcripts, said=said))
    whole = spoken(*transcripts, said=said)

    def one(place):
        part = slice(place, place + 1)
        return PhonemeBatch(*(field[part] if isinstance(field, torch.Tensor) else field for field in whole))

    alone, _ = scored(recognizer(), one(0), one(1), one(2))
    assert alone == pytest.approx(together, abs=1e-6)
    assert together["val/mine/levenshtein_distance"] == pytest.approx((1 + 1 + 0) / 3)
    assert together["val/mine/phoneme_error_rate"] == pytest.approx(2 / 6)
    assert together["val/mine/deletion_rate"] == together["val/mine/insertion_rate"] == pytest.approx(1 / 6)


def test_items_that_fill_a_rank_count_nothing(scored):
    batch = spoken([1, 2], [3], said=([1, 2], [1, 1, 1]), valid=[True, False])
    logged, found = scored(recognizer(), batch)
    assert [each["id"] for each in found] == ["u0"]
    assert logged["val/mine/levenshtein_distance"] == 0


def test_the_loss_is_torchs_mean(scored):
    torch.manual_seed(0)
    module = recognizer()
    batch = spoken([1, 2, 3], [2], said=([1, 1, 3], [2]))
    log_probs, lengths = module(batch.signal, batch.lengths)
    expected = nn.CTCLoss()(log_probs.transpose(0, 1), batch.targets, lengths, batch.target_lengths)
    logged, _ = scored(module, batch)
    assert logged["val/mine/loss"] == pytest.approx(expected.item(), rel=1e-6)
    module.log = lambda *_, **__: None
    assert module.training_step(batch, 0).item() == pytest.approx(expected.item(), rel=1e-6)


def test_times_are_those_of_the_features_that_the_logits_are_centred_on(scored):
    _, (found,) = scored(recognizer(), spoken([1, 2]))
    assert found["times"] == pytest.approx([0.01, 0.03, 0.05, 0.07, 0.09, 0.11])
    assert found["feature_times"] == pytest.approx(np.arange(12) * 0.01)
    assert np.exp(found["log_probs"]).sum(-1) == pytest.approx(1)
    (first, second) = found["segments"](found["reference"])
    assert [(each.symbol, each.start) for each in (first, second)] == [(1, 0), (2, 3)]


class Unaware(CTCDecoder):
    """Hears one symbol in everything."""

    def __call__(self, log_probs, lengths, phones):
        return [[Hypothesis([1], 0.0, [0])] for _ in lengths]


@pytest.mark.parametrize(("stage", "heard"), [("validate", [2, 3]), ("test", [1]), ("predict", [1])])
def test_a_slow_decoder_is_for_test_and_predict_alone(scored, stage, heard):
    module = recognizer(decoder=Greedy(), test_decoder=Unaware())
    _, (found,) = scored(module, spoken([2, 3]), stage=stage)
    assert found["hypotheses"][0].symbols == heard


def test_one_decoder_serves_all_stages_unless_there_is_another():
    decoder = Beam(5)
    assert recognizer(decoder=decoder).test_decoder is decoder


def test_utterances_without_transcript_are_recognised_and_not_scored(scored):
    logged, (found,) = scored(recognizer(), spoken([], said=([1],), truth=False), stage="predict")
    assert found["reference"] is None and found["hypotheses"][0].symbols == [1]
    assert not logged


def test_folded_phones_are_one(scored):
    batch = spoken([1, 2], said=([1, 3],))
    folding = FoldedBy({"AA": "AA", "B": "stop", "K": "stop"})
    assert scored(recognizer(), batch)[0]["val/mine/phoneme_error_rate"] == 0.5
    logged, (found,) = scored(recognizer(folding=folding), batch)
    assert logged["val/mine/phoneme_error_rate"] == 0
    assert found["scored_phones"] == ("AA", "stop") and found["aligned"].tolist() == [[1, 1], [2, 2]]


def test_frames_of_logits_follow_from_samples():
    module = recognizer(ConvLSTM(4, 13), MFCC(13))
    assert module.output_frames(np.array([0, 159, 16000])).tolist() == [0, 1, 51]


@pytest.mark.parametrize(
    ("module", "batch", "named"),
    [
        (recognizer(), spoken([1], phones=("AA", "B")), "data.phones: 2 phones .* model.network.symbols is 4"),
        (recognizer(folding=LeeHon39()), spoken([1]), "data.phones of mine: .*'AA'"),
        (recognizer(), spoken([1])._replace(signal=torch.zeros(1, 6, 5)), "features of 5 dimensions, but .* is 4"),
        (recognizer(), spoken([1])._replace(signal=torch.zeros(1, 6)), "hold audio, but .* takes stored features"),
    ],
)
def test_data_that_do_not_fit_are_refused_by_name(scored, module, batch, named):
    with pytest.raises(MisconfigurationException, match=named):
        scored(module, batch)
