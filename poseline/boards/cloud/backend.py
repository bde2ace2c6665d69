"""The benchmark backend that has a model measured on a real board of ST's board farm."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poseline.answers import Answer, read_as
from poseline.boards.base import Finding
from poseline.boards.cloud import answers
from poseline.boards.cloud.account import find_account, find_servers
from poseline.boards.cloud.service import Patience, Service
from poseline.boards.cloud.sign_in import sign_in
from poseline.boards.stedgeai import series
from poseline.boards.table import BoardFacts, board
from poseline.config.models.benchmarking import StEdgeAi
from poseline.config.models.config import Config
from poseline.errors import BackendError
from poseline.log import get_logger

_log = get_logger(__name__)
REPORT, CODE = "cloud_report.json", "cloud_network.zip"
_CORES = {"STM32MP257F-EV1": 2, "STM32MP157F-DK2": 2, "STM32MP135F-DK": 1}
_NOTE = (
    "measured on a board of ST's developer cloud. poseline's client was tested against a double of "
    "the protocol, and not against the service"
)


class Cloud:
    """ST Edge AI Developer Cloud.

    Args:
        patience: How long to wait for it.
    """

    takes: tuple[str, ...] = (".tflite", ".onnx")

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()

    def measure(self, model: Path, config: Config) -> Finding:
        """See `Backend.measure`. The model is uploaded, and removed at the end."""
        if config.benchmarking is None:
            raise ValueError("the config has no benchmarking")
        facts, settings = board(config.benchmarking.board), config.tools.stedgeai
        account, servers = find_account(), find_servers()
        service = Service(servers.cloud, sign_in(servers, account), self._patience)
        try:
            return _measured(service, model, facts, settings)
        finally:
            service.close()


def _measured(service: Service, model: Path, facts: BoardFacts, settings: StEdgeAi) -> Finding:
    if facts.name not in (known := service.boards()):
        raise BackendError(
            f"ST's developer cloud has no {facts.name} now", f"it has {', '.join(known) or 'none'}"
        )
    version = _version(service.versions(), settings.version, facts)
    content = model.read_bytes()
    # The name is the content's: nothing else of the user's is replaced or removed.
    name = f"poseline-{hashlib.sha256(content).hexdigest()[:16]}{model.suffix.lower()}"
    service.upload(name, content)
    try:
        asked = _asked(name, version.version, facts, settings)
        progress = service.benchmark(facts.name, asked, linux=facts.is_processor)
        files: dict[str, bytes] = {REPORT: json.dumps(progress.benchmark, indent=1).encode()}
        if not facts.is_processor:
            files |= _code(service, version.version, asked)
    finally:
        _remove(service, name)
    metrics, device = _linux(progress) if facts.is_processor else _microcontroller(progress)
    summary = {"cloud_version": version.version, "cloud_device": device, "cloud_note": _NOTE}
    return Finding(metrics, summary, files)


def _version(versions: list[answers.Version], wanted: str, facts: BoardFacts) -> answers.Version:
    """Return the version that is asked for, or else the latest one."""
    platform = "stm32mpu" if facts.is_processor else "stm32"
    for one in versions:
        if wanted in (one.version, one.platform.get(platform)):
            return one
    latest = next((one for one in versions if one.isLatest), None)
    if latest is None:
        raise BackendError("ST's developer cloud names no version of ST Edge AI Core")
    found = latest.platform.get(platform, latest.version)
    _log.warning("another version of the tool in the cloud", asked=wanted, found=found)
    return latest


def _asked(name: str, version: str, facts: BoardFacts, settings: StEdgeAi) -> dict[str, Any]:
    if facts.is_processor:
        cores = _CORES[facts.name]
        engine = "hw_accelerator" if facts.name == "STM32MP257F-EV1" else "cpu"
        return {"model": name, "version": version, "engine": engine, "nbCores": cores}
    asked: dict[str, Any] = {
        "model": name,
        "version": version,
        "allocateInputs": True,
        "allocateOutputs": True,
        "optimization": settings.optimization,
        "target": series(facts),
        "fromModel": "poseline",
    }
    if series(facts) == "stm32n6":
        asked |= {"stNeuralArt": "default", "atonnOptions": {"enable-epoch-controller": True}}
    return asked


def _microcontroller(progress: answers.Progress) -> tuple[dict[str, float], str]:
    found = _read(answers.Measured, progress.benchmark)
    info, graph = found.info, found.info.graphs[0]
    mapped: Mapping[str, Any] = progress.memoryMapping or {}
    memory = info.memory_footprint
    if "memoryFootprint" in mapped:
        memory = _read(answers.Footprint, mapped["memoryFootprint"])
    spent = graph.exec_time or (found.graph and found.graph.exec_time)
    if not spent:
        raise BackendError("ST's developer cloud measured no time of an inference")
    flash = memory.weights + memory.kernel_flash + memory.extra_flash + memory.toolchain_flash
    ram = memory.activations + memory.kernel_ram + memory.extra_ram + memory.toolchain_ram
    metrics = {
        "cloud_ms": spent.duration_ms,
        "cloud_macc": float(sum(node.macc for node in graph.nodes)),
        "cloud_weights_kb": memory.weights / 1024,
        "cloud_activations_kb": memory.activations / 1024,
        "cloud_flash_kb": flash / 1024,
        "cloud_ram_kb": ram / 1024,
    }
    errors = [one.rmse for one in info.validation.val_metrics if one.rmse is not None]
    if errors:
        metrics["cloud_rmse"] = errors[0]
    return metrics, info.environment.device


def _linux(progress: answers.Progress) -> tuple[dict[str, float], str]:
    found = _read(answers.MeasuredLinux, progress.benchmark)
    metrics = {
        "cloud_ms": found.exec_time.duration_ms,
        "cloud_flash_kb": found.model_size / 1024,
        "cloud_ram_kb": found.ram_peak / 1024,
    }
    return metrics, found.board


def _read(kind: type[Answer], content: Any) -> Answer:
    try:
        return read_as(kind, content)
    except ValueError as error:
        raise BackendError(
            f"the report of ST's developer cloud does not read as expected: {error}",
            "the cloud's API may have changed since poseline was made",
        ) from None


def _code(service: Service, version: str, asked: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the C code; nothing where the cloud makes none: the figures hold all the same."""
    try:
        return {CODE: service.generate(version, asked)}
    except BackendError as error:
        _log.warning("the cloud's C code is not here", reason=error.message)
        return {}


def _remove(service: Service, name: str) -> None:
    try:
        service.delete(name)
    except BackendError as error:
        _log.warning("the model is still in the cloud", model=name, reason=error.message)
