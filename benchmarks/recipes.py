"""Training recipes on the same pictures: OKS of float and of int8, with the spread over seeds.

    python benchmarks/recipes.py COCO_FOLDER --pictures 3000 --side 128 --epochs 20 --seeds 3

Without a folder the set is drawn. A run that is done is not made again, so that a comparison can
be interrupted and be added to; `--only NAME` runs some of the recipes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, get_args

from poseline.config.models.training import Preset

ROTATION = {"random_rotation": {"factor": 0.1, "fill_mode": "constant"}}
AUGMENTATION = [
    {"random_contrast": {"factor": 0.4}},
    {"random_brightness": {"factor": 0.3}},
    {"random_flip": {"mode": "horizontal"}},
    ROTATION,
]


def cosine(rate: float, epochs: int) -> dict[str, Any]:
    """Warm up for one epoch, then fall along half a cosine to a hundredth."""
    settings = {"max_lr": rate, "initial_lr": rate / 10, "end_lr": rate / 100}
    steps = {"warmup_steps": 1, "hold_steps": 0, "decay_steps": max(epochs - 1, 1)}
    return {"LRWarmupCosineDecay": settings | steps}


def plateau(factor: float, patience: int) -> dict[str, Any]:
    return {"ReduceLROnPlateau": {"monitor": "val_loss", "factor": factor, "patience": patience}}


def softmax(rate: float, epochs: int, **heatmaps: Any) -> dict[str, Any]:
    return {
        "model": {"final_activation": "softmax"},
        "heatmaps": {"target": "gaussian"} | heatmaps,
        "optimizer": {"AdamW": {"weight_decay": 0.01}},
        "callbacks": cosine(rate, epochs),
    }


def recipes(epochs: int) -> dict[str, dict[str, Any]]:
    """Return `training` and `data_augmentation` by the name of the recipe."""
    sigmoid = {"model": {"final_activation": "sigmoid"}}
    moved = [
        *AUGMENTATION,
        {"random_zoom": {"width_factor": 0.2}},
        {"random_translation": {"width_factor": 0.1, "height_factor": 0.1}},
    ]
    return {
        **{name: {"preset": name} for name in get_args(Preset)},
        "document": sigmoid
        | {"optimizer": {"Adam": {"learning_rate": 1e-3}}, "callbacks": plateau(0.5, 10)},
        "softmax 2e-3": softmax(2e-3, epochs),
        "softmax 1e-2": softmax(1e-2, epochs),
        "softmax one-hot": softmax(5e-3, epochs, target="one_hot"),
        "softmax sigma 1.5": softmax(5e-3, epochs, sigma=1.5),
        "softmax moved": softmax(5e-3, epochs) | {"data_augmentation": moved},
        "sigmoid cosine": sigmoid
        | {"optimizer": {"AdamW": {"weight_decay": 0.01}}, "callbacks": cosine(2e-3, epochs)},
    }


def config(args: argparse.Namespace, recipe: dict[str, Any], seed: int, out: Path) -> Any:
    from poseline.config.loading.load import check

    given = {} if "preset" in recipe else {"data_augmentation": AUGMENTATION}
    training = given | recipe
    augmentation = {k: training.pop(k) for k in given}
    training["model"] = training.get("model", {}) | {
        "alpha": args.alpha,
        "input_shape": [args.side, args.side, 3],
        "pretrained_weights": None,
    }
    return check(
        {
            "general": {"global_seed": seed, "project_name": out.name},
            "operation_mode": "chain_tqe",
            "dataset": {
                "keypoints": 13,
                "training_path": str(args.set / "train"),
                "validation_path": str(args.set / "val"),
                "test_path": str(args.set / "val"),
                "quantization_path": str(args.set / "train"),
                "quantization_split": min(200 / args.pictures, 1.0),
                "fraction": args.fraction,
            },
            "preprocessing": {"rescaling": {"scale": 1 / 127.5, "offset": -1}},
            **augmentation,
            "training": {"batch_size": args.batch, "epochs": args.epochs} | training,
            "quantization": {"quantizer": "TFlite_converter"},
            "hydra": {"run": {"dir": str(out)}},
        }
    )


def run(args: argparse.Namespace, name: str, seed: int) -> None:
    """Train, quantize both ways, evaluate all three, and write the figures."""
    from poseline import log
    from poseline.stages import evaluate, quantize, train

    log.configure("INFO")
    out = args.out / f"{name.replace(' ', '_')}-{seed}"
    wanted = config(args, recipes(args.epochs)[name], seed, out)
    train_set, held_out = args.set / "train", args.set / "val"
    started = time.perf_counter(), time.process_time()
    trained = train.run(wanted, {"training": train_set, "validation": held_out}, out / "train")
    figures: dict[str, float] = {
        "wall": time.perf_counter() - started[0],
        "cpu": time.process_time() - started[1],
        "val_oks": trained.metrics["val_oks"],
    }
    model = trained.files["model"]

    def score(path: Path, kind: str) -> None:
        result = evaluate.run(wanted, {"model": path, "test": held_out}, out / f"eval_{kind}")
        figures[kind] = result.metrics["oks"]

    score(model, "float")
    for kind in ("per_channel", "per_tensor"):
        quantization = wanted.quantization.model_copy(update={"granularity": kind})
        ours = wanted.model_copy(update={"quantization": quantization})
        made = quantize.run(ours, {"model": model, "calibration": train_set}, out / kind)
        score(made.files["model"], kind)
    (out / "figures.json").write_text(json.dumps(figures))


def prepare(args: argparse.Namespace) -> Path:
    """Convert the pictures once; `dataset.fraction` takes as many as were asked for."""
    command = [sys.executable, "-m", "poseline", "dataset"]
    source = args.folder
    if source is None:
        source = args.out / "drawn"
        if not source.exists():
            drawn = ["--train", str(args.pictures), "--val", str(args.pictures // 6)]
            subprocess.run([*command, "synthesize", str(source), *drawn], check=True)
    made: Path = args.out / "sets" / "single" / "13kpts"
    if not made.exists():
        places = ["--path", str(source), "--outputdir", str(args.out / "sets")]
        subprocess.run([*command, "convert", "--keypoints", "13", *places], check=True)
    return made


def show(args: argparse.Namespace) -> None:
    kinds = ("val_oks", "float", "per_channel", "per_tensor", "wall", "cpu")
    print(f"{'recipe':20} seeds " + " ".join(f"{kind:>16}" for kind in kinds))
    for name in recipes(args.epochs):
        runs = sorted(args.out.glob(f"{name.replace(' ', '_')}-*/figures.json"))
        found = [json.loads(path.read_text()) for path in runs]
        if not found:
            continue
        cells = []
        for kind in kinds:
            values = [figures[kind] for figures in found]
            spread = stdev(values) if len(values) > 1 else 0.0
            digits = 0 if kind in ("wall", "cpu") else 4
            cells.append(f"{fmean(values):8.{digits}f} ±{spread:6.{digits}f}")
        print(f"{name:20} {len(found):5} " + " ".join(f"{cell:>16}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="a COCO set of pictures of one person")
    parser.add_argument("--out", type=Path, default=Path("recipes"))
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--alpha", type=float, default=0.35)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--one", nargs=2, metavar=("RECIPE", "SEED"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.out = args.out.resolve()
    args.set = prepare(args)
    there = len(list((args.set / "train").glob("*.txt")))
    args.fraction = min(args.pictures / max(there, 1), 1.0)
    if args.one:
        run(args, args.one[0], int(args.one[1]))
        return
    for seed in range(args.seeds):
        for name in args.only or recipes(args.epochs):
            done = args.out / f"{name.replace(' ', '_')}-{seed}" / "figures.json"
            if not done.exists():
                command = [sys.executable, *sys.argv, "--one", name, str(seed)]
                subprocess.run(command, check=True)
                show(args)
    show(args)


if __name__ == "__main__":
    main()
