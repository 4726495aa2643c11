import pytest
from lightning.fabric.utilities.exceptions import MisconfigurationException

from callbacks import PredictedPhonemes, Submission, run_folder
from lightning_modules.decoding import Hypothesis
from lightning_modules.decoding.ctc.characters import CHARACTERS_11785

CHARACTERS = {"AH": "h", "T": "t", "SIL": "."}


def test_each_utterance_has_a_line_in_the_order_of_ids(quiet, toy_recognizer):
    trainer = quiet(PredictedPhonemes())
    trainer.validate(toy_recognizer())
    folder = run_folder(trainer) / "validate" / "toy"
    assert (folder / "phones.tsv").read_text() == "id\tscore\tphones\twords\treference\tedits\n" + "".join(
        f"{name}\t-1.0000\tAH AH\t\tAH T\t1\n" for name in "abcd"
    )
    assert sorted(path.name for path in folder.iterdir()) == ["phones.ctm", "phones.tsv"]


def test_times_are_those_of_the_edges_of_frames(quiet, toy_recognizer):
    trainer = quiet(PredictedPhonemes())
    trainer.test(toy_recognizer())
    lines = (run_folder(trainer) / "test" / "toy" / "phones.ctm").read_text().splitlines()
    # Frames of 20 ms, the first centred on 10 ms: two of them, one between, two more.
    assert lines[:3] == ["a 1 0.000 0.040 AH 0.7500", "a 1 0.060 0.040 AH 0.7500", "b 1 0.000 0.040 AH 0.7500"]
    assert len(lines) == 8


def test_what_is_not_known_is_empty(quiet, toy_recognizer):
    trainer = quiet(PredictedPhonemes())
    trainer.predict(toy_recognizer())
    table = run_folder(trainer) / "predict" / "toy" / "phones.tsv"
    assert table.read_text().splitlines()[1] == "a\t-1.0000\tAH AH\t\t\t"


def recognizer(toy, utterance, **more):
    class Module(toy):
        def validation_step(self, batch, index):
            return {"utterances": [utterance("dbac"[int(i)], **more) for i in batch]}

        test_step = predict_step = validation_step

    return Module()


def test_more_than_one_hypothesis_is_listed_and_forgotten_with_the_next_decoder(quiet, toy_recognizer, utterance):
    nbest = [Hypothesis([1, 2], -1.5, [0, 3], ["at"]), Hypothesis([], -2.0, [], [])]
    trainer = quiet(PredictedPhonemes())
    trainer.validate(recognizer(toy_recognizer, utterance, hypotheses=nbest))
    folder = run_folder(trainer) / "validate" / "toy"
    lines = (folder / "nbest.tsv").read_text().splitlines()
    assert lines[:4] == [
        "id\trank\tscore\tphones\twords",
        "a\t1\t-1.5000\tAH T\tat",
        "a\t2\t-2.0000\t\t",
        "b\t1\t-1.5000\tAH T\tat",
    ]
    assert (folder / "phones.tsv").read_text().splitlines()[1].startswith("a\t-1.5000\tAH T\tat\tAH T\t")
    trainer.validate(toy_recognizer())
    assert not (folder / "nbest.tsv").exists()


def test_blanks_do_not_add_columns_to_times(quiet, toy_recognizer, utterance):
    trainer = quiet(PredictedPhonemes())
    trainer.validate(recognizer(toy_recognizer, utterance, id="one  take", phones=("A H", "T", "SIL")))
    lines = (run_folder(trainer) / "validate" / "toy" / "phones.ctm").read_text().splitlines()
    assert lines[0] == "one_take 1 0.000 0.040 A_H 0.7500"


def test_nothing_heard_is_an_empty_transcript(quiet, toy_recognizer, utterance):
    trainer = quiet(PredictedPhonemes(), Submission(CHARACTERS))
    trainer.validate(recognizer(toy_recognizer, utterance, hypotheses=[Hypothesis([], 0.0, [])]))
    folder = run_folder(trainer) / "validate" / "toy"
    assert (folder / "phones.ctm").read_text() == ""
    assert (folder / "phones.tsv").read_text().splitlines()[1].startswith("a\t0.0000\t\t\tAH T\t")
    assert (folder / "submission.csv").read_text().splitlines()[1] == "0,"


def test_a_submission_numbers_utterances_in_the_order_of_the_set(quiet, toy_recognizer, utterance):
    class Module(toy_recognizer):
        def predict_step(self, batch, index):
            heard = {"d": [3], "b": [1, 2], "a": [], "c": [2, 2]}
            named = ["dbac"[int(i)] for i in batch]
            return {"utterances": [utterance(name, hypotheses=[Hypothesis(heard[name], 0.0, [])]) for name in named]}

    trainer = quiet(Submission(CHARACTERS))
    trainer.predict(Module())
    written = (run_folder(trainer) / "predict" / "toy" / "submission.csv").read_text()
    assert written == "id,label\n0,.\n1,ht\n2,\n3,tt\n"


def test_a_submission_takes_the_characters_of_the_competition():
    phones = {phone: character for phone, character in CHARACTERS_11785.items() if phone}
    assert len(Submission(phones).characters) == 40


def test_a_phone_without_a_character_is_named_even_if_it_was_not_heard(quiet, toy_recognizer):
    with pytest.raises(MisconfigurationException, match=r"characters: there is none for SIL of data\.phones"):
        quiet(Submission({"AH": "h", "T": "t"})).validate(toy_recognizer())


def test_characters_that_no_competition_takes_are_refused_by_name():
    with pytest.raises(ValueError, match="T: 'tt' is not one character"):
        Submission({"AH": "h", "T": "tt"})
    with pytest.raises(ValueError, match="T: 'h' is that of AH already"):
        Submission({"AH": "h", "T": "h"})


def test_a_model_of_another_kind_is_named(quiet, toy_classifier):
    with pytest.raises(MisconfigurationException, match="PredictedPhonemes is for phonemes, which the model does not"):
        quiet(PredictedPhonemes()).validate(toy_classifier())
