import hashlib
import json
import os
import pickle
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.corpora import ContourResynthesis, Instruments, SteadyTimbres
from datamodules.errors import DataError

RATE = 8000


def contour(*runs, step=0.01, frequency=200.0):
    """Voiced rows only, as in MedleyDB's pitch tables, with a third column in some."""
    rows = [(time, frequency) for start, stop in runs for time in np.arange(start, stop, step)]
    return "".join(f"{time:.9f},{f0:.3f}{',[1]' if line % 2 else ''}\n" for line, (time, f0) in enumerate(rows))


@pytest.fixture
def folder(tmp_path, write_table):
    for name in ("Anna_Song_STEM_01", "Anna_Song_STEM_02", "Bert_Tune_STEM_01"):
        write_table(tmp_path / f"{name}.csv", contour((1.0, 1.3), (1.6, 2.0)))
    return tmp_path


def corpus(folder, **options):
    return ContourResynthesis(str(folder), **{"rate": RATE, "gap": 0.02, **options})


def refusal(folder, **options):
    with pytest.raises(DataError) as error:
        corpus(folder, **options).recordings()
    return str(error.value)


def ids(made):
    return [recording.id for recording in made.recordings()]


def sounding(recording):
    """First and last sample that is not silent, s."""
    audio = recording.audio.read()
    return np.flatnonzero(audio.samples)[[0, -1]] / audio.rate


def test_audio_follows_the_table(folder):
    recording = corpus(folder, harmonics=3).recordings()[0]
    audio, truth = recording.audio.read(), recording.truth.read()
    assert audio.rate == RATE
    assert len(audio.samples) == pytest.approx(2.0 * RATE, abs=RATE * 0.011)
    f0 = truth.at(np.arange(len(audio.samples)) / RATE)
    assert_array_equal(audio.samples[f0 == 0], 0.0)
    assert np.count_nonzero(audio.samples[f0 > 0]) > 0.95 * np.count_nonzero(f0)
    run = audio.samples[round(1.05 * RATE) : round(1.25 * RATE)]
    assert np.argmax(np.abs(np.fft.rfft(run * np.hanning(len(run))))) % (200 * 0.2) == 0


def test_without_a_gap_the_silence_is_bridged(folder):
    assert corpus(folder, gap=None).recordings()[0].truth.read().at([1.45])[0] == 200.0
    assert corpus(folder).recordings()[0].truth.read().at([1.45])[0] == 0.0


def test_trimming_shifts_audio_and_truth_alike(folder):
    plain, trimmed = (corpus(folder, trim=trim).recordings()[0] for trim in (None, 0.25))
    assert_allclose(sounding(plain) - sounding(trimmed), 0.75, atol=2.0 / RATE)
    asked = np.arange(0.0, 1.0, 0.001)
    assert_array_equal(trimmed.truth.read().at(asked), plain.truth.read().at(asked + 0.75))
    assert plain.audio.fingerprint() != trimmed.audio.fingerprint()


def test_trimming_keeps_short_silences_and_those_in_between(tmp_path, write_table):
    write_table(tmp_path / "a.csv", "0,0\n0.1,100\n0.2,0\n5,100\n5.1,0\n5.2,0\n5.8,0\n9,0\n")
    truth = corpus(tmp_path, trim=0.5, gap=None).recordings()[0].truth.read()
    assert_allclose(truth.times, [0.0, 0.1, 0.2, 5.0, 5.1, 5.2])


def test_trimming_keeps_what_sounds_at_the_first_sample(tmp_path, write_table):
    write_table(tmp_path / "a.csv", "0,100\n0.1,200\n")
    truth = corpus(tmp_path, trim=0.0, offset=-0.05).recordings()[0].truth.read()
    assert_allclose(truth.at([0.0]), [150.0])


def test_a_silent_table_is_silent(tmp_path, write_table):
    write_table(tmp_path / "a.csv", "0,0\n1,-100\n")
    assert_array_equal(corpus(tmp_path, trim=0.1).recordings()[0].audio.read().samples, np.zeros(RATE + 1))


