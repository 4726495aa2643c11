"""Utterances and their phones, from shards to batches."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from datamodules.augment import Polarity, TimeShift
from datamodules.corpora import AN4, AudioFolder, Phonemes11785
from datamodules.errors import DataError
from datamodules.phonemes import PhonemeData
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from tests.given_corpus import GivenCorpus

RATE, HOP = 8000, 80
PHONES = ["SIL", "B", "AA", "T"]  # not in the order of the alphabet
TRANSCRIPTS = ["B AA", "SIL T AA B SIL", "T", "AA AA T B", "B AA T"]
UTTERANCES = {"train": 24, "validation": 7, "predict": 2}


def samples(number):
    return np.random.default_rng(number).integers(-9000, 9000, 300 + 97 * (number * 7 % 13)).astype(np.int16)


def features(number):
    return np.random.default_rng(number).normal(size=(20 + 9 * (number * 7 % 13), 13)).astype(np.float32)


def spoken(directory, transcripts=TRANSCRIPTS, phones=PHONES, transcribed=True, **options):
    """Shards of audio, made from a folder with a manifest."""
    folder = directory / "recordings"
    folder.mkdir(parents=True)
    rows = ["audio\tsplit\tphones"]
    for split, count in UTTERANCES.items():
        for number in range(count):
            soundfile.write(folder / f"{split}-{number}.wav", samples(number), RATE, subtype="PCM_16")
            rows.append(f"{split}-{number}.wav\t{split}\t{transcripts[number % len(transcripts)]}")
    (folder / "list.tsv").write_text("\n".join(rows) + "\n")
    corpus = AudioFolder(
        str(folder), manifest="list.tsv", split_column="split", transcript_column="phones" if transcribed else None
    )
    values = {"rate": RATE, "hop": HOP, "segment": None, "context": 0.0, "records_per_shard": 16, **options}
    prepare(ShardRecipe(corpus, str(directory / "shards"), phones=phones, **values), progress=False)
    return str(directory / "shards")


def featured(directory, transcripts=TRANSCRIPTS, dimensions=13, context=0.0):
    """Shards of features, made from a folder of arrays."""
    folder = directory / "recordings"
    for subset, count in (("train", 24), ("dev", 7), ("test", 2)):
        for kind in ("mfcc", "transcript"):
            (folder / subset / kind).mkdir(parents=True)
        for number in range(count):
            np.save(folder / subset / "mfcc" / f"{number:03d}.npy", features(number)[:, :dimensions])
            if subset != "test":
                phones = ["<sos>", *transcripts[number % 5].split(), "<eos>"]
                np.save(folder / subset / "transcript" / f"{number:03d}.npy", np.array(phones))
    names = "\n".join(["file", *(f"{number:03d}.npy" for number in range(2))])
    (folder / "test" / "test_order.csv").write_text(names + "\n")
    recipe = ShardRecipe(
        Phonemes11785(str(folder)), str(directory / "shards"), RATE, HOP, segment=None, context=context, phones=PHONES
    )
    prepare(recipe, progress=False)
    return str(directory / "shards")


@pytest.fixture(scope="session")
def audio_shards(tmp_path_factory):
    return spoken(tmp_path_factory.mktemp("spoken"))


@pytest.fixture(scope="session")
def feature_shards(tmp_path_factory):
    return featured(tmp_path_factory.mktemp("featured"))


def number_of(name):
    return int(name.replace("_", "-").split("-")[1])


def check(batch, ids, truth):
    """Every item of a batch is the utterance that its id says; their numbers."""
    numbers = [number_of(ids[item]) for item in batch.item.tolist()]
    assert batch.valid.all() and batch.signal.shape[1] == batch.lengths.max()
    assert batch.targets.shape[1] == batch.target_lengths.max()
    for row, number in enumerate(numbers):
        length, expected = int(batch.lengths[row]), truth(number)
        assert np.array_equal(batch.signal[row, :length], expected) and not batch.signal[row, length:].any()
        targets = batch.targets[row, : int(batch.target_lengths[row])].tolist()
        assert [PHONES[target - 1] for target in targets] == TRANSCRIPTS[number % 5].split()
        assert not batch.targets[row, len(targets) :].any()
    return numbers


@pytest.mark.parametrize("context", [0.0, 0.025])
@pytest.mark.parametrize("workers", [0, 2])
def test_audio_and_phones_come_through(tmp_path, context, workers):
    shards = spoken(tmp_path, context=context)
    data = PhonemeData(PHONES, train=[shards], batch_size=5, block=2, workers=workers)
    ids = [data.training_index.tracks[track] for track in data.training_index.track]
    got = list(data.train_dataloader())
    assert sorted(number for batch in got for number in check(batch, ids, samples)) == list(range(24))
    assert got[0].signal.dtype == torch.int16 and got[0].targets.dtype == got[0].lengths.dtype == torch.int64
    assert all(batch.seed.unique().numel() == len(batch.item) for batch in got)


@pytest.mark.parametrize("context", [0.0, 0.025])
def test_features_and_phones_come_through(tmp_path, context):
    feature_shards = featured(tmp_path, context=context)
    data = PhonemeData(PHONES, train=[feature_shards], validation={"dev": feature_shards}, batch_size=5, block=2)
    ids = [data.training_index.tracks[track] for track in data.training_index.track]
    got = list(data.train_dataloader())
    assert sorted(number for batch in got for number in check(batch, ids, features)) == list(range(24))
    assert got[0].signal.dtype == torch.float32 and got[0].signal.shape[2] == 13
    (loader,) = data.val_dataloader()
    numbers = [number for batch in loader for number in check(batch, batch.evaluation.ids, features)]
    assert sorted(numbers) == list(range(7))


def test_evaluation_names_utterances_and_phones(audio_shards):
    data = PhonemeData(PHONES, validation={"one": audio_shards, "two": audio_shards}, batch_size=3)
    for name, loader in zip(("one", "two"), data.val_dataloader(), strict=True):
        got = list(loader)
        assert sorted(number for b in got for number in check(b, b.evaluation.ids, samples)) == list(range(7))
        assert {b.evaluation.name for b in got} == {name} and got[0].evaluation.labels == tuple(PHONES)
        assert all(b.seed is None for b in got)


def test_what_only_is_predicted_needs_no_transcripts(tmp_path, feature_shards):
    untranscribed = spoken(tmp_path, phones=None, transcribed=False)
    for shards, truth in ((feature_shards, features), (untranscribed, samples)):
        data = PhonemeData(PHONES, validation={"a": shards}, predict={"a": shards})
        data.setup("predict")
        ((batch,),) = map(list, data.predict_dataloader())
        assert batch.targets.shape == (2, 0) and not batch.target_lengths.any() and not batch.evaluation.has_truth
        for signal, length, item in zip(batch.signal, batch.lengths, batch.item.tolist(), strict=True):
            assert np.array_equal(signal[:length], truth(number_of(batch.evaluation.ids[item])))
    with pytest.raises(DataError, match=r"data\.validation\.a: .*: utterance 'validation-0' has no transcript"):
        data.val_dataloader()


def test_an_empty_transcript_is_refused_by_name(tmp_path):
    shards = featured(tmp_path, [*TRANSCRIPTS[:4], ""])
    data = PhonemeData(PHONES, train=[shards], validation={"a": shards})
    with pytest.raises(DataError, match=r"data\.train: .*: utterance 'train_\d+' has an empty transcript"):
        data.train_dataloader()
    with pytest.raises(DataError, match=r"data\.validation\.a: .*: utterance 'dev_004' has an empty transcript"):
        data.val_dataloader()


def test_an_unknown_phone_is_refused_by_name(audio_shards):
    loader = PhonemeData(["SIL", "B", "AA"], train=[audio_shards]).train_dataloader()
    with pytest.raises(DataError, match=r"the transcript of utterance 'train-\d+' holds 'T', which is not one of data"):
        list(loader)


def test_another_list_of_phones_is_refused_by_its_first_difference(audio_shards, tmp_path):
    with pytest.raises(DataError, match=r"data\.phones\[3\]: 'K', but .*dataset\.json was prepared with 'T' there"):
        PhonemeData([*PHONES[:3], "K"], validation={"a": audio_shards}).setup("validate")
    anything = spoken(tmp_path, phones=None)
    with pytest.raises(
        DataError, match=r"dataset\.json: prepared without phones; give the recipe those of data\.phones"
    ):
        PhonemeData(PHONES, train=[anything], validation={"a": audio_shards}).setup("fit")


def test_audio_and_features_are_not_mixed(audio_shards, feature_shards, tmp_path):
    data = PhonemeData(PHONES, train=[audio_shards], validation={"a": feature_shards})
    data.train_dataloader()
    with pytest.raises(
        DataError, match=r"its utterances are features of 13 dimensions, those of .* are audio; prepare"
    ):
        data.val_dataloader()
    narrow = featured(tmp_path, dimensions=12)
    data = PhonemeData(PHONES, train=[feature_shards], validation={"a": narrow})
    data.val_dataloader()
    with pytest.raises(DataError, match=r"are features of 13 dimensions, those of .* are features of 12 dimensions"):
        data.train_dataloader()
    both = PhonemeData(PHONES, train=[audio_shards, feature_shards])
    with pytest.raises(DataError, match="some of its utterances have no audio, some no features"):
        both.train_dataloader()


def test_audio_is_augmented_and_features_are_not(audio_shards, feature_shards):
    plain, inverted = (
        PhonemeData(PHONES, train=[audio_shards], augment=augment).train_dataloader()
        for augment in ([], [Polarity(1.0)])
    )
    for one, other in zip(plain, inverted, strict=True):
        assert torch.equal(-one.signal, other.signal) and torch.equal(one.targets, other.targets)
    with pytest.raises(DataError, match=r"data\.augment: .* holds features"):
        PhonemeData(PHONES, train=[feature_shards], augment=[Polarity()]).train_dataloader()


def test_seconds_of_a_batch_are_counted_in_frames_of_features(feature_shards):
    data = PhonemeData(PHONES, train=[feature_shards], batch_seconds=4.0)
    assert max(batch.signal.shape[0] * batch.signal.shape[1] for batch in data.train_dataloader()) <= 400
    with pytest.raises(DataError, match=r"of 1\.28 s is longer than data\.batch_seconds: 1"):
        PhonemeData(PHONES, train=[feature_shards], batch_seconds=1.0).train_dataloader()


def test_filling_is_something_a_network_can_take(audio_shards):
    data = PhonemeData(PHONES, validation={"a": audio_shards})
    data.trainer = SimpleNamespace(global_rank=1, world_size=2)
    ((filling,),) = map(list, data.val_dataloader())
    assert not filling.valid.any() and filling.item.tolist() == [-1]
    assert filling.lengths.tolist() == [filling.signal.shape[1]] == [min(samples(n).size for n in range(7))]


@pytest.mark.parametrize(
    ("transcript", "needed"), [("B AA", 2), ("B AA B AA", 4), ("AA AA", 3), ("T AA AA AA", 6), ("B B T T", 6)]
)
def test_a_transcript_that_ctc_cannot_put_into_the_frames_is_refused_by_name(tmp_path, transcript, needed):
    train = {"train": [spoken(tmp_path, ["T", transcript])], "batch_size": 4, "block": 1}

    def frames(count):  # of every utterance
        return lambda lengths: np.full(len(lengths), count)

    assert PhonemeData(PHONES, **train, output_frames=frames(needed)).layout.batches
    message = (
        f"12 training utterances are too short .* the first of them 'train-[0-9]+': the network has {needed - 1} "
        f"frames for it, but its {len(transcript.split())} phones need {needed};"
    )
    with pytest.raises(DataError, match=message):
        _ = PhonemeData(PHONES, **train, output_frames=frames(needed - 1)).layout


def test_another_rate_is_refused_by_name(audio_shards):
    data = PhonemeData(PHONES, validation={"mine": audio_shards}, rate=RATE)
    data.setup("validate")
    data.rate = 2 * RATE
    with pytest.raises(DataError, match=rf"{RATE} samples per second, but model.front_end takes {2 * RATE}; .*--rate"):
        data.setup("validate")


def test_phones_have_their_time_and_are_not_shifted():
    with pytest.raises(DataError, match="TimeShift is for clips of one label"):
        PhonemeData(PHONES, augment=[TimeShift()])


SPOKEN = Path(os.environ.get("MELISMA_TEST_DATA", "")) / "phones_an4"


@pytest.mark.skipif("MELISMA_TEST_DATA" not in os.environ, reason="MELISMA_TEST_DATA names no folder of recordings")
def test_an_epoch_of_spelled_words(tmp_path):
    corpus = AN4(str(SPOKEN), ["train"])
    speakers = {each.group for each in corpus.recordings()}
    phones = sorted({phone for each in corpus.recordings() for phone in each.transcript.split()})
    kept = sorted(speakers)[:6]
    few = GivenCorpus(each for each in corpus.recordings() if each.group in kept)
    splits = {"validation": kept[:1], "train": "rest"}
    recipe = ShardRecipe(few, str(tmp_path), segment=None, context=0.0, phones=phones, splits=splits)
    data = PhonemeData(phones, [str(tmp_path)], {"an4": str(tmp_path)}, recipes=[recipe], batch_size=8, block=1)
    data.prepare_data()
    data.setup("fit")
    transcripts = {each.id: each.transcript for each in corpus.recordings()}
    index, seen = data.training_index, []
    for batch in data.train_dataloader():
        for signal, length, targets, item in zip(*batch[:3], batch.item.tolist(), strict=True):
            spelled = " ".join(phones[target - 1] for target in targets.tolist() if target)
            assert spelled == transcripts[index.tracks[index.track[item]]]
            assert signal[:length].any()
            seen.append(item)
    assert sorted(seen) == list(range(len(index)))
    (loader,) = data.val_dataloader()
    validated = SplitIndex([tmp_path], "validation")
    assert sum(int(batch.lengths[batch.valid].sum()) for batch in loader) == validated.samples.sum()
