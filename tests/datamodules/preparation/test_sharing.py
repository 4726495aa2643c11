"""Every task once in each process, what nobody has done before what is done."""

import pytest

from datamodules.preparation.sharing import Share


@pytest.mark.parametrize("share", [Share(), Share(0, 3), Share(2, 3), Share(6, 7), Share(4, 20)])
def test_every_place_once(share):
    assert sorted(share.order(10, lambda place: place % 2 == 0)) == list(range(10))


def test_the_own_part_comes_first_then_what_is_left_then_what_is_done():
    asked = []

    def is_done(place):
        asked.append(place)
        return place % 4 == 0

    order = Share(1, 4).order(16, is_done)
    assert [next(order) for _ in range(4)] == [1, 5, 9, 13]
    assert not asked
    assert list(order) == [6, 7, 10, 11, 14, 15, 2, 3, 0, 4, 8, 12]
    assert sorted(asked) == [place for place in range(16) if place % 4 != 1]


def test_each_process_begins_at_another_place_of_what_is_left():
    order = {task: list(Share(task, 4).order(400, lambda _: False))[100] for task in range(4)}
    assert len(set(order.values())) == 4