def test_renderings_differ_in_sound_and_share_truth_and_group(folder):
    made = corpus(folder, renderings=2).recordings()
    assert [recording.id for recording in made[:3]] == [
        "Anna_Song_STEM_01_r0",
        "Anna_Song_STEM_01_r1",
        "Anna_Song_STEM_02_r0",
    ]
    assert made[0].group == made[1].group == "Anna_Song_STEM_01"
    assert made[1].metadata == {"table": "Anna_Song_STEM_01.csv", "rendering": 1}
    assert made[0].truth == made[1].truth
    assert not np.array_equal(made[0].audio.read().samples, made[1].audio.read().samples)
    alone = corpus(folder).recordings()[0]
    assert_array_equal(made[0].audio.read().samples, alone.audio.read().samples)


def test_is_reproducible_and_other_tables_change_nothing(folder, write_table):
    before = corpus(folder, snr_db=20.0).recordings()[1]
    write_table(folder / "Aaa.csv", contour((0.0, 1.0)))
    after = corpus(folder, snr_db=20.0).recordings()[2]
    assert before.id == after.id
    assert before.audio.fingerprint() == after.audio.fingerprint()
    assert_array_equal(before.audio.read().samples, after.audio.read().samples)


@pytest.mark.parametrize("change", [{"seed": 1}, {"harmonics": 3}, {"rate": 16000}, {"snr_db": 3.0}, {"offset": 0.1}])
def test_fingerprints_change_with_the_parameters(folder, change):
    one, other = corpus(folder).recordings()[0], corpus(folder, **change).recordings()[0]
    assert one.audio.fingerprint() != other.audio.fingerprint()


def test_fingerprints_change_with_the_table_and_not_with_its_place(folder, tmp_path_factory, write_table):
    one = corpus(folder).recordings()[0]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    path = write_table(elsewhere / "Anna_Song_STEM_01.csv", contour((1.0, 1.3), (1.6, 2.0)))
    assert corpus(elsewhere).recordings()[0].audio.fingerprint() == one.audio.fingerprint()
    write_table(path, contour((1.0, 1.3), (1.6, 2.1)))
    assert corpus(elsewhere).recordings()[0].audio.fingerprint() != one.audio.fingerprint()


def test_earlier_options_have_earlier_fingerprints(folder):
    recording = corpus(folder, snr_db=20.0, trim=0.5).recordings()[0]
    table = hashlib.sha256((folder / "Anna_Song_STEM_01.csv").read_bytes()).hexdigest()
    file = json.dumps({"F0File": 1, "gap": 0.02, "offset": 0.0, "sha256": table, "step": None})
    contour = json.dumps({"Contour": 1, "table": file, "trim": 0.5})
    stream = [0, zlib.crc32(b"Anna_Song_STEM_01"), 0]
    parts = {"ResynthesizedAudio": 1, "contour": contour, "harmonics": 12, "rate": RATE, "snr_db": 20.0}
    assert recording.truth.fingerprint() == contour
    assert recording.audio.fingerprint() == json.dumps({**parts, "stream": stream})


@pytest.mark.parametrize(
    "change",
    [{"timbres": Instruments()}, {"timbres": SteadyTimbres()}, {"transpose": 0.1}, {"accompaniment_db": (-10.0, -5.0)}],
)
def test_later_options_change_the_fingerprint(folder, change):
    one, other = corpus(folder).recordings()[0], corpus(folder, **change).recordings()[0]
    assert one.audio.fingerprint() != other.audio.fingerprint()
    assert (one.truth.fingerprint() == other.truth.fingerprint()) == ("transpose" not in change)


def test_instruments_play_the_table(folder, cents_off):
    for recording in corpus(folder, rate=16000, timbres=Instruments()).recordings():
        cents = cents_off(recording.audio.read(), recording.truth.read(), np.arange(1.05, 1.96, 0.1))
        assert len(cents) >= 5
        assert np.abs(np.median(cents)) < 1.0


