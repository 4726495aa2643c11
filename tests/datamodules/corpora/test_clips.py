import json
import pickle
import tracemalloc
from collections import defaultdict

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.corpora import AudioFolder, ConsecutiveClips
from datamodules.corpora.sources.audio_files import AudioFile
from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex

RATE = 1000


def counting(seconds):
    """Samples that count up from 1, so that each says where it was; exact in 24 bits."""
    return (1 + np.arange(round(seconds * RATE))) / 2**20


@pytest.fixture
def write(tmp_path, write_tone):
    """Recordings by name and length, s."""

    def made(**lengths):
        for name, seconds in lengths.items():
            write_tone(tmp_path / "audio" / f"{name}.wav", counting(seconds), RATE, subtype="FLOAT")
        return AudioFolder(str(tmp_path / "audio"))

    return made


def places(clip):
    """Numbers of a clip's samples, 0 where it is silent."""
    audio = clip.audio.read()
    assert audio.rate == RATE
    return np.rint(audio.samples.astype(np.float64) * 2**20).astype(int)


def test_clips_are_consecutive_and_a_long_rest_is_filled_up_with_zeros_at_its_end(write):
    clips = ConsecutiveClips(write(long=14.0)).recordings()
    assert [clip.id for clip in clips] == ["long_clip00000", "long_clip00001", "long_clip00002"]
    assert_array_equal(places(clips[0]), np.arange(1, 5001))
    assert_array_equal(places(clips[1]), np.arange(5001, 10001))
    assert_array_equal(places(clips[2]), np.concatenate([np.arange(10001, 14001), np.zeros(1000)]))


@pytest.mark.parametrize(
    ("seconds", "clips"), [(3.499, 0), (3.5, 1), (5.0, 1), (8.499, 1), (8.5, 2), (10.0, 2), (13.499, 2), (13.5, 3)]
)
def test_a_rest_of_3500_ms_is_the_shortest_that_is_kept(write, seconds, clips):
    found = ConsecutiveClips(write(one=seconds, enough=5.0)).recordings()
    assert [clip.group for clip in found].count("one") == clips
    assert {len(places(clip)) for clip in found} == {5000}


def test_a_margin_is_neither_in_a_clip_nor_behind_a_rest(write):
    (first, second) = ConsecutiveClips(write(one=19.0), margin=5.0).recordings()
    assert_array_equal(places(first), np.arange(5001, 10001))
    assert_array_equal(places(second), np.concatenate([np.arange(10001, 14001), np.zeros(1000)]))
    assert (second.metadata["clip"], second.metadata["start"]) == (1, 10.0)


@given(
    samples=st.integers(1, 400),
    seconds=st.integers(1, 60),
    rest=st.floats(0.01, 1.0),
    margin=st.integers(0, 60),
)
def test_every_clip_is_what_a_loop_over_the_whole_gives(tmp_path_factory, samples, seconds, rest, margin):
    folder = tmp_path_factory.mktemp("any")
    soundfile.write(folder / "a.wav", counting(samples / RATE), RATE, subtype="FLOAT")
    inside = list(range(1 + margin, 1 + samples - margin))
    expected, shortest = [], round(rest * seconds / RATE * RATE)
    while len(inside) >= max(shortest, 1):
        expected.append(inside[:seconds] + [0] * (seconds - len(inside)))
        inside = inside[seconds:]
    corpus = ConsecutiveClips(AudioFolder(str(folder)), seconds / RATE, rest * seconds / RATE, margin / RATE)
    if not expected:
        with pytest.raises(DataError, match="shortest_rest: none of 1 recordings"):
            corpus.recordings()
        return
    assert [places(clip).tolist() for clip in corpus.recordings()] == expected


