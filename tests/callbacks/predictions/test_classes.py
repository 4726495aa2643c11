import pytest
from lightning.fabric.utilities.exceptions import MisconfigurationException

from callbacks import PredictedClasses, run_folder

HEAD = "id\tclass\tprobability\tclass_2\tprobability_2\ttruth\n"


def test_each_clip_has_a_line_with_the_best_classes_in_the_order_of_ids(quiet, toy_classifier):
    trainer = quiet(PredictedClasses(top=2))
    trainer.validate(toy_classifier())
    assert (run_folder(trainer) / "validate" / "toy" / "classes.tsv").read_text() == HEAD + (
        "a\tno\t0.800000\tyes\t0.200000\tgo\n"
        "b\tyes\t0.800000\tno\t0.100000\tno\n"  # of no and go, equally probable, the first in the order of classes
        "c\tyes\t0.500000\tno\t0.250000\tyes\n"
        "d\tyes\t0.600000\tgo\t0.300000\tno\n"
    )


def test_a_truth_that_is_not_known_is_empty(quiet, toy_classifier):
    trainer = quiet(PredictedClasses(top=1))
    trainer.predict(toy_classifier())
    lines = (run_folder(trainer) / "predict" / "toy" / "classes.tsv").read_text().splitlines()
    assert lines[:2] == ["id\tclass\tprobability\ttruth", "a\tno\t0.800000\t"]
    assert len(lines) == 5


def test_no_more_classes_are_listed_than_there_are(quiet, toy_classifier):
    trainer = quiet(PredictedClasses(top=9))
    trainer.test(toy_classifier())
    lines = (run_folder(trainer) / "test" / "toy" / "classes.tsv").read_text().splitlines()
    assert [len(line.split("\t")) for line in lines] == [8] * 5


def test_trial_runs_write_nothing(quiet, toy_classifier, tmp_path):
    quiet(PredictedClasses(), fast_dev_run=True).fit(toy_classifier())
    assert not (tmp_path / "root").exists()


def test_a_model_of_another_kind_is_named(quiet, toy_tracker, toy_recognizer):
    for module in (toy_tracker(), toy_recognizer()):
        with pytest.raises(MisconfigurationException, match="PredictedClasses is for classes of clips"):
            quiet(PredictedClasses()).validate(module)


def test_arguments_out_of_range_are_refused_by_name():
    with pytest.raises(ValueError, match="top: 0"):
        PredictedClasses(top=0)
