"""Run directories as a chain leaves them, made in milliseconds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from poseline.runner.chain import CONFIG, REPORT
from poseline.store.manifest import Manifest, entries, sha256_of, write_atomic
from poseline.store.stamp import HTML, YAML, write_stamped

STEPS = ("train", "evaluate-float", "quantize", "evaluate-int8", "benchmark")
CREATED = "2026-01-31T12:00:00+00:00"


def run_directory(
    folder: Path,
    *,
    steps: Iterable[str] = STEPS,
    oks: float = 0.5,
    latency: float = 36.4,
    board: str = "STM32H747I-DISCO",
    test: str = "7ad581b4",
    keypoints: tuple[str, ...] = ("nose", "left_eye"),
    alpha: float = 0.35,
) -> Path:
    """Write a run directory of chain_tqeb.

    Args:
        folder: To make.
        steps: Those that finished.
        oks: Of the int8 model; the float model has 0.02 more.
        latency: Estimate in ms.
        board: Name of the board.
        test: Hash of the test set.
        keypoints: Names of what was measured.
        alpha: Width of the model.
    """
    config = (
        "general:\n  project_name: people\noperation_mode: chain_tqeb\n"
        f"training:\n  model:\n    alpha: {alpha}\nhydra:\n  run:\n    dir: {folder}\n"
    )
    folder.mkdir(parents=True)
    write_stamped(folder / CONFIG, config, YAML)
    done, models = set(steps), folder / "saved_models"
    model, quantized = models / "best_model.h5", models / "quantized_models" / "model.tflite"
    for path, content in ((model, b"float"), (quantized, b"int8")):
        write_atomic(path, content + str(folder).encode())
    hashes = {"evaluate-float": sha256_of(model), "evaluate-int8": sha256_of(quantized)}
    if "train" in done:
        _finish(models, "train", model=model, metrics={"val_oks": oks + 0.03})
    if "quantize" in done:
        _finish(quantized.parent, "quantize", model=quantized)
    for step, gain in (("evaluate-float", 0.02), ("evaluate-int8", 0.0)):
        if step in done:
            Manifest(
                "evaluate",
                "c",
                inputs={"model": hashes[step], "test": test},
                metrics={"oks": oks + gain},
                summary={"pictures": 8, "oks_per_keypoint": dict.fromkeys(keypoints, oks)},
                created=CREATED,
            ).write(folder / "evaluation" / step.removeprefix("evaluate-"))
    if "benchmark" in done:
        figures = {"flash_kb": 601.0, "ram_kb": 90.0, "latency_ms_estimate": latency, "fits": 1.0}
        Manifest(
            "benchmark",
            "c",
            inputs={"model": hashes["evaluate-int8"]},
            metrics=figures,
            summary={"board": board},
            created=CREATED,
        ).write(folder / "benchmark")
        write_stamped(folder / REPORT, "<html></html>\n", HTML)
    return folder


def _finish(
    folder: Path, stage: str, *, model: Path, metrics: dict[str, float] | None = None
) -> None:
    files, roles = entries(folder, [model.name]), {"model": model.name}
    Manifest(stage, "c", files=files, roles=roles, metrics=metrics or {}, created=CREATED).write(
        folder
    )
