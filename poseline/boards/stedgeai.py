"""Flash, RAM and multiply-accumulates as ST Edge AI Core's command line computes them."""

from __future__ import annotations

import json
import os
import re
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
_VALIDATED = re.compile(r"^\s*Output\s+(acc\s+.*)$", re.MULTILINE)
_CROSS = re.compile(r"^\s*X-cross #1\s+(.*)$", re.MULTILINE)
_REMEDY = "set tools.stedgeai.path_to_stedgeai to the stedgeai executable, or put it on the PATH"


class StEdgeAi:
    """The local `stedgeai` tool: it analyzes the model, generates its C code and validates that.

    No board is connected: the tool validates the C code on this machine.
    """

    takes: tuple[str, ...] = (".tflite", ".onnx")

    def measure(self, model: Path, config: Config) -> Finding:
        """See `Backend.measure`; the tool does not report the time of an inference."""
        if config.benchmarking is None:
            raise ValueError("the config has no benchmarking")
        settings, facts = config.tools.stedgeai, board(config.benchmarking.board)
        tool = _executable(settings.path_to_stedgeai)
        version = _version(tool)
        if not version.startswith(settings.version):
            _log.warning("another version of the tool", asked=settings.version, found=version)
        with tempfile.TemporaryDirectory() as folder:
            asked = _options(model, series(facts), settings.optimization, folder)
            _run([tool, "analyze", *asked])
            _run([tool, "generate", *asked, "--allocate-inputs", "--allocate-outputs"])
            found = _figures(Path(folder))
            found |= _validated([tool, "validate", *asked, "--mode", "host"])
            return Finding(found, {"stedgeai_version": version})


def series(facts: BoardFacts) -> str:
    """Return the tool's name of a chip's series, such as stm32h7.

    Raises:
        BackendError: The board is not programmed in C.
    """
    if facts.is_processor:
        raise BackendError(
            f"{facts.name} runs Linux: its models are not compiled to C, so stedgeai has no "
            "footprint for it",
            "use the backends estimate and host",
        )
    return facts.part[:7].lower()


def _options(model: Path, target: str, optimization: str, folder: str) -> list[str]:
    """Return what all commands of the tool are given."""
    options = {
        "--target": target,
        "--model": str(model.resolve()),
        "--optimization": optimization,
        "--name": "network",
        "--verbosity": "0",
        "--output": folder,
        "--workspace": folder,
    }
    neural = ["--st-neural-art"] if target == "stm32n6" else []
    return [word for option in options.items() for word in option] + neural


def _executable(path: str | None) -> str:
    found = shutil.which(path or "stedgeai")
    if found is None:
        name = path or "stedgeai"
        raise BackendError(f"tools.stedgeai: {name} is not an executable file", _REMEDY)
    return found


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


def _validated(command: Sequence[str]) -> dict[str, float]:
    """Return how the C code compares with the model; nothing where the tool does not know.

    The tool compiles the code with a compiler of this machine, which there may not be; its other
    figures hold all the same.
    """
    try:
        said = _run(command)
    except BackendError as error:
        _log.warning("the C code is not validated", reason=error.message)
        return {}
    head = _VALIDATED.search(said)
    row = _CROSS.search(said)
    if not head or not row:
        _log.warning("the C code is not validated", reason="stedgeai printed no X-cross row")
        return {}
    figures = dict(zip(head[1].split(), row[1].split(), strict=False))
    wanted = {"rmse": "stedgeai_rmse", "cos": "stedgeai_cosine"}
    numbers = {name: _number(figures.get(key)) for key, name in wanted.items()}
    return {name: number for name, number in numbers.items() if number is not None}


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:  # n.a.
        return None


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