def test_transposition_moves_audio_and_truth_alike(folder, cents_off):
    made = corpus(folder, rate=16000, transpose=0.5, renderings=8).recordings()
    octaves = []
    for recording in made:
        truth = recording.truth.read()
        octaves.append(np.log2(truth.f0.max() / 200.0))
        assert np.abs(np.median(cents_off(recording.audio.read(), truth, [1.1, 1.15, 1.7, 1.8]))) < 3.0
    assert 0.3 < np.std(octaves) < 0.8
    assert len(set(octaves)) == len(octaves)


def test_transposition_keeps_within_its_limits(tmp_path, write_table):
    write_table(tmp_path / "low.csv", "0,40\n1,80\n")
    write_table(tmp_path / "high.csv", "0,1000\n1,2000\n")
    write_table(tmp_path / "wide.csv", "0,20\n1,3000\n")
    for recording in corpus(tmp_path, gap=None, transpose=3.0, renderings=8).recordings():
        f0 = recording.truth.read().f0
        if recording.id.startswith("wide"):
            assert_allclose(f0, [20.0, 3000.0])
        else:
            assert 27.999 < f0.min() and f0.max() < 2200.001
            assert f0[1] == pytest.approx(2.0 * f0[0])


def test_accompaniment_is_of_other_groups_of_the_split_at_its_level(folder, write_table, tmp_path_factory):
    write_table(folder / "Carl_Air_STEM_01.csv", contour((0.0, 0.7), frequency=300.0))
    write_table(folder / "Dora_Gig_STEM_01.csv", contour((0.0, 0.5), frequency=600.0))
    listed = tmp_path_factory.mktemp("lists") / "tracks.json"
    listed.write_text(json.dumps({"train": ["Anna_Song", "Dora_Gig"], "test": ["Bert_Tune", "Carl_Air"]}))
    options = {"group_pattern": "^(.+)_STEM", "tracks": str(listed), "harmonics": 1}
    clean = corpus(folder, **options).recordings()
    full = corpus(folder, **options, accompaniment_db=(-10.0, -10.0)).recordings()
    others = {"Anna_Song": 600.0, "Dora_Gig": 200.0, "Bert_Tune": 300.0, "Carl_Air": 200.0}
    for alone, accompanied in zip(clean, full, strict=True):
        assert alone.truth == accompanied.truth
        added = accompanied.audio.read().samples - alone.audio.read().samples
        assert np.sqrt(np.mean(added[np.abs(added) > 0] ** 2)) == pytest.approx(0.1 * 10.0**-0.5, rel=0.02)
        spectrum = np.abs(np.fft.rfft(added, 1 << 15)) ** 2
        assert spectrum.argmax() * RATE / (1 << 15) == pytest.approx(others[alone.group], abs=5.0)


def test_accompaniment_needs_another_group(folder):
    found = refusal(folder, accompaniment_db=(0.0, 0.0), group_pattern="_(STEM)_")
    assert "accompaniment_db needs tables of at least two groups in every split" in found


def test_can_be_pickled(folder):
    copy = pickle.loads(pickle.dumps(corpus(folder, group_pattern="^(.+)_STEM")))
    assert pickle.loads(pickle.dumps(copy.recordings())) == copy.recordings()


