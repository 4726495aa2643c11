"""Tables of several pitches, and callbacks of one pitch and of several, each with a model of the other kind."""

import mir_eval
import numpy as np
import pytest
from lightning.fabric.utilities.exceptions import MisconfigurationException

from callbacks import ErrorPictures, MultiPitchPianorolls, Pianorolls, PredictedF0, PredictedMultiF0, run_folder
from datamodules.annotations.f0_tables import read_multi_f0


def test_each_track_has_a_table_of_what_sounds_that_mir_eval_reads(quiet, toy_multi_pitch_tracker):
    trainer, module = quiet(PredictedMultiF0()), toy_multi_pitch_tracker()
    trainer.fit(module)
    trainer.validate(module)
    trainer.test(module)
    trainer.predict(module)
    # The first candidate's confidence is t / 400, the second's at least 0.5 but in frame 0, the third's t / 800.
    for pass_name, threshold in (("validation", 0.25), ("validate", 0.25), ("test", 0.75), ("predict", 0.5)):
        folder = run_folder(trainer) / pass_name / "toy" / "multi_f0"
        assert sorted(path.name for path in folder.iterdir()) == ["a.tsv", "b.tsv", "c.tsv", "d.tsv"]
        times, pitches = mir_eval.io.load_ragged_time_series(str(folder / "c.tsv"))
        np.testing.assert_allclose(times, np.arange(400) * 0.01)
        sure = np.arange(400) / 400
        expected = np.stack([sure > threshold, (np.maximum(sure, 0.5) > threshold) & (sure > 0), sure / 2 > threshold])
        assert [row.tolist() for row in pitches] == [
            [f0 for f0, sounds in zip((221.0, 331.0, 400.0), row, strict=True) if sounds] for row in expected.T
        ]
        ours = read_multi_f0(folder / "c.tsv")
        assert (ours.f0 > 0).sum(axis=1).tolist() == [len(row) for row in pitches]


@pytest.mark.parametrize("callback", [PredictedF0, Pianorolls, ErrorPictures])
def test_callbacks_of_one_pitch_refuse_a_model_of_several(quiet, toy_multi_pitch_tracker, callback):
    message = f"{callback.__name__} is for one pitch in each frame, which the model does not estimate; leave it out"
    with pytest.raises(MisconfigurationException, match=message):
        quiet(callback()).validate(toy_multi_pitch_tracker())


@pytest.mark.parametrize("callback", [PredictedMultiF0, MultiPitchPianorolls])
def test_callbacks_of_several_pitches_refuse_a_model_of_one(quiet, toy_tracker, callback):
    message = f"{callback.__name__} is for several pitches in each frame, which the model does not estimate"
    with pytest.raises(MisconfigurationException, match=message):
        quiet(callback()).validate(toy_tracker())
