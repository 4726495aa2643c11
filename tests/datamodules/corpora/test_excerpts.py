import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.corpora import AudioFolder, Excerpts, SyntheticMelody
from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex

RATE, HOP = 8000, 0.25  # s; the annotation's frames are 0.1 s late


@pytest.fixture
def corpus(tmp_path, write_tone, write_table):
    """Four seconds whose samples count up, and whose f0 is 100 times the time."""
    write_tone(tmp_path / "song.wav", np.arange(4 * RATE) / (4 * RATE), RATE, subtype="FLOAT")
    times = 0.1 + HOP * np.arange(15)
    write_table(tmp_path / "song.csv", "".join(f"{time:.2f},{100 * time:.1f}\n" for time in times))
    return AudioFolder(str(tmp_path), table_suffix=".csv", group_pattern="^(so)")


def only(corpus, start, end):
    (made,) = Excerpts(corpus, {"song": (start, end)}).recordings()
    return made


def refusal(corpus, start, end):
    with pytest.raises(DataError) as error:
        made = only(corpus, start, end)
        made.truth.read()
        made.audio.read()
    return str(error.value)


def test_both_ends_move_inwards_to_frames_of_the_annotation(corpus):
    made = only(corpus, 1.0, 2.2)
    truth, audio = made.truth.read(), made.audio.read()
    assert_allclose(truth.times, [0.0, 0.25, 0.5, 0.75, 1.0], atol=1e-12)
    assert_allclose(truth.f0, [110.0, 135.0, 160.0, 185.0, 210.0])
    assert audio.rate == RATE and len(audio.samples) == RATE
    assert audio.samples[0] * 4 * RATE == pytest.approx(1.1 * RATE)


def test_limits_on_a_frame_keep_it(corpus):
    assert_allclose(only(corpus, 1.1, 2.1).truth.read().times[[0, -1]], [0.0, 1.0], atol=1e-12)


def test_audio_and_annotation_begin_at_the_same_sample_to_the_nearest(corpus):
    made = only(corpus, 0.31, 3.0)  # 0.35 s is sample 2800
    assert made.audio.read().samples[0] * 4 * RATE == pytest.approx(2800)
    assert made.truth.read().f0[0] == 35.0


def test_it_has_a_name_of_its_own_and_the_rest_of_its_recording(corpus):
    made = only(corpus, 1.0, 2.25)
    assert (made.id, made.group, made.split) == ("song_1-2.25", "so", None)
    assert made.metadata == {"file": "song.wav", "start": 1.0, "end": 2.25}
    assert pickle.loads(pickle.dumps(made)) == made


def test_splits_are_kept():
    corpus = Excerpts(SyntheticMelody({"validation": 2}, seconds=2.0), {"validation_00001": (0.0, 1.0)})
    (made,) = corpus.recordings()
    assert made.split == "validation"
    assert len(made.audio.read().samples) == 16000


def test_other_limits_have_another_fingerprint(corpus):
    first, second = only(corpus, 1.0, 2.0), only(corpus, 1.0, 3.0)
    whole = corpus.recordings()[0]
    for source in ("audio", "truth"):
        assert len({getattr(made, source).fingerprint() for made in (first, second, whole)}) == 3


def test_audio_alone_is_cut_at_the_limits(corpus):
    made = only(AudioFolder(corpus.folder), 1.0, 2.5)
    assert made.truth is None
    audio = made.audio.read()
    assert audio.samples[0] * 4 * RATE == pytest.approx(RATE) and len(audio.samples) == 1.5 * RATE


def test_several_voices_are_cut_alike(tmp_path, write_tone, write_table):
    write_tone(tmp_path / "song.wav")
    write_table(tmp_path / "song.csv", "0,1\n0.2,1,2\n0.4\n0.6,3\n")
    made = only(AudioFolder(str(tmp_path), table_suffix=".csv", voices="several"), 0.1, 0.9)
    assert_allclose(made.truth.read().times, [0.0, 0.2, 0.4])
    assert_array_equal(made.truth.read().f0, [[1.0, 2.0], [0.0, 0.0], [3.0, 0.0]])


def test_they_can_be_prepared_again_and_again(corpus, tmp_path):
    def recipe():
        return ShardRecipe(
            Excerpts(AudioFolder(corpus.folder, table_suffix=".csv"), {"song": (1.0, 2.2)}),
            str(tmp_path / "out"),
            RATE,
            80,
            splits={"validation": 1.0},
        )

    prepare(recipe(), progress=False)
    assert not prepare(recipe(), progress=False).built
    index = SplitIndex([tmp_path / "out"], "validation")
    assert list(index.tracks) == ["song_1-2.2"]
    assert_allclose(index.read_f0(0)[:100], 110.0 + np.arange(100), rtol=1e-6)


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (2.0, 1.0, "excerpts.song = [2, 1]: 0 <= start < end"),
        (1.0, 1.0, "excerpts.song = [1, 1]"),
        (-1.0, 1.0, "excerpts.song = [-1, 1]"),
        (0.0, np.inf, "excerpts.song = [0, inf]"),
        (1.0, 4.5, "excerpts.song: it ends at 4.5 s, the audio at 4 s"),
        (1.2, 1.4, "excerpts.song: the annotation has no two frames from 1.2 to 1.4 s"),
    ],
)
def test_limits_that_cannot_be_are_named(corpus, start, end, reason):
    assert reason in refusal(corpus, start, end)


def test_a_recording_that_is_not_there_is_named(corpus):
    with pytest.raises(DataError, match=r"excerpts\.other: the corpus has no recording of this id"):
        Excerpts(corpus, {"other": (0.0, 1.0)}).recordings()
    with pytest.raises(DataError, match="at least one"):
        Excerpts(corpus, {})


def test_what_has_a_transcript_is_not_cut(tmp_path, write_tone):
    write_tone(tmp_path / "song.wav")
    (tmp_path / "list.tsv").write_text("audio\twords\nsong.wav\tla la\n")
    corpus = AudioFolder(str(tmp_path), manifest="list.tsv", transcript_column="words")
    with pytest.raises(DataError, match=r"excerpts\.song: only recordings with audio and without a transcript"):
        Excerpts(corpus, {"song": (0.0, 0.5)}).recordings()
