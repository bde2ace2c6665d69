"""The pictures that a conversion takes: the same as of lists, but on the disk."""

from itertools import chain
from pathlib import PurePosixPath
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from poseline.data.picture_choice import choose

PART = st.text(st.characters(exclude_characters="\0/\\"), min_size=1, max_size=3).filter(
    lambda part: part.strip(".")
)
NAMES = st.lists(
    st.builds("/".join, st.lists(PART, min_size=1, max_size=3)), unique=True, max_size=12
)


def stems(names):
    """As lists in memory would have it."""
    taken = []
    for name in names:
        stem = PurePosixPath(name).stem
        if stem in taken:
            stem = str(PurePosixPath(name).with_suffix("")).replace("/", "_")
        while stem in taken:
            stem += "_"
        taken.append(stem)
    return taken


@given(NAMES, st.integers(1, 4))
def test_names_stems_and_both_orders_are_those_of_lists(names, parts):
    chosen = choose(SimpleNamespace(names=sorted(names)), 1.0)
    whole = list(zip(sorted(names), stems(sorted(names)), strict=True))
    assert list(chosen) == whole and len(chosen) == len(whole)
    assert [chosen[place] for place in range(len(whole))] == whole
    ordered = chosen.in_order_of_files()
    assert list(ordered) == sorted(whole, key=lambda each: f"{each[1]}.")
    size = -(-len(whole) // parts) or 1
    pieces = [ordered[start : start + size] for start in range(0, len(whole), size)]
    assert list(chain.from_iterable(pieces)) == list(ordered)


def test_a_share_is_of_the_pictures_with_persons_and_the_same_each_time():
    persons = {f"{number}.jpg": [1] * (number % 2) for number in range(40)}
    annotations = SimpleNamespace(
        names=sorted(persons), picture=lambda name: SimpleNamespace(persons=persons[name])
    )
    first, again = (list(choose(annotations, 0.25)) for _ in range(2))
    assert first == again and len(first) == 5
    assert all(persons[name] for name, _ in first)
    assert [name for name, _ in first] == sorted(name for name, _ in first)