class TestTracks:
    SPLITS = {"train": ["Anna_Song", "Not_Here"], "test": ["Bert_Tune"]}  # noqa: RUF012

    @pytest.fixture
    def tracks(self, tmp_path):
        def write(content):
            (tmp_path / "tracks.json").write_text(content if isinstance(content, str) else json.dumps(content))
            return {"tracks": str(tmp_path / "tracks.json"), "group_pattern": "^(.+)_STEM"}

        return write

    def test_splits(self, folder, tracks):
        made = corpus(folder, **tracks(self.SPLITS)).recordings()
        assert [(recording.group, recording.split) for recording in made] == [
            ("Anna_Song", "train"),
            ("Anna_Song", "train"),
            ("Bert_Tune", "test"),
        ]

    def test_one_split(self, folder, tracks):
        assert ids(corpus(folder, splits=["test"], **tracks(self.SPLITS))) == ["Bert_Tune_STEM_01"]

    def test_a_list_has_no_opinion_on_splits(self, folder, tracks):
        made = corpus(folder, **tracks(["Bert_Tune"])).recordings()
        assert [(recording.id, recording.split) for recording in made] == [("Bert_Tune_STEM_01", None)]

    @pytest.mark.parametrize(
        ("content", "options", "reason"),
        [
            (SPLITS, {"splits": ["validation"]}, "no split 'validation'; it has 'train', 'test'"),
            (["Bert_Tune"], {"splits": ["test"]}, "a list of tracks without splits"),
            ({"train": ["A"], "test": ["A"]}, {}, "'A' stands in 'train' and in 'test'"),
            (["Nobody"], {}, "none of its tracks is a group of the tables"),
            ("{", {}, "line 1: not valid JSON"),
            ("3", {}, "a list of tracks or an object"),
            ({"train": "A"}, {}, "'train': a list of track names"),
            (["A", 3], {}, "track names are strings"),
        ],
    )
    def test_refusals_name_the_file(self, folder, tracks, content, options, reason):
        found = refusal(folder, **tracks(content), **options)
        assert "tracks.json" in found
        assert reason in found

    def test_a_missing_file(self, folder):
        assert "nowhere.json: cannot be read: No such file" in refusal(folder, tracks="nowhere.json")


def test_a_pitch_beyond_the_rate_is_refused(tmp_path, write_table):
    write_table(tmp_path / "a.csv", contour((0.0, 1.0), frequency=3662.0))
    with pytest.raises(DataError, match=r"a\.csv: f0 of 3662 Hz is above 3600 Hz; raise rate"):
        corpus(tmp_path).recordings()[0].audio.read()


def test_a_wrong_row_is_named_when_it_is_read(tmp_path, write_table):
    write_table(tmp_path / "a.csv", "0,100\n1,x\n")
    with pytest.raises(DataError, match=r"a\.csv, line 2: 'x' is not a number"):
        corpus(tmp_path).recordings()[0].audio.read()


def test_a_folder_without_tables_is_refused(tmp_path):
    assert f"{tmp_path}: no f0 table matches '**/*.csv'" in refusal(tmp_path)
    assert "nowhere: there is no such folder" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"rate": 0}, "rate = 0"),
        ({"harmonics": 0}, "harmonics = 0"),
        ({"renderings": 0}, "renderings = 0"),
        ({"trim": -1.0}, "trim = -1.0"),
        ({"snr_db": np.inf}, "snr_db = inf"),
        ({"seed": -1}, "seed = -1"),
        ({"transpose": -0.1}, "transpose = -0.1"),
        ({"accompaniment_db": (0.0, -3.0)}, "accompaniment_db = (0.0, -3.0)"),
        ({"splits": ["train"]}, "splits = ['train']: it needs tracks"),
        ({"group_pattern": "a"}, "ContourResynthesis: group_pattern = 'a'"),
        ({"gap": 0.0}, "gap: 0.0 s"),
    ],
)
def test_options_that_cannot_be(folder, options, reason):
    assert reason in refusal(folder, **options)


def test_real_contours_are_rendered(tmp_path):
    if "MELISMA_TEST_DATA" not in os.environ:
        pytest.skip("MELISMA_TEST_DATA is not set: no real contours to render")
    source = Path(os.environ["MELISMA_TEST_DATA"]) / "f0_medleydb_contours"
    with tarfile.open(source / "pitch.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    made = ContourResynthesis(
        str(tmp_path),
        gap=0.02,
        trim=0.5,
        group_pattern="^pitch_(.+)_STEM",
        tracks=str(source / "mdb_ismir2017_split.json"),
        splits=["train", "validation"],
    ).recordings()
    assert len(made) == 97
    for recording in made[::40]:
        audio, truth = recording.audio.read(), recording.truth.read()
        assert sounding(recording)[0] < 0.51
        assert len(audio.samples) == pytest.approx(truth.times[-1] * audio.rate, abs=2)
