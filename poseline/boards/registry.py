"""The benchmark backend that a config names; imported when it is used."""

from __future__ import annotations

from poseline.boards.base import Backend
from poseline.config.models.benchmarking import Backend as BackendName


def backend_for(name: BackendName) -> Backend:
    """Return a backend by its name in the config."""
    match name:
        case "host":
            from poseline.boards.host import Host

            return Host()
        case "estimate":
            from poseline.boards.estimate import Estimate

            return Estimate()
        case "tflm":
            from poseline.boards.tflm import Tflm

            return Tflm()
        case "stedgeai":
            from poseline.boards.stedgeai import StEdgeAi

            return StEdgeAi()
        case "cloud":
            from poseline.boards.cloud.backend import Cloud

            return Cloud()
