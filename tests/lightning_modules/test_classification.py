"""ClipClassifier."""

import numpy as np
import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from scipy.stats import binomtest
from torch import nn
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_f1_score

from architectures import ClipNetwork, FrontEnd, Sequences, SpecAugment
from datamodules.batches import ClipBatch, UtteranceSet
from lightning_modules import ClipClassifier, L2Penalty
from lightning_modules.outputs import ClipOutput

CLASSES = ("no", "yes", "up")


class Frames(FrontEnd):
    """Ten samples of audio are a frame."""

    rate, bins = 8000, 10

    def frames(self, samples):
        return samples // 10

    def forward(self, signal, lengths):
        assert signal.dtype == torch.float32 and signal.abs().max() <= 1
        return Sequences(signal.view(len(signal), -1, 10), lengths // 10)


class Sums(ClipNetwork):
    """Logits are linear in the mean frame."""

    def __init__(self, classes=3, bins=10, frames=None):
        super().__init__()
        self.classes, self.bins, self.frames = classes, bins, frames
        self.classifier = nn.Linear(bins, classes)

    def forward(self, features, lengths):
        return self.classifier(features.sum(1) / lengths[:, None])


def classifier(network=None, **options):
    return ClipClassifier(network or Sums(), Frames(), **options)


def clips(labels, valid=None, samples=40, evaluation=True, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.tensor(labels)
    audio = torch.randint(-32768, 32768, (len(labels), samples), generator=generator, dtype=torch.int32)
    named = UtteranceSet("mine", [f"clip{number}" for number in range(len(labels))], CLASSES, 8000, 80)
    valid = torch.tensor(valid or [True] * len(labels))
    return ClipBatch(
        audio.to(torch.int16), torch.full_like(labels, samples), labels, valid,
        torch.where(valid, torch.arange(len(labels)), -1), torch.arange(len(labels)), named if evaluation else None,
    )  # fmt: skip


def test_validation_logs_what_torchmetrics_says_of_the_valid_clips_it_returns(scored, fulfils):
    torch.manual_seed(0)
    module = classifier()
    first, second = clips([0, 1, 2, 1, 0]), clips([2, 0, 1], valid=[True, False, True], seed=1)
    logged, found = scored(module, first, second)
    assert [clip["id"] for clip in found] == ["clip0", "clip1", "clip2", "clip3", "clip4", "clip0", "clip2"]
    probabilities = torch.tensor(np.stack([clip["probabilities"] for clip in found]))
    labels = torch.tensor([clip["label"] for clip in found])
    assert probabilities.sum(-1).numpy() == pytest.approx(1)
    assert all(fulfils(clip, ClipOutput) for clip in found)
    given = probabilities, labels
    assert logged["val/mine/accuracy"] == pytest.approx(float(multiclass_accuracy(*given, 3, average="micro")))
    assert logged["val/mine/macro_f1"] == pytest.approx(float(multiclass_f1_score(*given, 3, average="macro")))
    assert logged["val/mine/loss"] == pytest.approx(float(-probabilities[range(7), labels].log().mean()), abs=1e-6)
    correct = int((probabilities.argmax(-1) == labels).sum())
    interval = binomtest(correct, 7).proportion_ci(method="wilson")
    assert logged["val/mine/accuracy_low"] == pytest.approx(interval.low)
    assert logged["val/mine/accuracy_high"] == pytest.approx(interval.high)


def test_a_clip_is_returned_as_it_was_heard(scored):
    batch = clips([0, 2])._replace(lengths=torch.tensor([40, 30]))
    _, found = scored(classifier(), batch)
    clip = found[1]
    assert (clip["dataset"], clip["classes"], clip["label"], clip["rate"]) == ("mine", CLASSES, 2, 8000)
    assert np.array_equal(clip["audio"], batch.audio[1, :30])
    assert clip["features"].shape == (3, 10)


def test_a_clip_without_a_class_is_predicted_and_not_scored(scored):
    logged, found = scored(classifier(), clips([0, -1, -1]))
    assert [clip["label"] for clip in found] == [0, None, None]
    assert logged["val/mine/accuracy"] in (0.0, 1.0)


def test_the_loss_weighs_classes_and_smooths_labels_in_training_alone(scored):
    torch.manual_seed(0)
    network = Sums()
    plain = classifier(network)
    weighed = classifier(network, class_weights=[2.0, 1.0, 0.0], label_smoothing=0.1)
    batch = clips([0, 1, 2])
    logits = network(*plain.features(batch.audio, batch.lengths)).detach()
    log_probs = logits.log_softmax(-1)
    each = -log_probs[range(3), [0, 1, 2]] * torch.tensor([2.0, 1.0, 0.0])
    logged, _ = scored(weighed, batch)
    assert logged["val/mine/loss"] == pytest.approx(float(each.mean()), abs=1e-6)
    smooth = -(log_probs * torch.tensor([2.0, 1.0, 0.0])).sum(-1)
    weighed.log = lambda *_, **__: None
    assert weighed.training_step(batch, 0).item() == pytest.approx(
        float((0.9 * each + 0.1 / 3 * smooth).mean()), abs=1e-6
    )


def test_specaugment_masks_the_features_of_training_alone():
    module = classifier(augment=SpecAugment(1, 10, 0, 1, value=9.0))
    batch = clips([0, 1])
    assert (module.training_features(batch.audio, batch.lengths, batch.seed).values == 9).any()
    assert not (module.eval().training_features(batch.audio, batch.lengths, batch.seed).values == 9).any()


def test_an_l2_penalty_is_for_the_parameters_that_it_names():
    module = classifier(penalty=L2Penalty(2.0, ["classifier.weight"]))
    logged = {}
    module.log = lambda name, value, **_: logged.update({name: value})
    module.log_dict = lambda values, **_: logged.update(values)
    module.training_step(clips([0, 1]), 0)
    half = module.network.classifier.weight.square().sum() / 2
    assert logged["train/l2"].item() == pytest.approx(half.item())
    assert logged["train/loss"].item() == pytest.approx((logged["train/cross_entropy"] + 2 * half).item())


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"class_weights": [1.0, 2.0]}, r"class_weights: \[1.0, 2.0\] are not 3 weights"),
        ({"class_weights": [1.0, -1.0, 1.0]}, "none negative"),
        ({"label_smoothing": 1.0}, "label_smoothing: 1.0"),
        ({"network": Sums(bins=4)}, "network.feature_bins: 4, but Frames gives frames of 10 bins"),
    ],
)
def test_what_cannot_be_is_refused_by_name(options, named):
    with pytest.raises(ValueError, match=named):
        classifier(**options)


@pytest.mark.parametrize(
    ("network", "change", "named"),
    [
        (
            Sums(frames=5),
            {},
            "data.seconds: its clips have 4 frames, but .*Sums, takes clips of exactly 5",
        ),
        (Sums(), {"audio": torch.zeros(1, 4, 10)}, "hold stored features, but model.front_end, Frames, takes audio"),
        (Sums(classes=4), {}, "data.classes: 3 classes, but model.network.classes is 4"),
    ],
)
def test_data_that_do_not_fit_are_refused_by_name(scored, network, change, named):
    with pytest.raises(MisconfigurationException, match=named):
        scored(classifier(network), clips([0])._replace(**change))
