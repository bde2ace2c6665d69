"""What TensorFlow keeps of the gradients of our own operations, and how it lets go of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tensorflow.python.framework import ops  # its registry has no public name

_OURS = "CustomGradient-"


@contextmanager
def gradients_forgotten() -> Iterator[None]:
    """Leave nothing of the graphs that are made inside, once nobody else refers to them.

    `tf.custom_gradient` registers the gradient of each operation of a graph for good, and with it
    the graph: 40 MB of each training, and a search trains many models. It is looked up while the
    graph's gradients are made, and not again.
    """
    registry = ops.gradient_registry
    before = set(registry.list())
    try:
        yield
    finally:
        for name in set(registry.list()) - before:
            if name.startswith(_OURS):
                del registry._registry[name]
