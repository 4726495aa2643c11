"""ConvLSTM and its parts: lengths, independence of the padding, the published rows, and the two published mistakes."""

from math import ceil

import pytest
import torch
from torch import nn
from torch.nn import functional

from architectures import (
    BasicBlockEmbedding,
    BlockWithoutShortcut,
    BottleneckEmbedding,
    ConvLSTM,
    DiscardedBottleneck,
    NormalisedHead,
    PlainConvolutions,
    SequenceNetwork,
    TwoLinearHead,
)
from architectures.layers import parameter_count
from tests.architectures.conv_lstm.norms import trained_norms
from tests.architectures.counts_speech_phonemes import BINS, NETWORKS, SYMBOLS

NAMES = list(NETWORKS)
LENGTHS = {
    "base01": lambda frames: frames,
    "base02": lambda frames: max(frames - 2, 0),
    "base03": lambda frames: max(frames - 4, 0),
    "base04": lambda frames: max(frames - 4, 0),
    "resnet34_01": lambda frames: max(frames - 4, 0),
    "resnet34_02": lambda frames: max(frames - 4, 0),
    "resnet34_03": lambda frames: frames,
}
DEAD = 1_065_984  # parameters of the bottleneck whose output is discarded


def network_of(name, **options):
    """The published one, less wide, without dropout: its effect is chance."""
    torch.manual_seed(0)
    network = ConvLSTM(SYMBOLS, BINS, **{"hidden": 24, **NETWORKS[name][0], **options})
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return network


def utterances(lengths, seed=1, bins=BINS):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(length, bins, generator=generator) for length in lengths]


def padded(sequences, extra=0):
    features = nn.utils.rnn.pad_sequence(sequences, batch_first=True)
    return functional.pad(features, (0, 0, 0, extra)), torch.tensor([len(sequence) for sequence in sequences])


def ctc(output, targets, target_lengths):
    log_probs = output.values.float().log_softmax(2).transpose(0, 1)
    return functional.ctc_loss(log_probs, targets, output.lengths, target_lengths, zero_infinity=True)


def test_the_discarded_bottleneck_is_a_ninth_of_the_parameters():
    with torch.device("meta"):
        assert parameter_count(DiscardedBottleneck().module(BINS).unheard) == DEAD


@pytest.mark.parametrize("name", NAMES)
def test_lengths_are_those_of_the_table(name):
    with torch.device("meta"):
        network = network_of(name)
    frames = torch.arange(5001)
    expected = LENGTHS.get(name, lambda frames: ceil(frames / 2))
    assert network.lengths(frames).tolist() == [expected(number) for number in frames.tolist()]


@pytest.mark.parametrize("name", NAMES)
def test_there_are_as_many_frames_of_logits_as_lengths_say(name):
    network = network_of(name).eval()
    for frames in range(1, 14):
        output = network(*padded(utterances([frames])))
        assert output.lengths.tolist() == network.lengths(torch.tensor([frames])).tolist()
        assert output.values.shape == (1, max(output.lengths.item(), 1), SYMBOLS)
        assert output.values.abs().sum(2).bool().sum() == output.lengths


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_the_same_alone_and_in_a_padded_batch(name):
    network = trained_norms(network_of(name)).eval()
    sequences = utterances([23, 1, 40, 4, 6, 39, 0])
    features, lengths = padded(sequences, extra=11)
    features[torch.arange(features.shape[1]) >= lengths[:, None]] = 7.0  # none of the network's business
    together = network(features, lengths)
    for item, sequence in enumerate(sequences):
        alone = network(sequence[None], torch.tensor([len(sequence)]))
        length = alone.lengths[0]
        assert together.lengths[item] == length
        torch.testing.assert_close(together.values[item, :length], alone.values[0, :length], rtol=1e-4, atol=1e-5)
        assert not together.values[item, length:].any()


