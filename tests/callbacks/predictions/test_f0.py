import numpy as np
import pytest
from lightning.fabric.utilities.exceptions import MisconfigurationException

from callbacks import run_folder
from datamodules.annotations.f0_tables import read_f0


def check(path, voiced_from):
    table = read_f0(path)
    np.testing.assert_allclose(table.times, np.arange(400) * 0.01)
    np.testing.assert_allclose(table.f0, np.where(np.arange(400) > voiced_from, 221.0, -221.0))


def test_each_track_has_a_table_that_is_negative_where_unvoiced(made_trainer, toy_tracker):
    trainer, module = made_trainer(), toy_tracker()
    trainer.fit(module)
    trainer.validate(module)
    trainer.test(module)
    trainer.predict(module)
    # The confidence of frame t is t / 400, the thresholds are 0.25, 0.75 and, in predict, 0.5.
    for pass_name, threshold in (("validation", 100), ("validate", 100), ("test", 300), ("predict", 200)):
        folder = run_folder(trainer) / pass_name / "toy" / "f0"
        assert sorted(path.name for path in folder.iterdir()) == ["a.csv", "b.csv", "c.csv", "d.csv"]
        check(folder / "c.csv", threshold)


def test_the_latest_validation_of_a_fit_remains(made_trainer, toy_tracker):
    class Module(toy_tracker):
        def on_validation_epoch_end(self):
            self.threshold = 0.125 * (1 + self.current_epoch)
            super().on_validation_epoch_end()

    trainer = made_trainer(max_epochs=2)
    trainer.fit(Module())
    check(run_folder(trainer) / "validation" / "toy" / "f0" / "a.csv", 100)


def test_the_sanity_check_writes_nothing(made_trainer, toy_tracker, tmp_path):
    class Module(toy_tracker):
        def on_train_start(self):
            assert not (tmp_path / "root").exists()
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        made_trainer().fit(Module())
    assert not (tmp_path / "root").exists()


def test_a_missing_threshold_is_named(made_trainer, toy_tracker):
    class Other(toy_tracker):
        def on_validation_epoch_end(self):
            self.voicing_thresholds = {"another": 0.5}

    class Without(toy_tracker):
        def on_validation_epoch_end(self):
            del self.voicing_thresholds

    for module, known in ((Other, r"\['another'\]"), (Without, r"\[\]")):
        message = f"{module.__name__}.voicing_thresholds: none of 'toy'; there are: {known}"
        with pytest.raises(MisconfigurationException, match=message):
            made_trainer().validate(module())


def test_a_model_without_pitch_is_named(made_trainer, toy_tracker):
    class Module(toy_tracker):
        def validation_step(self, batch, index):
            outputs = super().validation_step(batch, index)
            for track in outputs["tracks"]:
                del track["pitch"]
            return outputs

    with pytest.raises(MisconfigurationException, match="PredictedF0 is for one pitch in each frame"):
        made_trainer().validate(Module())
