"""The plan of the activation memory, as TensorFlow Lite Micro makes it."""

from __future__ import annotations

from dataclasses import dataclass

from poseline.boards.graph import Graph

ALIGNMENT = 16
"""Bytes; TFLM's MicroArenaBufferAlignment."""


@dataclass(frozen=True)
class Buffer:
    """A tensor in memory: bytes, and the first and last operation that need it."""

    size: int
    first: int
    last: int

    def overlaps(self, other: Buffer) -> bool:
        """Whether both are needed at once."""
        return self.first <= other.last and other.first <= self.last


def lifetimes(graph: Graph) -> list[Buffer]:
    """Return the buffers of the tensors that are not constant.

    Inputs live from the start to their last reader, outputs from their writer to the end.
    """
    end = len(graph.operations)
    first: dict[int, int] = dict.fromkeys(graph.inputs, 0)
    last: dict[int, int] = {}
    for step, operation in enumerate(graph.operations):
        for index in operation.inputs:
            last[index] = step
        for index in operation.outputs:
            first.setdefault(index, step)
            last.setdefault(index, step)
    last |= dict.fromkeys(graph.outputs, end)
    return [
        Buffer(-(-graph.tensors[index].size // ALIGNMENT) * ALIGNMENT, start, last.get(index, end))
        for index, start in first.items()
        if not graph.tensors[index].constant
    ]


def plan(buffers: list[Buffer]) -> list[int]:
    """Place buffers such that those needed at once do not overlap.

    The greedy planner of TFLM (greedy_memory_planner.cc): by falling size, each into the lowest
    gap among the placed buffers that live at the same time.

    Returns:
        The offset in bytes of each buffer.
    """
    order = sorted(range(len(buffers)), key=lambda i: (-buffers[i].size, buffers[i].first))
    offsets: dict[int, int] = {}
    for index in order:
        buffer, place = buffers[index], 0
        rivals = sorted((offsets[i], i) for i in offsets if buffers[i].overlaps(buffer))
        for start, rival in rivals:
            if place + buffer.size <= start:
                break
            place = max(place, start + buffers[rival].size)
        offsets[index] = place
    return [offsets[index] for index in range(len(buffers))]


def arena_bytes(graph: Graph) -> int:
    """Return the bytes that the activations of a model need at once, by this plan."""
    buffers = lifetimes(graph)
    ends = [o + b.size for o, b in zip(plan(buffers), buffers, strict=True)]
    return max(ends, default=0)
