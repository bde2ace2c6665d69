"""Shares of a batch."""

import pytest

from poseline.data.share import WHOLE, Share


@pytest.mark.parametrize(("count", "workers"), [(8, 2), (7, 3), (5, 5), (64, 7), (3, 4)])
def test_parts_make_the_whole_in_order_and_differ_by_one_at_most(count, workers):
    things = list(range(count))
    parts = [things[Share(index, workers).part(count)] for index in range(workers)]
    assert [thing for part in parts for thing in part] == things
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert things[WHOLE.part(count)] == things
