import numpy as np
import pytest

from callbacks import AlignmentPictures, run_folder
from callbacks.drawing.alignments import AlignedUtterance


def pictures(trainer, function):
    return sorted(path.name for path in (run_folder(trainer) / function / "toy" / "pictures").iterdir())


def test_the_first_utterances_by_id_are_drawn_with_and_without_references(quiet, toy_recognizer):
    trainer = quiet(AlignmentPictures(utterances=2))
    trainer.validate(toy_recognizer())
    trainer.predict(toy_recognizer())
    assert pictures(trainer, "validate") == pictures(trainer, "predict") == ["a.png", "b.png"]


def test_reference_and_what_was_heard_are_aligned(utterance):
    drawn = AlignedUtterance.of(utterance("a"))
    assert [phone.phone for phone in drawn.reference] == ["AH", "T"]
    assert [phone.phone for phone in drawn.decoded] == ["AH", "AH"]
    np.testing.assert_allclose([phone[1:] for phone in drawn.reference], [[0.0, 0.04, 0.75], [0.06, 0.1, 0.75]])
    np.testing.assert_allclose(drawn.spoken, np.where(np.arange(20) % 3 == 0, 0.7, 0.1), rtol=1e-6)


def test_no_phone_begins_before_the_utterance(utterance):
    drawn = AlignedUtterance.of(utterance("a", times=0.02 * np.arange(20)))
    np.testing.assert_allclose([phone[1:3] for phone in drawn.reference], [[0.0, 0.03], [0.05, 0.09]])


def test_a_reference_that_does_not_fit_is_said_not_to(utterance):
    drawn = AlignedUtterance.of(utterance("a", reference=[1] * 10))
    assert drawn.reference == []
    assert drawn.remark == "the reference does not fit: targets: 10 symbols need more frames"
    assert AlignedUtterance.of(utterance("a", reference=None)).remark == "the reference is unknown"


def test_an_utterance_without_frames_is_drawn(quiet, toy_recognizer, utterance):
    class Module(toy_recognizer):
        def validation_step(self, batch, index):
            nothing = {
                "log_probs": np.zeros((0, 4), dtype=np.float32),
                "times": np.zeros(0),
                "features": np.zeros((0, 13), dtype=np.float32),
                "feature_times": np.zeros(0),
                "reference": [],
                "hypotheses": [utterance("a")["hypotheses"][0]._replace(symbols=[])],
            }
            return {"utterances": [utterance("a", **nothing)]}

    trainer = quiet(AlignmentPictures())
    trainer.validate(Module())
    assert pictures(trainer, "validate") == ["a.png"]


def test_arguments_out_of_range_are_refused_by_name():
    with pytest.raises(ValueError, match="utterances: 0"):
        AlignmentPictures(utterances=0)
