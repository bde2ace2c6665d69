"""The parts of report.html about the model that is deployed: int8, layers, code, boards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poseline.boards.layers import GRAPHS, read_layers
from poseline.names import TFLM_ARENA_KB
from poseline.number_format import format_number
from poseline.report.page import Page
from poseline.store.manifest import Manifest


def add_quantization(page: Page, manifest: Manifest) -> None:
    """Add how the model was quantized, its ends, and its worst layers."""
    page.heading("Quantization")
    summary = manifest.summary
    page.text(f"{summary.get('quantizer')}, {summary.get('granularity')}.")
    if not summary.get("calibrated"):
        page.note("Calibrated on random data: the accuracy of the int8 model says nothing.")
    ends = [
        [end, tensor["dtype"], tensor["scale"], tensor["zero_point"]]
        for end in ("input", "output")
        for tensor in summary.get(end, [])
    ]
    if ends:
        page.table(
            ["tensor", "type", "scale", "zero point"],
            ends,
            "Input and output: real value = scale · (value − zero point)",
        )
    rows: list[list[Any]] = [
        [layer["name"], layer["sqnr_db"], layer["max_error"], layer["range"]]
        for layer in summary.get("worst_layers", [])
    ]
    if rows:
        page.table(
            ["layer", "SQNR, dB", "largest error", "range"],
            rows,
            "Worst layers, by signal to quantization noise; higher is better",
        )


def add_layers(page: Page, folders: Mapping[str, Path], manifests: Mapping[str, Manifest]) -> None:
    """Add the layers of the model that is deployed; those of a Keras model `summary` lists."""
    manifest = manifests.get("quantize")
    name = manifest.roles.get("model", "") if manifest else ""
    if Path(name).suffix.lower() not in GRAPHS:
        return
    rows = [
        [
            layer.number,
            layer.name,
            layer.kind,
            " × ".join(map(str, layer.shape)),
            layer.parameters,
            math.nan if layer.macc is None else layer.macc,
        ]
        for layer in read_layers(folders["quantize"] / name)
    ]
    page.heading("Layers")
    page.table(
        ["no.", "output", "operation", "shape", "parameters", "MACC"],
        rows,
        summary=f"The {len(rows)} operations of {name}",
    )


def add_export(page: Page, manifest: Manifest) -> None:
    """Add what the firmware gets."""
    page.heading("Onto the board")
    metrics, summary = manifest.metrics, manifest.summary
    page.text(
        f"{summary['folder']}.zip holds the model with C99 code around it, for TensorFlow Lite "
        "Micro and ST Edge AI Core, and a self-test. No board was flashed."
    )
    rows = [
        ["input", summary["input"]],
        ["output", summary["output"]],
        ["heatmaps are read by", summary["decoding"]],
        ["model, KB", metrics["model_kb"]],
        ["arena in TFLM, KB (measured)", metrics[TFLM_ARENA_KB]],
        ["operators", ", ".join(summary["operators"])],
        ["sha256 of the model", summary["sha256"]],
    ]
    page.table(["of the export", "value"], rows, "What the firmware gets")


def add_boards(page: Page, folder: Path, manifest: Manifest) -> None:
    """Add the estimates of all boards."""
    boards = manifest.summary.get("boards", [])
    if not boards:
        return
    page.heading("Boards")
    source = manifest.summary.get("ram_source", "estimate")
    page.text(
        f"Flash and latency are estimates; RAM: {source}. The range of a latency is its error: the "
        "largest factor between the estimate and a published time that it was not calibrated on. "
        "What is left is of the chip's own memory; below zero, that much is missing there, and the "
        "external memory of the board has to hold it, or the model does not fit.",
        muted=True,
    )
    rows = [
        [
            b["board"],
            b["verdict"],
            b["flash_margin_kb"],
            b["ram_margin_kb"],
            b["latency_ms"],
            f"{format_number(b['latency_low_ms'])} – {format_number(b['latency_high_ms'])}",
            b.get("core", ""),
            b["reason"],
        ]
        for b in boards
    ]
    page.table(
        ["board", "fit", "flash left, KB", "RAM left, KB", "ms", "range, ms", "core", "why"],
        rows,
        "All boards",
    )
    if "boards" in manifest.roles:
        page.picture(
            folder / manifest.roles["boards"],
            "Latency on each board with its error; the table above has the same numbers",
        )
