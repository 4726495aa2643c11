"""The counts behind the melody metrics: added up over parts, processes and devices, kept out of checkpoints."""

import math
import multiprocessing

import pytest
import torch

from lightning_modules.metrics import MelodyMetrics

STATES = ("outcomes", "errors", "harmonics")


def random_track(seed, frames=200):
    generator = torch.Generator().manual_seed(seed)
    reference = 100 + 300 * torch.rand(frames, generator=generator)
    reference[torch.rand(frames, generator=generator) < 0.4] = 0
    estimate = reference.clamp(min=100) * (1 + 0.1 * torch.randn(frames, generator=generator)).clamp(min=0.1)
    return reference, estimate, torch.rand(frames, generator=generator)


def assert_same(scores, expected):
    assert scores.best_threshold() == expected.best_threshold()
    for threshold in (0.0, 0.5, 0.99):
        values = expected.per_track(threshold)
        assert all(
            torch.equal(v.nan_to_num(-1), values[n].nan_to_num(-1)) for n, v in scores.per_track(threshold).items()
        )


def filled(updates, tracks=4):
    metrics = MelodyMetrics(tracks)
    for track, arrays in updates:
        metrics.update(track, *arrays)
    return metrics


def score_a_share(rank, updates, folder):
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    scores = filled(updates[rank]).compute()
    torch.save([scores.best_threshold(), scores.per_track(0.5), scores.means(0.5)], folder / f"scores{rank}.pt")


def test_two_gloo_processes_give_the_numbers_of_one(tmp_path):
    """The second holds two tracks and the end of the first; none has seen the fourth."""
    tracks = [random_track(seed) for seed in range(3)]
    halves = [tuple(each[part] for each in tracks[0]) for part in (slice(70), slice(70, None))]
    updates = [[(0, halves[0])], [(0, halves[1]), (1, tracks[1]), (2, tracks[2])]]
    context = multiprocessing.get_context("fork")  # imports nothing anew
    ranks = [context.Process(target=score_a_share, args=(rank, updates, tmp_path)) for rank in range(2)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(60)
        rank.kill()
    assert [rank.exitcode for rank in ranks] == [0, 0]
    one = filled(enumerate(tracks)).compute()
    for rank in range(2):
        threshold, per_track, means = torch.load(tmp_path / f"scores{rank}.pt")
        assert threshold == one.best_threshold()
        assert means == pytest.approx(one.means(0.5), abs=1e-9)
        for name, values in one.per_track(0.5).items():
            assert per_track[name].tolist() == pytest.approx(values.tolist(), abs=1e-9, nan_ok=True), name


def test_parts_of_a_track_add_up():
    track = random_track(1)
    parts = [(2, tuple(a[start : start + 70] for a in track)) for start in range(0, 200, 70)]
    assert_same(filled(parts).compute(), filled([(2, track)]).compute())


def test_tracks_without_frames_are_left_out():
    empty = (torch.zeros(0),) * 3
    scores = filled([(2, random_track(1)), (0, empty)]).compute()
    values = scores.per_track(0.5)
    assert all(v.shape == (4,) and v.isnan().tolist() == [True, True, False, True] for v in values.values())
    assert scores.means(0.5) == {name: v[2].item() for name, v in values.items()}
    assert set(scores.undefined(0.5).values()) == {0}
    plain = MelodyMetrics(4, plain_mean=True)
    plain.update(2, *random_track(1))
    assert plain.compute().means(0.5) == scores.means(0.5)


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric")
def test_without_any_frame_there_is_no_best_threshold():
    scores = MelodyMetrics(2).compute()
    assert all(math.isnan(value) for value in scores.means(0.5).values())
    with pytest.raises(ValueError, match="no frame"):
        scores.best_threshold()


def test_scores_do_not_change_with_later_updates():
    metrics = filled([(0, random_track(1))])
    scores = metrics.compute()
    before = scores.per_track(0.5)
    metrics.update(0, *random_track(2))
    assert all(torch.equal(v.nan_to_num(-1), before[n].nan_to_num(-1)) for n, v in scores.per_track(0.5).items())
    assert metrics.compute().per_track(0.5)["overall_accuracy"][0] != before["overall_accuracy"][0]


def test_reset_starts_anew_also_across_inference_mode():
    metrics = filled([(0, random_track(1))])
    with torch.inference_mode():
        metrics.reset()
        metrics.update(1, *random_track(2))
    metrics.update(2, *random_track(3))
    assert_same(metrics.compute(), filled([(1, random_track(2)), (2, random_track(3))]).compute())


def test_counts_stay_out_of_checkpoints_and_in_float64():
    module = torch.nn.Module()
    module.metrics = filled([(0, random_track(1))])
    assert module.state_dict() == {}
    expected = module.metrics.compute()
    for cast in (module.half, module.float, module.bfloat16, lambda: module.to(torch.bfloat16)):
        cast()
        assert all(getattr(module.metrics, state).dtype == torch.float64 for state in STATES)
    module.metrics.update(0, *(torch.zeros(0),) * 3)
    assert_same(module.metrics.compute(), expected)


def test_counts_move_with_the_module():
    metrics = filled([(0, random_track(1))]).to("meta")
    states = [getattr(metrics, state) for state in STATES]
    assert all(state.device.type == "meta" and state.dtype == torch.float64 for state in states)
    metrics.reset()
    assert all(getattr(metrics, state).device.type == "meta" for state in STATES)


@pytest.mark.gpu
def test_the_gpu_gives_the_numbers_of_the_cpu():
    updates = [(track, random_track(track)) for track in range(4)]
    metrics = MelodyMetrics(4).cuda()
    for track, arrays in updates:
        metrics.update(track, *(a.cuda() for a in arrays))
    assert_same(metrics.compute(), filled(updates).compute())
