"""What a run writes of every frame, and which excerpts have their salience."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from callbacks import TrackFrames, run_folder
from callbacks.predictions.frames import FramesOfSet, worst_part
from callbacks.predictions.set_frames import FramesOfTrack, SetFrames
from datamodules.annotations.f0_tables import read_f0
from lightning_modules.outputs import signed_f0

NOTES = np.array([60, 61], dtype=np.float32)


def read(trainer, stage):
    return SetFrames.load(run_folder(trainer) / stage / "toy" / "frames.npz")


def test_every_pass_leaves_the_frames_that_f0_tables_are_made_of(made_trainer, toy_tracker):
    trainer, module = made_trainer(TrackFrames(excerpts=3, seconds=0.5)), toy_tracker()
    trainer.fit(module)
    trainer.validate(module)
    trainer.test(module)
    trainer.predict(module)
    for stage, threshold in (("validation", 0.25), ("validate", 0.25), ("test", 0.75), ("predict", 0.5)):
        found = read(trainer, stage)
        assert found.tracks.tolist() == list("abcd") and found.threshold == threshold
        for place, name in enumerate(found.tracks):
            track, table = found.track(place), read_f0(run_folder(trainer) / stage / "toy" / "f0" / f"{name}.csv")
            np.testing.assert_allclose(track.times, table.times)
            signed = signed_f0(track.pitch, track.confidence, float(found.threshold))
            np.testing.assert_allclose(signed, table.f0)
            if stage == "predict":
                assert track.reference is None
            else:
                assert track.reference.tolist() == [0.0] * 100 + [220.0] * 300


@pytest.mark.parametrize("model", ["toy_multi_pitch_tracker", "toy_classifier", "toy_recognizer"])
def test_other_items_are_passed_over(quiet, request, model):
    trainer = quiet(TrackFrames())
    trainer.validate(request.getfixturevalue(model)())
    assert not list(run_folder(trainer).rglob("frames.npz"))


def test_trial_runs_and_sanity_checks_write_nothing(quiet, toy_tracker, tmp_path):
    quiet(TrackFrames(), fast_dev_run=True).fit(toy_tracker())
    quiet(TrackFrames(), num_sanity_val_steps=2, limit_val_batches=1, check_val_every_n_epoch=2).fit(toy_tracker())
    assert not list(tmp_path.rglob("frames.npz"))


def test_the_worst_tracks_have_their_salience(quiet, toy_tracker, track):
    mistakes = {"a": None, "b": 3, "c": 5, "d": 3}  # frames; of a there is no annotation
    made = np.random.default_rng(0).uniform(0, 1, (4, 400, 49)).astype(np.float16)

    class Module(toy_tracker):
        def validation_step(self, batch, index):
            name = "dbac"[index]
            pitch = np.full(400, 220.0, dtype=np.float32)
            pitch[250 : 250 + (mistakes[name] or 0)] = 110
            more = {"reference": None} if mistakes[name] is None else {}
            return {"tracks": [track(name, pitch=pitch, salience=made["abcd".index(name)], **more)]}

    trainer = quiet(TrackFrames(seconds=0.5))
    trainer.validate(Module())
    found = read(trainer, "validate")
    excerpts = [found.excerpt(place) for place in range(4)]
    assert [each.name for each in excerpts] == ["c", "b", "d", "a"]
    assert found.excerpt_first.tolist() == [205, 203, 203, 0]
    for excerpt, first in zip(excerpts, found.excerpt_first, strict=True):
        part = made["abcd".index(excerpt.name), first : first + 50].astype(np.float64)
        assert excerpt.salience.tolist() == np.rint(255 * part).astype(int).tolist()
        np.testing.assert_allclose(excerpt.frames.times, 0.01 * np.arange(first, first + 50))
    np.testing.assert_array_equal(found.notes, track("a")["notes"])
    trainer = quiet(TrackFrames(excerpts=2, seconds=0.5))
    trainer.validate(Module())
    assert [read(trainer, "validate").excerpt(place).name for place in range(2)] == ["c", "b"]
    trainer = quiet(TrackFrames(excerpts=0))
    trainer.validate(Module())
    assert read(trainer, "validate").salience.shape == (0, 49)


def of_frames(wrong, hop=0.01):
    """A track that is voiced throughout, and wrong in some frames."""
    pitch = np.where(wrong, 227.0, 226.0).astype(np.float32)  # 54 and 47 cents above the reference
    count = len(pitch)
    return FramesOfTrack(hop * np.arange(count), np.full(count, 220.0, np.float32), pitch, np.zeros(count, np.float32))


@given(arrays(bool, st.integers(0, 40)), st.integers(1, 50), st.sampled_from([0.01, 256 / 44100, 0.5]))
def test_the_worst_part_is_that_of_brute_force(wrong, count, hop):
    found = worst_part("a", of_frames(wrong, hop), seconds=count * hop)
    length = min(count, len(wrong))
    counts = [wrong[first : first + length].sum() for first in range(len(wrong) - length + 1)]
    assert found.end - found.first == length
    assert -found.right == max(counts)
    assert found.first == counts.index(max(counts))


def test_a_frame_is_wrong_that_is_voiced_in_truth_and_half_a_semitone_off():
    f0 = {"reference": [220, 220, 220, 0, 220], "pitch": [0, 226, 227, 500, 110]}
    frames = {name: np.array(values, dtype=np.float32) for name, values in f0.items()}
    track = FramesOfTrack(0.01 * np.arange(5), confidence=np.zeros(5, np.float32), **frames)
    assert worst_part("a", track, seconds=1.0).right == -3


def kept(names, wrong, excerpts):
    found = FramesOfSet(excerpts, NOTES, None)
    for name in names:
        frames = of_frames(np.arange(10) < wrong[name])._asdict()
        reference = None if wrong[name] < 0 else frames.pop("reference")
        salience = np.full((10, 2), ord(name) / 200, dtype=np.float16)
        found.add({"track": name, **frames, "reference": reference, "salience": salience}, 0.05)
        assert len(found.salience) == len(found.worst) <= excerpts
    return found


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), min_size=1, max_size=3),
    st.lists(st.integers(-1, 3), min_size=8, max_size=8),
    st.integers(0, 4),
)
def test_the_worst_are_kept_on_any_number_of_processes(processes, counts, excerpts):
    wrong = dict(zip("abcdefgh", counts, strict=True))
    joined = FramesOfSet(excerpts, NOTES, None)
    for names in processes:
        joined.join(kept(names, wrong, excerpts))
    names = sorted({name for of_process in processes for name in of_process})
    worst = sorted(names, key=lambda name: (wrong[name] < 0, -wrong[name], name))[:excerpts]
    assert [each.name for each in joined.worst] == worst
    assert {name: int(part[0, 0]) for name, part in joined.salience.items()} == {
        name: round(255 * float(np.float16(ord(name) / 200))) for name in worst
    }
    if names:
        assert joined.joined(0.5).tracks.tolist() == names


def test_what_is_kept_does_not_keep_its_batch(track):
    batch = np.zeros((3, 400, 49), dtype=np.float16)
    callback = TrackFrames(seconds=0.1)
    callback.collect(None, track("a", salience=batch[1], confidence=batch[1, :, 0]))
    of_set = callback.kept["toy"]
    assert of_set.salience["a"].base is None and of_set.salience["a"].shape == (10, 49)
    assert all(array.base is None for array in of_set.tracks["a"])


@pytest.mark.parametrize("wrong", [{"excerpts": -1}, {"seconds": 0}, {"seconds": float("nan")}])
def test_arguments_out_of_range_are_refused_by_name(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name}={wrong[name]}"):
        TrackFrames(**wrong)
