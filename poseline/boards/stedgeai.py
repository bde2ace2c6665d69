"""Flash, RAM and multiply-accumulates as ST Edge AI Core's command line computes them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from poseline.boards.base import Finding
from poseline.boards.table import BoardFacts, board
from poseline.config.models.config import Config
from poseline.errors import BackendError
from poseline.log import get_logger

_log = get_logger(__name__)
_LIMIT_S = 900
_REMEDY = "set tools.stedgeai.path_to_stedgeai to the stedgeai executable, or put it on the PATH"


class StEdgeAi:
    """The local `stedgeai` tool: it generates the C model for the board's series and reports."""

    takes: tuple[str, ...] = (".tflite", ".onnx")

    def measure(self, model: Path, config: Config) -> Finding:
        """See `Backend.measure`; the tool does not tell the time of an inference."""
        if config.benchmarking is None:
            raise ValueError("the config has no benchmarking")
        settings, facts = config.tools.stedgeai, board(config.benchmarking.board)
        tool = _executable(settings.path_to_stedgeai)
        version = _version(tool)
        if not version.startswith(settings.version):
            _log.warning("another version of the tool", asked=settings.version, found=version)
        with tempfile.TemporaryDirectory() as folder:
            command = [
                tool,
                "generate",
                "--target",
                _series(facts),
                "--model",
                str(model.resolve()),
                "--optimization",
                settings.optimization,
                "--allocate-inputs",
                "--allocate-outputs",
                "--name",
                "network",
                "--verbosity",
                "0",
                "--output",
                folder,
                "--workspace",
                folder,
                *(["--st-neural-art"] if _series(facts) == "stm32n6" else []),
            ]
            _run(command)
            return Finding(_figures(Path(folder)), {"stedgeai_version": version})


def _executable(path: str | None) -> str:
    found = shutil.which(path or "stedgeai")
    if found is None:
        name = path or "stedgeai"
        raise BackendError(f"tools.stedgeai: {name} is not an executable file", _REMEDY)
    return found


def _series(facts: BoardFacts) -> str:
    """Return the tool's name of a chip's series, such as stm32h7."""
    if facts.is_processor:
        raise BackendError(
            f"{facts.name} runs Linux: its models are not compiled to C, so stedgeai has no "
            "footprint for it",
            "use the backends estimate and host",
        )
    return facts.part[:7].lower()


def _version(tool: str) -> str:
    """Return the version that the tool prints, as in `ST Edge AI Core v2.0.0-20049`."""
    words = _run([tool, "--version"]).replace("\n", " ").split()
    versions = [word.lstrip("v") for word in words if word.lstrip("v")[:1].isdigit()]
    return versions[0] if versions else "unknown"


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
            text=True,
            errors="replace",
            env=os.environ | {"NO_COLOR": "1"},
        )
    except subprocess.TimeoutExpired:
        raise BackendError(f"{command[0]} took over {_LIMIT_S} s") from None
    except OSError as error:
        raise BackendError(f"{command[0]} cannot be run: {error.strerror}", _REMEDY) from None
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        shown = " ".join([line for line in said if "error" in line.lower()] or said[-1:])
        raise BackendError(f"{command[0]} refused the model: {shown or done.returncode}")
    return done.stdout


def _figures(folder: Path) -> dict[str, float]:
    """Read the tool's report: `network_c_info.json` of newer ones, else `network_report.json`."""
    for name, read in (("network_c_info.json", _newer), ("network_report.json", _older)):
        path = folder / name
        if path.is_file():
            try:
                return read(json.loads(path.read_text(encoding="utf-8")))
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise BackendError(
                    f"{name} of stedgeai does not read as expected: {type(error).__name__} {error}",
                    "use a version of the tool from 2.0 on",
                ) from None
    raise BackendError("stedgeai wrote no report", "use a version of the tool from 2.0 on")


def _newer(report: dict[str, Any]) -> dict[str, float]:
    memory = report["memory_footprint"]
    figures = {
        "stedgeai_macc": sum(node["macc"] for node in report["graphs"][0]["nodes"]),
        "stedgeai_weights_kb": memory["weights"] / 1024,
        "stedgeai_activations_kb": memory["activations"] / 1024,
    }
    if "kernel_flash" in memory:
        figures["stedgeai_flash_kb"] = (memory["weights"] + memory["kernel_flash"]) / 1024
        figures["stedgeai_ram_kb"] = (memory["activations"] + memory["kernel_ram"]) / 1024
    return {name: float(value) for name, value in figures.items()}


def _older(report: dict[str, Any]) -> dict[str, float]:
    ram = report["ram_size"]
    return {
        "stedgeai_macc": float(report["rom_n_macc"]),
        "stedgeai_weights_kb": int(report["rom_size"]) / 1024,
        "stedgeai_activations_kb": int(ram[0] if isinstance(ram, list) else ram) / 1024,
    }
