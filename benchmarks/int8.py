"""What int8 costs, and what brings it back: OKS of one model, quantized in several ways.

    python benchmarks/int8.py SET MODEL [MODEL ...]

SET is a converted set: pictures of its train/ calibrate and fine-tune, OKS is of its val/. The
models are those of benchmarks/recipes.py, or others of its preprocessing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

CALIBRATED = 200
WAYS: dict[str, dict[str, Any]] = {
    "per channel": {},
    "per channel, 10 pictures": {"pictures": 10},
    "per channel, 50 pictures": {"pictures": 50},
    "per channel, QAT": {"quantization_type": "QAT"},
    "per channel, int8 in and out": {
        "quantization_input_type": "int8",
        "quantization_output_type": "int8",
    },
    "per channel, float in": {"quantization_input_type": "float"},
    "per tensor": {"granularity": "per_tensor"},
    "per tensor, equalized": {"granularity": "per_tensor", "optimize": True},
    "per tensor, QAT": {"granularity": "per_tensor", "quantization_type": "QAT"},
}
"""`quantization` of each way, and how many pictures it takes; QAT takes those of `--pictures`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("set", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--pictures", type=int, default=2500, help="that QAT learns from")
    args = parser.parse_args()
    from poseline import log

    log.configure("WARNING")
    for model in args.models:
        with tempfile.TemporaryDirectory() as folder:
            compare(args, model, Path(folder))


def compare(args: argparse.Namespace, model: Path, folder: Path) -> None:
    """Print OKS and size of a model as float and as int8, and the seconds that each way takes."""
    from poseline.stages import evaluate, quantize

    train, val = args.set / "train", args.set / "val"
    there = len(list(train.glob("*.txt")))
    print(f"{model}, {len(list(val.glob('*.txt'))):,} pictures")
    first: float | None = None
    for number, (name, way) in enumerate({"float": None, **WAYS}.items()):
        path, seconds = model, "     -"
        if way is not None:
            settings, began = dict(way), time.perf_counter()
            learns = settings.get("quantization_type") == "QAT"
            pictures = settings.pop("pictures", args.pictures if learns else CALIBRATED)
            wanted = config(args.set, settings, min(pictures / there, 1))
            inputs = {"model": model, "calibration": train}
            path = quantize.run(wanted, inputs, folder / f"q{number}").files["model"]
            seconds = f"{time.perf_counter() - began:6.1f} s"
        wanted = config(args.set, {}, 1)
        found = evaluate.run(wanted, {"model": path, "test": val}, folder / f"e{number}")
        score = found.metrics["oks"]
        first = score if first is None else first
        size = path.stat().st_size / 1024
        print(f"  {name:30}{score:8.4f}{score - first:+9.4f}{size:8,.0f} KB {seconds}", flush=True)


def config(folder: Path, quantization: dict[str, Any], share: float) -> Any:
    from poseline.config.loading.load import check

    return check(
        {
            "general": {"global_seed": 0, "model_path": "given.h5"},
            "operation_mode": "chain_eqe",
            "dataset": {
                "keypoints": 13,
                "test_path": str(folder / "val"),
                "quantization_path": str(folder / "train"),
                "quantization_split": share,
            },
            "preprocessing": {"rescaling": {"scale": 1 / 127.5, "offset": -1}},
            "quantization": quantization,
        }
    )


if __name__ == "__main__":
    main()
