"""A runtime that is held against another one while it works."""

from __future__ import annotations

from typing import Any

import numpy as np

from poseline.runtime.base import Runtime

Array = np.ndarray[Any, Any]


class ComparedRuntime:
    """A model in one runtime, whose outputs are compared with those of another.

    Attributes:
        largest_difference: The largest one between two values of an output so far.
    """

    def __init__(self, runtime: Runtime, reference: Runtime) -> None:
        self._runtime, self._reference = runtime, reference
        self.format, self.metadata = runtime.format, runtime.metadata
        self.input_shape, self.input_dtype = runtime.input_shape, runtime.input_dtype
        self.output_shapes, self.output_dtype = runtime.output_shapes, runtime.output_dtype
        self.takes_pixels = runtime.takes_pixels
        self.largest_difference = 0.0

    def predict(self, images: Array) -> list[Array]:
        """See `Runtime.predict`."""
        found = self._runtime.predict(images)
        for ours, theirs in zip(found, self._reference.predict(images), strict=True):
            difference = float(np.abs(ours - theirs).max(initial=0.0))
            self.largest_difference = max(self.largest_difference, difference)
        return found
