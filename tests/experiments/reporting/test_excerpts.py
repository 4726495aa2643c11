import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from callbacks.predictions.worst_window import worst_window
from experiments.reporting.excerpts import Excerpt, choose, tiles

errors = arrays.arrays(np.float64, st.integers(1, 60), elements=st.sampled_from([0.0, 1 / 3, 0.5, 1.0]))


@given(errors, st.integers(1, 70))
def test_tiles_cover_every_frame_once_and_one_is_the_worst_window(values, length):
    found = tiles(values, length)
    assert [frame for tile in found for frame in range(*tile)] == list(range(len(values)))
    worst = worst_window(values, length)
    assert Excerpt(worst.start, worst.stop) in found
    assert all(tile.last - tile.first <= length for tile in found)


def test_every_track_gets_its_worst_window_before_any_gets_a_second():
    tracks = {"bad": np.ones(40), "good": np.append(np.zeros(30), np.ones(10) / 2)}
    lengths = dict.fromkeys(tracks, 10)
    chosen = choose(tracks, lengths, lambda name, tile: 1.0, room=2.0)
    assert chosen == {"bad": [Excerpt(0, 10)], "good": [Excerpt(30, 40)]}
    third = choose(tracks, lengths, lambda name, tile: 1.0, room=3.0)
    assert third == {"bad": [Excerpt(0, 20)], "good": [Excerpt(30, 40)]}  # neighbours are joined


def test_a_long_track_comes_in_parts():
    [*parts] = choose({"long": np.ones(1000)}, {"long": 10}, lambda name, tile: 1.0, room=1000.0)["long"]
    assert [frame for part in parts for frame in range(*part)] == list(range(1000))
    assert max(part.last - part.first for part in parts) == 60


def test_what_has_no_room_is_left_out_and_what_is_smaller_follows():
    tracks = {"long": np.ones(100), "short": np.ones(5)}
    chosen = choose(tracks, {"long": 50, "short": 50}, lambda name, tile: float(tile.last - tile.first), room=20.0)
    assert chosen == {"long": [], "short": [Excerpt(0, 5)]}


@given(st.dictionaries(st.sampled_from("abcd"), errors, min_size=1), st.floats(0, 300))
def test_the_room_is_never_exceeded(tracks, room):
    lengths = dict.fromkeys(tracks, 7)
    chosen = choose(tracks, lengths, lambda name, tile: float(tile.last - tile.first), room)
    assert sum(last - first for of_track in chosen.values() for first, last in of_track) <= room
