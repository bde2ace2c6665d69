from hypothesis import given
from hypothesis import strategies as st

from poseline.boards.arena import Buffer, plan

buffers = st.lists(
    st.builds(
        lambda size, first, length: Buffer(size * 16, first, first + length),
        st.integers(1, 40),
        st.integers(0, 12),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=25,
)


@given(buffers)
def test_buffers_that_live_at_once_do_not_overlap(many):
    offsets = plan(many)
    for i, one in enumerate(many):
        for j, other in enumerate(many[:i]):
            if one.overlaps(other):
                assert offsets[i] + one.size <= offsets[j] or offsets[j] + other.size <= offsets[i]


@given(buffers)
def test_the_arena_lies_between_its_bounds(many):
    top = max(o + b.size for o, b in zip(plan(many), many, strict=True))
    moments = range(max(b.last for b in many) + 1)
    needed = max(sum(b.size for b in many if b.first <= t <= b.last) for t in moments)
    assert needed <= top <= sum(b.size for b in many)


def test_memory_is_used_again():
    assert plan([Buffer(64, 0, 1), Buffer(32, 2, 3), Buffer(32, 2, 3)]) == [0, 0, 32]