def test_margins_go_by_what_a_manifest_says_of_the_source(write, tmp_path):
    write(a=16.0, b=16.0, c=16.0)
    rows = "a.wav\ten\tyoutube\nb.wav\tde\tvoxforge\nc.wav\tfr\tradio\n"
    (tmp_path / "audio" / "list.tsv").write_text(f"audio\tlanguage\tsource\n{rows}")
    corpus = AudioFolder(
        str(tmp_path / "audio"), manifest="list.tsv", label_column="language", metadata_columns=["source"]
    )
    clips = ConsecutiveClips(corpus, margin=1.0, margins={"youtube": 5.0, "voxforge": 0.0}, margin_key="source")
    found = defaultdict(list)
    for clip in clips.recordings():
        found[clip.label].append(int(places(clip)[0]) - 1)
    # Inside are 6, 16 and 14 s: the rests are 1, 1 and 4 s.
    assert found == {"en": [5000], "de": [0, 5000, 10000], "fr": [1000, 6000, 11000]}


def test_margins_that_no_recording_has_are_warned_of(write, tmp_path):
    write(a=9.0)
    corpus = AudioFolder(str(tmp_path / "audio"))
    with pytest.warns(UserWarning, match="no recording has the file youtub"):
        ConsecutiveClips(corpus, margins={"youtub": 1.0}, margin_key="file").recordings()
    with (
        pytest.warns(UserWarning, match="no recording has the source youtube"),
        pytest.raises(DataError, match=r"margin_key = 'source': recording 'a' has no such metadata.*metadata_columns"),
    ):
        ConsecutiveClips(corpus, margins={"youtube": 1.0}, margin_key="source").recordings()


def test_a_clip_has_all_that_its_recording_has(tmp_path, write_tone):
    write_tone(tmp_path / "x.wav", counting(5.0), RATE)
    rows = "audio\tspeaker\tset\tlanguage\nx.wav\tanna\ttest\ten\n"
    (tmp_path / "list.tsv").write_text(rows)
    columns = {"group_column": "speaker", "split_column": "set", "label_column": "language"}
    (clip,) = ConsecutiveClips(AudioFolder(str(tmp_path), manifest="list.tsv", **columns)).recordings()
    assert (clip.group, clip.split, clip.label) == ("anna", "test", "en")
    assert clip.metadata == {"file": "x.wav", "recording": "x", "clip": 0, "start": 0.0}
    assert pickle.loads(pickle.dumps(clip)) == clip


def test_clips_of_two_channels_stay_of_two(tmp_path, write_tone):
    write_tone(tmp_path / "x.wav", np.stack([counting(4.0), -counting(4.0)], axis=1), RATE, subtype="FLOAT")
    (clip,) = ConsecutiveClips(AudioFolder(str(tmp_path))).recordings()
    samples = clip.audio.read().samples
    assert samples.shape == (5000, 2)
    assert_array_equal(samples[:, 0], -samples[:, 1])


@pytest.mark.parametrize(("extension", "tolerance"), [("flac", 0.0), ("ogg", 0.0), ("aiff", 0.0), ("mp3", 1e-3)])
def test_a_clip_of_any_format_is_a_part_of_the_whole(tmp_path, write_tone, extension, tolerance):
    noise = 0.5 * np.random.default_rng(0).uniform(-1, 1, 8000 * 12)
    path = write_tone(tmp_path / f"x.{extension}", noise, 8000)
    clips = ConsecutiveClips(AudioFolder(str(tmp_path))).recordings()[:2]
    together = np.concatenate([clip.audio.read().samples for clip in clips])
    assert_allclose(together, AudioFile(path).read().samples[:80000], atol=tolerance)


def peak(make):
    tracemalloc.start()
    try:
        made = make()
        return made, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_memory_of_a_clip_does_not_grow_with_its_recording(tmp_path, write_tone):
    peaks = []
    for name, seconds in (("short", 10), ("long", 200)):
        write_tone(tmp_path / name / "x.flac", np.zeros(8000 * seconds), 8000)
        clips, listing = peak(lambda name=name: ConsecutiveClips(AudioFolder(str(tmp_path / name))).recordings())
        _, reading = peak(clips[-1].audio.read)
        peaks.append(reading)
        assert listing < 200_000
    assert peaks[1] < 1.2 * peaks[0] < 3 * 4 * 8000 * 5


