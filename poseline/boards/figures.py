"""What the figures of a benchmark are called wherever they are shown, and in which unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A figure of the benchmark: its label, unit, and digits after the point."""

    label: str
    unit: str = "KB"
    digits: int = 0

    def text(self, value: float) -> str:
        """Return a value with its unit."""
        return f"{value:,.{self.digits}f} {self.unit}".strip()


FIGURES: dict[str, Figure] = {
    "macc": Figure("multiply-accumulates (MACC)", ""),
    "flash_kb": Figure("flash, ST's runtime included (estimate)"),
    "ram_kb": Figure("RAM, runtime included"),
    "latency_ms_estimate": Figure("latency on the board (estimate)", "ms", 1),
    "host_ms_median": Figure("latency on this host, median (measured)", "ms", 2),
    "host_ms_p95": Figure("latency on this host, p95 (measured)", "ms", 2),
    "host_peak_mb": Figure("peak memory on this host (measured)", "MB"),
    "tflm_arena_kb": Figure("arena in TFLM (measured)", digits=1),
    "tflm_arena_head_kb": Figure("– its head: activations (measured)", digits=1),
    "tflm_arena_tail_kb": Figure("– its tail: structures, 64-bit (measured)", digits=1),
    "tflm_flash_kb": Figure("flash in TFLM: the whole file, without its kernels (measured)"),
    "cloud_ms": Figure("latency on the board (measured in ST's developer cloud)", "ms", 2),
    "cloud_macc": Figure("multiply-accumulates in ST's developer cloud", ""),
    "cloud_weights_kb": Figure("weights in ST's developer cloud"),
    "cloud_activations_kb": Figure("activations in ST's developer cloud"),
    "cloud_flash_kb": Figure("flash in ST's developer cloud"),
    "cloud_ram_kb": Figure("RAM in ST's developer cloud"),
    "cloud_rmse": Figure("RMSE of its C code against the model, on the board", "", 6),
    "stedgeai_macc": Figure("multiply-accumulates by ST Edge AI Core", ""),
    "stedgeai_weights_kb": Figure("weights by ST Edge AI Core"),
    "stedgeai_activations_kb": Figure("activations by ST Edge AI Core"),
    "stedgeai_flash_kb": Figure("flash by ST Edge AI Core"),
    "stedgeai_ram_kb": Figure("RAM by ST Edge AI Core"),
    "stedgeai_rmse": Figure("RMSE of its C code against the model, on this host", "", 6),
    "stedgeai_cosine": Figure("cosine of its C code and the model, on this host", "", 6),
}


def labelled(metrics: Mapping[str, float], summary: Mapping[str, Any]) -> dict[str, str]:
    """Return the label of each figure that was found, to its value with its unit."""
    source = summary.get("ram_source", "estimate")
    return {
        f"{figure.label} ({source})" if key == "ram_kb" else figure.label: figure.text(metrics[key])
        for key, figure in FIGURES.items()
        if key in metrics
    }


def remarks(summary: Mapping[str, Any]) -> dict[str, str]:
    """Return what a reader of the figures must know of them: subject to words."""
    subjects = {
        "latency_error": "error of the latency estimate",
        "ram_error": "RAM estimate",
        "flash_note": "flash",
        "tflm": "TFLM",
        "cloud_note": "ST's developer cloud",
        "verdict": "fit",
    }
    return {words: str(summary[key]) for key, words in subjects.items() if summary.get(key)}