@pytest.mark.parametrize("name", NAMES)
def test_loss_gradients_and_running_statistics_do_not_know_of_more_padding(name):
    sequences, targets, target_lengths = utterances([21, 30, 3]), torch.tensor([[1, 2], [3, 3], [4, 0]]), [2, 2, 1]
    results = []
    for extra in (0, 17):
        network = network_of(name)
        loss = ctc(network(*padded(sequences, extra)), targets, torch.tensor(target_lengths))
        loss.backward()
        gradients = {key: value.grad for key, value in network.named_parameters() if value.grad is not None}
        results.append((loss.detach(), gradients, dict(network.named_buffers())))
    assert results[0][1]
    torch.testing.assert_close(results[1], results[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "embedding",
    [PlainConvolutions(), BasicBlockEmbedding(8), BottleneckEmbedding([8, 8], [2, 1]), BlockWithoutShortcut(8)],
    ids=lambda embedding: type(embedding).__name__,
)
def test_stride_and_offset_tell_which_frame_an_output_is_centred_on(embedding):
    torch.manual_seed(0)
    features = torch.randn(1, BINS, 41, requires_grad=True)
    outputs = embedding.module(BINS).eval()(features, torch.tensor([41]))
    for place in (4, 7):
        gradient = torch.autograd.grad(outputs[0, :, place].sum(), features, retain_graph=True)[0]
        seen = gradient[0].abs().sum(0).nonzero().squeeze(1)
        assert (seen.min() + seen.max()) / 2 == embedding.offset + embedding.stride * place


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_that_is_heard_learns(name):
    network = network_of(name)
    features, lengths = padded(utterances([30, 22]))
    features.requires_grad_()
    network(features, lengths).values.square().sum().backward()
    silent = sum(value.numel() for value in network.parameters() if value.grad is None)
    assert silent == (DEAD if name == "resnet50_03f as coded" else 0)
    assert features.grad[1, :22].any() and not features.grad[1, 22:].any()


def test_only_the_discarded_bottleneck_leaves_out_the_second_half():
    sequence = utterances([40])[0]
    other = sequence.clone()
    other[21:] += 1.0
    for name, deaf in (("resnet50_03f as coded", True), ("resnet50_03f as described", False)):
        network = trained_norms(network_of(name)).eval()
        results = [network(features[None], torch.tensor([40])).values for features in (sequence, other)]
        assert torch.equal(*results) == deaf


def test_kaiming_sets_convolutions_of_the_embedding_and_nothing_else():
    plain, kaiming = network_of("resnet34_04"), network_of("resnet34_05")
    for (name, module), other in zip(plain.named_modules(), kaiming.modules(), strict=True):
        if isinstance(module, nn.Conv1d):
            outputs, _, kernel = module.weight.shape
            assert other.weight.std().item() == pytest.approx((2 / (outputs * kernel)) ** 0.5, rel=0.05)
            assert module.weight.std().item() == pytest.approx((3 * module.weight[0].numel()) ** -0.5, rel=0.05)
        elif isinstance(module, nn.BatchNorm1d):
            assert other.weight.eq(1).all() and other.bias.eq(0).all()
        elif isinstance(module, nn.LSTM):
            assert other.weight_hh_l0.detach().abs().max().item() == pytest.approx(24**-0.5, rel=0.01), name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lengths", [[1], [0, 0], [2, 1]])
def test_training_on_next_to_nothing_stays_finite(name, lengths):
    network = network_of(name)
    output = network(*padded(utterances(lengths)))
    loss = ctc(output, torch.ones(len(lengths), 1, dtype=torch.int64), torch.ones(len(lengths), dtype=torch.int64))
    loss.backward()
    assert loss.isfinite()
    assert all(value.grad.isfinite().all() for value in network.parameters() if value.grad is not None)
    assert all(value.isfinite().all() for value in network.buffers())


@pytest.mark.bfloat16
@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_autocast_trains(name):
    network = network_of(name)
    features, lengths = padded(utterances([30, 22]))
    exact = network.eval()(features, lengths)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = network(features, lengths)
        loss = ctc(network.train()(features, lengths), torch.tensor([[1, 2], [3, 4]]), torch.tensor([2, 2]))
    assert torch.equal(rounded.lengths, exact.lengths)
    torch.testing.assert_close(rounded.values.float(), exact.values, rtol=0, atol=0.05)
    loss.backward()
    assert all(value.grad.isfinite().all() for value in network.parameters() if value.grad is not None)


@pytest.mark.parametrize("name", NAMES)
def test_networks_learn_a_handful_of_utterances(name):
    torch.manual_seed(0)
    network = network_of(name, hidden=32)
    prototypes = torch.randn(6, BINS)
    targets = torch.randint(1, 6, (4, 3), generator=torch.Generator().manual_seed(2))
    # The ablation hears the first half alone: there everything is said.
    spoken = [prototypes[row].repeat_interleave(8, dim=0) for row in targets]
    features, lengths = padded([torch.cat([speech, prototypes[:1].expand(24, -1)]) for speech in spoken])
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    while len(losses) < 25 and (not losses or losses[-1] >= losses[0] / 2):
        loss = ctc(network(features, lengths), targets, torch.full((4,), 3))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ConvLSTM(0, 13), "symbols: 0 is not positive"),
        (lambda: ConvLSTM(41, 13, layers=1), "dropout: 0.3 falls between LSTMs"),
        (lambda: ConvLSTM(41, 13, embedding_dropout=1.5), "embedding_dropout: 1.5"),
        (lambda: PlainConvolutions([]), "widths: there are none"),
        (lambda: PlainConvolutions([64, 0]), r"widths\[1\]: 0 is not positive"),
        (lambda: BasicBlockEmbedding(stride=0), "stride: 0 is not positive"),
        (lambda: BottleneckEmbedding([512, 256]), "strides: 1 of them for 2 widths"),
        (lambda: BottleneckEmbedding([512], [-1]), r"strides\[0\]: -1 is not positive"),
        (lambda: BlockWithoutShortcut(0), "width: 0 is not positive"),
        (lambda: DiscardedBottleneck(0), "width: 0 is not positive"),
        (lambda: TwoLinearHead(0), "width: 0 is not positive"),
        (lambda: NormalisedHead(dropout=-0.1), "dropout: -0.1"),
    ],
)
def test_arguments_out_of_range_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_features_with_other_bins_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 30, 40\).*\(batch, frames, 13\)"):
        network_of("base01")(torch.zeros(2, 30, 40), torch.tensor([30, 30]))


def test_parts_are_named_by_class_in_a_configuration(configured):
    blocks = {"widths": [8, 6], "strides": [2, 1]}
    parts = {
        "embedding": {"class_path": "architectures.BottleneckEmbedding", "init_args": blocks},
        "head": {"class_path": "architectures.TwoLinearHead", "init_args": {"width": 10}},
        "initialisation": "kaiming",
    }
    network = configured(SequenceNetwork, "architectures.ConvLSTM", symbols=7, feature_bins=5, **parts)
    in_python = ConvLSTM(7, 5, BottleneckEmbedding([8, 6], [2, 1]), head=TwoLinearHead(10), initialisation="kaiming")
    assert str(network) == str(in_python)
    assert (network.stride, network.offset) == (2, 0)
