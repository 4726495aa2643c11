import numpy as np
import pytest
from numpy.testing import assert_array_equal

from datamodules.corpora import Phonemes11785
from datamodules.errors import DataError

TEST = ["1089-134686-0001", "1089-134686-0000"]


@pytest.fixture
def folder(tmp_path):
    """Two utterances to train, one of another kind of name for validation, two to predict."""
    generator = np.random.default_rng(0)
    names = {"train": ["103-1240-0000", "103-1240-0001"], "dev": ["odd (1)"], "test": TEST}
    for subset, stems in names.items():
        for kind in ("mfcc", "transcript"):
            (tmp_path / subset / kind).mkdir(parents=True)
        for stem in stems:
            np.save(tmp_path / subset / "mfcc" / f"{stem}.npy", generator.normal(size=(20, 13)).astype(np.float32))
            if subset != "test":
                symbols = np.array(["<sos>", "SIL", "M", "IH", "<eos>"])
                np.save(tmp_path / subset / "transcript" / f"{stem}.npy", symbols)
    (tmp_path / "test" / "test_order.csv").write_text(
        "".join(f"{row}\n" for row in ("file", *(f"{n}.npy" for n in TEST)))
    )
    return tmp_path


def refusal(*arguments, **options):
    with pytest.raises(DataError) as error:
        Phonemes11785(*arguments, **options).recordings()
    return str(error.value)


def test_subsets_are_splits(folder):
    made = Phonemes11785(str(folder)).recordings()
    assert [(recording.id, recording.group, recording.split, recording.transcript) for recording in made] == [
        ("dev_odd__1_", "dev_odd__1_", "validation", "SIL M IH"),
        ("test_1089-134686-0000", "1089", "predict", None),
        ("test_1089-134686-0001", "1089", "predict", None),
        ("train_103-1240-0000", "103", "train", "SIL M IH"),
        ("train_103-1240-0001", "103", "train", "SIL M IH"),
    ]


def test_features_stand_in_for_audio(folder):
    recording = Phonemes11785(str(folder), subsets=["train"]).recordings()[0]
    assert recording.audio is None and recording.truth is None
    assert_array_equal(recording.features.read(), np.load(folder / "train" / "mfcc" / "103-1240-0000.npy"))


def test_metadata_tell_the_order_of_the_test(folder):
    made = Phonemes11785(str(folder), subsets=["test"]).recordings()
    assert [recording.metadata for recording in made] == [
        {"file": "test/mfcc/1089-134686-0000.npy", "order": 1},
        {"file": "test/mfcc/1089-134686-0001.npy", "order": 0},
    ]


def test_the_test_may_be_missing(folder):
    (folder / "test" / "test_order.csv").unlink()
    assert "test_order.csv: cannot be read: No such file" in refusal(str(folder))
    assert len(Phonemes11785(str(folder), subsets=["train", "dev"]).recordings()) == 3


@pytest.mark.parametrize(
    ("symbols", "reason"),
    [
        (np.array(["SIL", "<eos>"]), "'<sos>' is expected at its beginning and '<eos>' at its end"),
        (np.array(["<sos>", "SIL"]), "'<sos>' is expected at its beginning and '<eos>' at its end"),
        (np.array(["<sos>"]), "'<sos>' is expected at its beginning"),
        (np.array(["<sos>", "A", "<eos>"], dtype=object), "it holds pickled objects"),
    ],
)
def test_transcripts_that_are_none(folder, symbols, reason):
    np.save(folder / "train" / "transcript" / "103-1240-0001.npy", symbols)
    assert f"transcript/103-1240-0001.npy: {reason}" in refusal(str(folder))


@pytest.mark.parametrize(("kept", "lost"), [("mfcc", "transcript"), ("transcript", "mfcc")])
def test_files_without_partner(folder, kept, lost):
    (folder / "train" / lost / "103-1240-0000.npy").unlink()
    found = refusal(str(folder))
    assert f"train/{kept}/103-1240-0000.npy: there is no such file in {folder / 'train' / lost}" in found


def test_a_test_that_lists_what_is_missing_or_nothing(folder):
    (folder / "test" / "mfcc" / f"{TEST[0]}.npy").unlink()
    assert f"{TEST[0]}.npy: test_order.csv lists it, but there is no such file" in refusal(str(folder))
    (folder / "test" / "test_order.csv").write_text("file\n")
    assert "test_order.csv: it lists no file below the name of its column" in refusal(str(folder))


def test_folders_that_hold_something_else(tmp_path, folder):
    assert "nowhere/train/mfcc: there is no such folder" in refusal(str(tmp_path / "nowhere"))
    for path in [*(folder / "train" / "mfcc").iterdir(), *(folder / "train" / "transcript").iterdir()]:
        path.unlink()
    assert "train/mfcc: no .npy file in it" in refusal(str(folder))
    assert "Phonemes11785: subsets = []" in refusal(str(folder), subsets=[])
