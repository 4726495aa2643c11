"""The Transformer as it was published, with its two mistakes, and corrected."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from architectures import AttendToPadding, PublishedTransformer, QueryTransformer, RandomState, ZeroQueryTransformer
from architectures.deepspeech.transformer import sinusoidal_positions, transformer

CORRECTED = QueryTransformer(16, 4, 2, 2, 5, 32, [8])
PUBLISHED = ZeroQueryTransformer(6, 2, 2, 4, 32)
FEATURES, FRAMES = 24, 11


def network_and_values(body):
    torch.manual_seed(0)
    network = body.network(FEATURES, 3).eval()
    return network, torch.rand(2, FRAMES, FEATURES), torch.tensor([FRAMES, FRAMES])


def shuffled(values):
    return values[:, torch.randperm(FRAMES, generator=torch.Generator().manual_seed(1))]


def test_the_corrected_transformer_hears_the_order_of_the_frames():
    network, values, lengths = network_and_values(CORRECTED)
    change = network.decode(values, lengths) - network.decode(shuffled(values), lengths)
    assert change.abs().max() > 1e-2
    assert (network(values, lengths) - network(shuffled(values), lengths)).abs().max() > 1e-3


@pytest.mark.parametrize(("body", "steps", "learns"), [(CORRECTED, 60, True), (PUBLISHED, 20, False)])
def test_only_the_corrected_transformer_learns_what_only_the_order_tells(body, steps, learns):
    torch.manual_seed(0)
    network = body.network(FEATURES, 2)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    some = torch.rand(4, FRAMES, FEATURES)
    values, lengths = torch.cat((some, some.flip(1))), torch.full((8,), FRAMES)
    target = torch.tensor([0] * 4 + [1] * 4)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(steps):
        loss = functional.cross_entropy(network(values, lengths), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (loss < math.log(2) / 2) == learns and (loss > math.log(2) - 0.02) != learns


def test_the_published_transformer_does_not_hear_the_order_of_the_frames():
    network, values, lengths = network_and_values(PUBLISHED)
    decoded = network.decode(values, lengths)
    torch.testing.assert_close(network.decode(shuffled(values), lengths), decoded, rtol=0, atol=1e-5)
    assert (decoded - network.decode(values.flip(0), lengths)).abs().max() > 1e-2, "but it does hear the frames"


def test_the_published_decoder_says_the_same_at_all_positions_and_as_much_as_at_one():
    network, values, lengths = network_and_values(PUBLISHED)
    decoded = network.decode(values, lengths)
    assert decoded.shape == (2, 6, FEATURES)
    torch.testing.assert_close(decoded, decoded[:, :1].expand_as(decoded), rtol=0, atol=1e-6)
    network.positions = 1
    torch.testing.assert_close(network.decode(values, lengths), decoded[:, :1], rtol=0, atol=1e-5)


def test_the_corrected_decoder_says_something_else_at_each_position():
    network, values, lengths = network_and_values(CORRECTED)
    decoded = network.decode(values, lengths)
    assert decoded.shape == (2, 5, 16)
    assert torch.pdist(decoded[0].flatten(1)).min() > 1e-1


@pytest.mark.parametrize("body", [CORRECTED, PUBLISHED])
def test_not_even_the_first_frame_of_the_padding_is_heard(body):
    network, values, _ = network_and_values(body)
    lengths = torch.tensor([FRAMES, 7])
    expected = network(values, lengths)
    values[1, 7:] = 100.0
    torch.testing.assert_close(network(values, lengths), expected, rtol=0, atol=1e-5)
    assert (network(values, torch.tensor([FRAMES, 8])) - expected)[1].abs().max() > 1e-4


def test_a_transformer_that_attends_to_padding_differs_in_nothing_else():
    masked, values, _ = network_and_values(PUBLISHED)
    unmasked, *_ = network_and_values(PublishedTransformer(6, 2, 2, 4, 32, attention=AttendToPadding()))
    unmasked.load_state_dict(masked.state_dict())
    full, short = torch.tensor([FRAMES, FRAMES]), torch.tensor([FRAMES, 7])
    torch.testing.assert_close(unmasked(values, full), masked(values, full), rtol=0, atol=1e-5)
    values[1, 7:] = 0.0
    change = (unmasked(values, short) - masked(values, short)).abs().amax(1)
    assert change[0] < 1e-5 and change[1] > 1e-4
    alone = unmasked(values[1:, :7], short[1:])
    assert (unmasked(values, short)[1:] - alone).abs().max() > 1e-4, "the length of others in the batch matters"


def test_a_random_state_is_drawn_once_kept_with_the_weights_and_sets_the_positions_apart():
    torch.manual_seed(0)
    network = PublishedTransformer(6, 2, 2, 4, 32, state=RandomState()).network(FEATURES, 3).eval()
    values, lengths = torch.rand(2, FRAMES, FEATURES), torch.tensor([FRAMES, FRAMES])
    decoded = network.decode(values, lengths)
    assert torch.equal(network.decode(values, lengths), decoded)
    assert torch.pdist(decoded[0].flatten(1)).min() > 1e-1
    assert set(network.state_dict()) - set(PUBLISHED.network(FEATURES, 3).state_dict()) == {"state"}
    assert not network.state.requires_grad
    other = PublishedTransformer(6, 2, 2, 4, 32, state=RandomState()).network(FEATURES, 3).eval()
    other.load_state_dict(network.state_dict())
    assert torch.equal(other.decode(values, lengths), decoded)


def test_where_the_width_is_that_of_the_frames_they_are_not_projected():
    assert isinstance(QueryTransformer(24, 4, 1, 1).network(FEATURES, 3).projection, nn.Identity)
    assert isinstance(QueryTransformer(16, 4, 1, 1).network(FEATURES, 3).projection, nn.Linear)


def test_positions_are_sines_and_cosines():
    positions = sinusoidal_positions(50, 16)
    for frame in (0, 1, 49):
        for pair in range(8):
            phase = frame / 10000 ** (2 * pair / 16)
            assert positions[frame, 2 * pair].item() == pytest.approx(math.sin(phase), abs=1e-5)
            assert positions[frame, 2 * pair + 1].item() == pytest.approx(math.cos(phase), abs=1e-5)


def test_layers_start_with_weights_of_their_own():
    torch.manual_seed(0)
    body = transformer(16, 4, (2, 2), 32, 0.1, norm_first=True)
    for stack in (body.encoder, body.decoder):
        assert not torch.equal(stack.layers[0].linear1.weight, stack.layers[1].linear1.weight)


def test_the_body_is_torchs_own_transformer():
    torch.manual_seed(0)
    ours = transformer(16, 4, (2, 3), 32, 0.1, norm_first=False).eval()
    theirs = nn.Transformer(16, 4, 2, 3, 32, 0.1, batch_first=True).eval()
    theirs.load_state_dict(ours.state_dict())
    source, target = torch.randn(2, 7, 16), torch.randn(2, 5, 16)
    torch.testing.assert_close(ours(source, target), theirs(source, target), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("body", "first"), [(CORRECTED, True), (PUBLISHED, False)])
def test_layers_normalise_their_sum_as_published_or_what_they_add(body, first):
    network = body.network(FEATURES, 3).body
    layers = [*network.encoder.layers, *network.decoder.layers]
    assert [layer.norm_first for layer in layers] == [first] * 4


def test_the_published_head_cannot_train_on_one_clip_and_says_so():
    network = PUBLISHED.network(FEATURES, 3).train()
    with pytest.raises(ValueError, match="a training batch of one clip"):
        network(torch.rand(1, FRAMES, FEATURES), torch.tensor([FRAMES]))


def test_the_published_head_is_the_one_that_was_printed():
    head = PUBLISHED.network(FEATURES, 3).head
    kinds = [nn.BatchNorm1d, nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert [type(layer) for layer in head] == kinds
    assert [head[place].out_features for place in (1, 4, 7)] == [2048, 1024, 3]
    assert head[7].bias is None


@pytest.mark.parametrize(
    ("body", "options", "message"),
    [
        (QueryTransformer, {"width": 250}, "heads: 8 do not share a width of 250"),
        (QueryTransformer, {"width": 7, "heads": 7}, "width: 7 is odd"),
        (QueryTransformer, {"queries": 0}, "queries: 0"),
        (QueryTransformer, {"hidden": [8, 0]}, "hidden: 0"),
        (QueryTransformer, {"dropout": 1.0}, "dropout: 1"),
        (ZeroQueryTransformer, {"positions": 0}, "positions: 0"),
        (ZeroQueryTransformer, {"encoder_layers": 0}, "encoder_layers: 0"),
        (ZeroQueryTransformer, {"heads": 0}, "heads: 0"),
    ],
)
def test_impossible_bodies_are_refused(body, options, message):
    with pytest.raises(ValueError, match=message):
        body(**options)


def test_heads_that_do_not_fit_the_convolutions_are_refused():
    with pytest.raises(ValueError, match="heads: 5 do not share a width of 24"):
        ZeroQueryTransformer(heads=5).network(24, 3)
