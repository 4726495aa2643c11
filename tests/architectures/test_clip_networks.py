"""What every network that labels clips has to do, each behind its front end."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.nn import functional

from architectures import (
    BidirectionalGRU,
    ChannelSequences,
    ClipNetwork,
    ConvRNN,
    Decibels,
    DeepSpeechClassifier,
    ForwardGRU,
    FrontEnd,
    HTKMelSpectrogram,
    MaskedConvolutions,
    MelCNN,
    MobileNetV2Trunk,
    OverlappingPoolingTrunk,
    PoolingTrunk,
    PublishedTransformer,
    QueryTransformer,
    RandomState,
    RecurrentOutputAndState,
    RecurrentState,
    SlaneyMelSpectrogram,
    Standardised,
    StandardisedSpectrum,
    StrangeReshape,
    ZeroQueryTransformer,
)

pytestmark = pytest.mark.usefixtures("one_thread")

SAMPLES, CLASSES = 8000, 3


class Case(NamedTuple):
    """A network and its front end.

    Attributes:
        front_end: what it reads.
        build: makes it for `classes`, `feature_bins` and, if all clips have the same, `feature_frames`.
        lr: of Adam, with which it learns.
        fixed: whether all clips have the same frames.
    """

    front_end: FrontEnd
    build: Callable[..., ClipNetwork]
    lr: float = 3e-3
    fixed: bool = True

    def network(self):
        sizes = {"classes": CLASSES, "feature_bins": self.front_end.bins}
        return self.build(**sizes, **({"feature_frames": self.front_end.frames(SAMPLES)} if self.fixed else {}))


def language(bins=32, **parts):
    """Parts are made by the call, so that no two networks share one."""
    front_end = SlaneyMelSpectrogram(bins=bins, compression=Standardised(Decibels()))
    dropout = {"input_dropout": 0.0}
    return Case(front_end, lambda **sizes: ConvRNN(**sizes, **dropout, **{k: make() for k, make in parts.items()}))


def deepspeech(body, lr=1e-3):
    return Case(
        StandardisedSpectrum(),
        lambda **sizes: DeepSpeechClassifier(**sizes, body=body, convolutions=MaskedConvolutions(2)),
        lr,
        fixed=False,
    )


CASES = {
    "ConvRNN": language(),
    "ConvRNN, narrow": language(trunk=partial(PoolingTrunk, [16, 16, 32, 32, 32]), recurrent=partial(ForwardGRU, 32)),
    "ConvRNN, strange reshape": language(arrangement=StrangeReshape),
    "ConvRNN, bidirectional": language(recurrent=BidirectionalGRU),
    "ConvRNN, shared weights": language(arrangement=ChannelSequences, recurrent=partial(ForwardGRU, 1)),
    "ConvRNN, model 2": language(
        trunk=OverlappingPoolingTrunk, arrangement=ChannelSequences, recurrent=partial(ForwardGRU, 15)
    ),
    "ConvRNN, model 3": language(64, trunk=partial(MobileNetV2Trunk, momentum=0.1)),
    "MelCNN": Case(
        HTKMelSpectrogram(bins=40, n_fft=512, window=320, hop=160),
        partial(MelCNN, second_block_dropout=0.0, first_dense_dropout=0.0),
    ),
    "DeepSpeech, last state": deepspeech(RecurrentState(16)),
    "DeepSpeech, last state of LSTMs": deepspeech(RecurrentState(16, cell="LSTM")),
    "DeepSpeech, outputs and last state": deepspeech(RecurrentOutputAndState(16)),
    "DeepSpeech, learned queries": deepspeech(QueryTransformer(32, 4, 2, 2, 4, 64, [16], 0.0)),
    "DeepSpeech, published, zero queries": deepspeech(ZeroQueryTransformer(4, 1, 1, 2, 32, 0.0)),
    "DeepSpeech, published, random state": deepspeech(PublishedTransformer(4, 1, 1, 2, 32, 0.0, RandomState())),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def clips(*lengths):
    """Chirps of as many kinds as there are classes, in a little noise, zeros behind each end."""
    torch.manual_seed(0)
    time = torch.arange(SAMPLES) / 16000
    signal = torch.zeros(len(lengths), SAMPLES)
    for place, length in enumerate(lengths):
        start, slope = ((400, 3000), (1900, -3000), (1500, 0))[place % CLASSES]
        chirp = torch.sin(2 * torch.pi * (start * (1 + 0.05 * place) * time + slope / 2 * time.square()))
        signal[place, :length] = (0.3 * chirp + 0.01 * torch.randn(SAMPLES))[:length]
    return signal, torch.tensor(lengths)


def settle(case, network):
    """Give normalisations statistics that they would have after training, not those that they start with."""
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(*case.front_end(*clips(SAMPLES, SAMPLES, 6000, 3000)))
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    return network.eval()


@every_case
def test_a_clip_has_the_same_logits_alone_and_in_a_padded_batch(case):
    torch.manual_seed(0)
    network = settle(case, case.network())
    assert (network.frames is not None) == case.fixed
    signal, lengths = clips(2501, SAMPLES, 5000, 100)
    together = network(*case.front_end(signal, lengths))
    assert together.shape == (4, CLASSES) and together.isfinite().all()
    assert torch.pdist(together).min() > 1e-3, "different clips have different logits"
    with torch.inference_mode():
        # Without gradients torch's Transformer takes another path.
        torch.testing.assert_close(network(*case.front_end(signal, lengths)), together, rtol=1e-3, atol=1e-4)
    for place, length in enumerate(lengths.tolist()):
        end = SAMPLES if case.fixed else length
        alone = network(*case.front_end(signal[place : place + 1, :end], lengths[place : place + 1]))
        torch.testing.assert_close(together[place : place + 1], alone, rtol=1e-3, atol=1e-4)


@every_case
def test_gradients_flow_from_the_logits_to_the_audio_and_every_weight(case):
    torch.manual_seed(0)
    network = case.network()
    signal, lengths = clips(SAMPLES, 6000, 5000)
    signal.requires_grad_()
    functional.cross_entropy(network(*case.front_end(signal, lengths)), torch.tensor([0, 1, 2])).backward()
    assert signal.grad.isfinite().all() and (signal.grad.abs().amax(1) > 0).all()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("DeepSpeech, published")])
def test_a_batch_of_one_clip_trains(name):
    torch.manual_seed(0)
    case = CASES[name]
    network = case.network().train()
    loss = functional.cross_entropy(network(*case.front_end(*clips(SAMPLES))), torch.tensor([1]))
    loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.bfloat16
@every_case
def test_it_trains_and_evaluates_under_autocast(case):
    torch.manual_seed(0)
    network = case.network()
    features = case.front_end(*clips(SAMPLES, 6000, 3000))
    with torch.autocast("cpu", torch.bfloat16):
        loss = functional.cross_entropy(network.train()(*features).float(), torch.tensor([0, 1, 2]))
    loss.backward()
    assert loss.isfinite() and all(parameter.grad.isfinite().all() for parameter in network.parameters())
    settle(case, network)
    with torch.no_grad():
        expected = network(*features)
        rounded = network(features.values.bfloat16().float(), features.lengths)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(*features).float()
    # An untrained MobileNetV2 on so small an image doubts its logits as soon as its input is rounded.
    assert (logits - expected).abs().max() < 0.1 + 3 * (rounded - expected).abs().max()


@every_case
def test_features_of_another_shape_are_refused_with_the_remedy(case):
    network = case.network()
    bins, frames = case.front_end.bins, case.front_end.frames(SAMPLES)
    with pytest.raises(ValueError, match=rf"{bins + 1}\), but the network was made for \(batch, frames, {bins}\)"):
        network(torch.zeros(2, frames, bins + 1), torch.tensor([frames, frames]))
    if case.fixed:
        with pytest.raises(ValueError, match=rf"{frames + 1} frames, .* clips of {frames}; set data\.seconds"):
            network(torch.zeros(2, frames + 1, bins), torch.tensor([frames, frames]))


@every_case
def test_it_halves_its_loss_on_a_few_clips(case):
    torch.manual_seed(0)
    network = case.network().train()
    features = case.front_end(*clips(SAMPLES, 6000, 7000, 5000, SAMPLES, 6500))
    target = torch.arange(6) % CLASSES
    optimizer = torch.optim.Adam(network.parameters(), case.lr)
    first = last = functional.cross_entropy(network(*features), target)
    goal = min(first.item(), 1.0986) / 2  # of what not listening would reach
    for _ in range(60):
        optimizer.zero_grad()
        last.backward()
        optimizer.step()
        last = functional.cross_entropy(network(*features), target)
        if last < goal:
            break
    assert last < goal


def test_parts_are_named_by_class(configured):
    network = configured(
        ClipNetwork,
        "architectures.ConvRNN",
        classes=3,
        feature_bins=32,
        feature_frames=20,
        trunk={"class_path": "architectures.PoolingTrunk", "init_args": {"widths": [1, 2, 3, 4, 5]}},
        arrangement={"class_path": "architectures.StrangeReshape"},
        recurrent={"class_path": "architectures.BidirectionalGRU", "init_args": {"hidden": 6}},
    )
    assert network.recurrent.bidirectional and network.recurrent.hidden_size == 6 and network.recurrent.input_size == 10
    assert isinstance(network.arrangement, StrangeReshape)


def test_bodies_are_named_by_class(configured):
    network = configured(
        ClipNetwork,
        "architectures.DeepSpeechClassifier",
        classes=3,
        feature_bins=161,
        body={"class_path": "architectures.ZeroQueryTransformer", "init_args": {"positions": 2, "heads": 1}},
        convolutions={"class_path": "architectures.MaskedConvolutions", "init_args": {"channels": 1}},
    )
    assert network.body.positions == 2 and network.convolutions.channels == 1