def test_the_same_bytes_every_time_and_no_recording_in_two_splits(write, tmp_path):
    def shards(name):
        corpus = ConsecutiveClips(write(**{letter: 18.6 for letter in "abcdefgh"}))
        splits = {"train": 0.5, "validation": 0.25, "test": 0.25}
        recipe = ShardRecipe(corpus, str(tmp_path / name), RATE, 10, segment=None, context=0.0, splits=splits)
        prepare(recipe, progress=False)
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir() if path.suffix == ".tar"}

    assert shards("one") == shards("two")
    home = {}
    for split in ("train", "validation", "test"):
        index = SplitIndex([tmp_path / "one"], split)
        for name in index.tracks:
            assert home.setdefault(name.split("_")[0], split) == split
        assert set(index.samples.tolist()) == {5000}
    assert len(home) == 8
    described = json.loads((tmp_path / "one" / "dataset.json").read_text())["recipe"]["corpus"]
    assert (described["seconds"], described["shortest_rest"]) == (5.0, 3.5)
    assert described["corpus"]["class"] == "AudioFolder"


def test_fingerprints_tell_clips_and_their_silence_apart_and_follow_the_file(write, tmp_path):
    corpus = write(one=14.0)
    before = [clip.audio.fingerprint() for clip in ConsecutiveClips(corpus).recordings()]
    shorter = [clip.audio.fingerprint() for clip in ConsecutiveClips(corpus, seconds=4.0).recordings()]
    write(one=14.5)
    after = [clip.audio.fingerprint() for clip in ConsecutiveClips(corpus).recordings()]
    assert len({*before, *shorter, *after}) == 9


def test_a_recording_is_hashed_once_for_all_of_its_clips(write, monkeypatch):
    hashed = []
    monkeypatch.setattr(AudioFile, "fingerprint", lambda self: str(hashed.append(self.path)))
    clips = ConsecutiveClips(write(one=25.0)).recordings()
    assert len({clip.audio.fingerprint() for clip in clips}) == 5 and len(hashed) == 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"seconds": 0.0}, "seconds = 0.0"),
        ({"seconds": float("nan")}, "seconds = nan"),
        ({"shortest_rest": 5.1}, "shortest_rest = 5.1: more than 0 s is expected, 5 at most"),
        ({"shortest_rest": 0.0}, "shortest_rest = 0.0"),
        ({"margin": -1.0}, "margin = -1.0"),
        ({"margins": {"a": -1.0}, "margin_key": "source"}, "margins = "),
        ({"margins": {"a": 1.0}}, "margin_key = None: it goes with margins"),
        ({"margin_key": "source"}, "margin_key = 'source': it goes with margins"),
    ],
)
def test_options_out_of_range_are_named(write, options, reason):
    with pytest.raises(DataError) as error:
        ConsecutiveClips(write(a=5.0), **options)
    assert str(error.value).startswith(f"ConsecutiveClips: {reason}")


def test_what_has_f0_or_words_is_not_cut(write, tmp_path, write_table):
    write(a=9.0)
    write_table(tmp_path / "audio" / "a.csv")
    with pytest.raises(DataError, match="recording 'a': only recordings in audio files, without f0 and transcript"):
        ConsecutiveClips(AudioFolder(str(tmp_path / "audio"), table_suffix=".csv")).recordings()


def test_a_file_that_lost_its_end_is_left_out_clip_by_clip(tmp_path, write_tone):
    path = write_tone(tmp_path / "audio" / "a.flac", 0.3 * np.random.default_rng(0).uniform(-1, 1, 8000 * 15), 8000)
    write_tone(tmp_path / "audio" / "b.flac", np.zeros(8000 * 5), 8000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    corpus = ConsecutiveClips(AudioFolder(str(tmp_path / "audio")))
    recipe = ShardRecipe(corpus, str(tmp_path / "out"), 8000, 80, segment=None, context=0.0, splits={"train": 1.0})
    left_out = prepare(recipe, progress=False).left_out
    assert set(left_out) == {"a_clip00001", "a_clip00002"}
    assert all("a.flac" in reason for reason in left_out.values())
