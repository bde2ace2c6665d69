"""What a candidate will cost on the board, before it is trained."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poseline.boards.estimate import Cost, cost, fit
from poseline.boards.graph import read_graph
from poseline.boards.table import board
from poseline.config.models.config import Config
from poseline.config.models.keypoints import count_of
from poseline.config.models.quantization import Quantization
from poseline.config.models.training import Model
from poseline.data.conversion_source import points_of_source
from poseline.data.set_points import points_of
from poseline.data.shards import samples_of
from poseline.runner.step import local_input


@dataclass
class Budget:
    """Estimates candidates; what two have in common is computed once."""

    _known: dict[str, Cost] = field(default_factory=dict)
    _sets: dict[str | None, int] = field(default_factory=dict)

    def refusal(self, config: Config) -> str:
        """Return why a candidate is not trained; empty where nothing is against it."""
        search, benchmarking = config.search, config.benchmarking
        model = config.training.model if config.training else None
        if search is None or benchmarking is None or model is None:
            return ""  # a model that is fine-tuned is the same in all trials
        found = fit(self._cost(config, model), board(benchmarking.board))
        costs, limits = self._cost(config, model), search.limits
        amounts = {
            "flash_kb": (costs.flash_kb, limits.flash_kb),
            "ram_kb": (costs.ram_kb, limits.ram_kb),
            "latency_ms": (found.latency_ms, limits.latency_ms),
        }
        over = [
            f"{name}: {amount:,.1f}, at most {most:,.1f}"
            for name, (amount, most) in amounts.items()
            if most is not None and amount > most
        ]
        if limits.board_fit and found.verdict == "no":
            over.append(f"{found.board}: {found.reason}")
        return "; ".join(over)

    def _cost(self, config: Config, model: Model) -> Cost:
        keypoints = self._keypoints(config)
        wanted = config.quantization or Quantization()
        key = json.dumps(
            [model.model_dump(mode="json"), keypoints, wanted.granularity], sort_keys=True
        )
        if key not in self._known:
            self._known[key] = cost(read_graph(_untrained(model, keypoints, wanted)))
        return self._known[key]

    def _keypoints(self, config: Config) -> int:
        """Return how many a trial's model will have: those of its set where the config is silent.

        Raises:
            PoselineError: The set is not there, or does not say.
        """
        dataset, source = config.dataset, config.conversion
        if dataset.keypoints is not None:
            return count_of(dataset.keypoints)
        place = source.path if source else dataset.training_path
        if place not in self._sets:
            folder = local_input(str(place))
            self._sets[place] = (
                len(points_of_source(folder, source.category))
                if source
                else len(points_of(folder, samples_of(folder)))
            )
        return self._sets[place]


def _untrained(model: Model, keypoints: int, wanted: Quantization) -> bytes:
    """Return a model with random weights as int8 .tflite: the same operations and sizes."""
    import numpy as np

    from poseline.models import movenet
    from poseline.quantization.source import Source
    from poseline.quantization.tflite_converter import TFLiteConverter

    random = np.random.default_rng(0)

    def pictures() -> Iterator[Any]:
        yield random.uniform(-1, 1, (1, *model.input_shape)).astype(np.float32)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "untrained.keras"
        movenet.build(model, keypoints).save(path)
        return TFLiteConverter().quantize(Source(path), pictures, wanted)
