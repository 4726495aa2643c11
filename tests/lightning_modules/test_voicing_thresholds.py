"""One voicing threshold for each named set, tuned while fitting and frozen ever after."""

import pytest
import torch

from lightning_modules.voicing_thresholds import UNTUNED, VoicingThresholds


def test_thresholds_travel_with_the_weights_under_the_names_of_the_sets():
    first, second = VoicingThresholds(), VoicingThresholds()
    assert first.tune("speech", 0.3) == (0.3, "tuned here")
    first.tune("music", 0.6)
    second.load_state_dict(first.state_dict())
    assert second.frozen("speech") == (0.3, "frozen")
    assert second.frozen("music") == (0.6, "frozen")


def test_a_set_that_was_never_tuned_takes_the_first_that_was_and_says_so():
    thresholds = VoicingThresholds()
    assert thresholds.frozen("new") == (UNTUNED, "frozen, never tuned")
    thresholds.tune("speech", 0.3)
    thresholds.tune("music", 0.6)
    assert thresholds.frozen("new") == (0.3, "frozen, from speech")


def test_a_fixed_threshold_is_never_tuned():
    thresholds = VoicingThresholds(0.25)
    assert thresholds.tune("speech", 0.9) == (0.25, "frozen")
    assert thresholds.frozen("speech").value == 0.25
    assert thresholds.tuned == {}


@pytest.mark.parametrize("fixed", [0.123, 1.0, -0.01])
def test_a_fixed_threshold_has_to_be_one_that_is_scored(fixed):
    with pytest.raises(ValueError, match=f"voicing_threshold: {fixed}"):
        VoicingThresholds(fixed)


def test_the_state_survives_a_weights_only_file(tmp_path):
    thresholds = VoicingThresholds()
    thresholds.tune("speech", 0.3)
    torch.save(thresholds.state_dict(), tmp_path / "state")
    again = VoicingThresholds()
    again.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    assert again.tuned == {"speech": 0.3}
