"""The vendor's zoo against poseline: the same set, model and epochs, each as its own command.

    python benchmarks/reference.py CHECKOUT --python VENV/bin/python --runner RUN.py

CHECKOUT is stm32ai-modelzoo-services of March 2025. VENV has what it needs. RUN.py starts its main
script on today's TensorFlow; it gets the checkout and the arguments of that script. Pictures are
drawn once and converted once; both sides read the same files.

Each work is done by both, in turn, round after round: wall and CPU seconds of the whole command,
its start included, and by how much poseline is faster. An epoch is what three epochs take longer
than one, divided by two.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

WORKS = ("convert", "train", "quantize", "evaluate", "chain_tqe")
SIDES = ("reference", "poseline")
middle = statistics.median


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--python", type=Path, required=True, help="interpreter of its environment")
    parser.add_argument("--runner", type=Path, required=True, help="starts its main script")
    parser.add_argument("--out", type=Path, default=Path("reference"))
    parser.add_argument("--pictures", type=int, nargs=2, default=(2200, 400))
    parser.add_argument("--alpha", type=float, default=0.35)
    parser.add_argument("--side", type=int, default=192)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", action="append", choices=WORKS, default=[])
    args = parser.parse_args()
    # A user's second start finds the byte code of the first.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for name in ("checkout", "python", "runner", "out"):
        setattr(args, name, getattr(args, name).absolute())  # a venv's python is a link: kept
    compare(args, Bench(args))


class Bench:
    """The commands of both sides, in folders of their own."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.runs = args, len(list(args.out.glob("runs/*")))
        self.coco = args.out / "coco"
        if not self.coco.exists():
            train, val = map(str, args.pictures)
            draw = ["dataset", "synthesize", str(self.coco), "--train", train, "--val", val]
            finish(poseline(*draw))
            for part in ("train", "val"):  # the reference knows COCO's own names alone
                (self.coco / part).rename(self.coco / f"{part}2017")
                labels = self.coco / "annotations" / f"person_keypoints_{part}.json"
                labels.rename(labels.with_name(f"person_keypoints_{part}2017.json"))
            (self.coco / "manifest.json").unlink()  # a set as people have it
        self.set = args.out / "sets" / "single" / "17kpts"
        if not self.set.exists():
            finish(poseline(*self._convert(args.out / "sets")))

    def command(self, side: str, work: str) -> list[str]:
        """Return the command by which a side does a work."""
        self.runs += 1
        out = self.args.out / "runs" / str(self.runs)
        out.parent.mkdir(exist_ok=True)
        if work == "convert":
            if side == "poseline":
                return poseline(*self._convert(out))
            script = self.args.checkout / "pose_estimation/datasets/dataset_converter/converter.py"
            return [str(self.args.python), str(script), *self._convert(out)[2:]]
        mode, epochs = work, self.args.epochs
        if work.startswith("train"):
            mode, epochs = "training", int(work.removeprefix("train") or epochs)
        mode = {"quantize": "quantization", "evaluate": "evaluation"}.get(mode, mode)
        config = self._config(mode, epochs, out)
        if work == "quantize":
            config["general"]["model_path"] = str(self.model("h5"))
        if work == "evaluate":
            config["general"]["model_path"] = str(self.model("tflite"))
        out.mkdir(parents=True)
        path = out / "config.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        if side == "poseline":
            name = {"training": "train", "quantization": "quantize", "evaluation": "evaluate"}
            words = name[mode].split() if mode in name else ["chain", mode.removeprefix("chain_")]
            return poseline(*words, str(path))
        options = ["--config-path", str(out), "--config-name", path.name]
        return [str(self.args.python), str(self.args.runner), str(self.args.checkout), *options]

    def model(self, kind: str) -> Path:
        """Return a model of the reference's chain, which both sides quantize and evaluate."""
        kept = self.args.out / f"model.{kind}"
        if not kept.exists():
            finish(self.command("reference", "chain_tqe"))
            run = self.args.out / "runs" / str(self.runs) / "run"
            shutil.copy(next(run.rglob("best_model.h5")), self.args.out / "model.h5")
            shutil.copy(next(run.rglob("*.tflite")), self.args.out / "model.tflite")
        return kept

    def _convert(self, out: Path) -> list[str]:
        places = ["--path", str(self.coco), "--outputdir", str(out)]
        return ["dataset", "convert", "--pose", "single", "--keypoints", "17", *places]

    def _config(self, mode: str, epochs: int, out: Path) -> dict[str, dict[str, object]]:
        args, side = self.args, self.args.side
        config = yaml.safe_load(CONFIG)
        config["operation_mode"] = mode
        config["dataset"] |= {
            "training_path": str(self.set / "train"),
            "validation_path": str(self.set / "val"),
            "test_path": str(self.set / "val"),
            "quantization_path": str(self.set / "train"),
        }
        training = config["training"]
        training["model"] |= {"alpha": args.alpha, "input_shape": f"({side}, {side}, 3)"}
        training |= {"batch_size": args.batch, "epochs": epochs}
        config["mlflow"] = {"uri": f"sqlite:///{out}/mlflow.db"}
        config["hydra"] = {"run": {"dir": str(out / "run")}}
        return config


CONFIG = """
general: {project_name: bench, logs_dir: logs, saved_models_dir: saved_models, model_path: null,
          model_type: heatmaps_spe, num_threads_tflite: 2, gpu_memory_limit: 8, global_seed: 123}
dataset: {name: drawn, keypoints: 17, quantization_split: 0.1}
preprocessing:
  rescaling: {scale: 1/127.5, offset: -1}
  resizing: {aspect_ratio: fit, interpolation: nearest}
  color_mode: rgb
postprocessing: {kpts_conf_thresh: 0.15}
data_augmentation:
  random_contrast: {factor: 0.4}
  random_brightness: {factor: 0.3}
  random_flip: {mode: horizontal}
  random_rotation: {factor: "(-0.1,0.1)"}
training:
  model: {name: st_movenet_lightning_heatmaps, pretrained_weights: null}
  frozen_layers: null
  resume_training_from: null
  optimizer: {Adam: {learning_rate: 0.003}}
  callbacks:
    ModelCheckpoint: {monitor: val_oks, mode: max}
quantization: {quantizer: TFlite_converter, quantization_type: PTQ, quantization_input_type: uint8,
               quantization_output_type: float, export_dir: quantized_models}
"""


def compare(args: argparse.Namespace, bench: Bench) -> None:
    train, val = args.pictures
    print(
        f"{train:,} + {val:,} drawn pictures, {args.side}x{args.side}, alpha {args.alpha}, "
        f"batch of {args.batch}, {args.epochs} epochs, {args.rounds} rounds in turn, "
        f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    )
    head = "".join(f"{f'{side} {unit} s':>28}" for unit in ("wall", "CPU") for side in SIDES)
    print(f"{'':10}{head}{'ratio wall':>12}{'ratio CPU':>11}", flush=True)
    for work in args.only or WORKS:
        for name, found in measured(bench, work, args):
            cells = [
                f"{middle(column):.1f} ({min(column):.1f} to {max(column):.1f})"
                for unit in (0, 1)
                for column in ([seconds[unit] for seconds in found[side]] for side in SIDES)
            ]
            ratios = [
                middle(seconds[unit] for seconds in found["reference"])
                / middle(seconds[unit] for seconds in found["poseline"])
                for unit in (0, 1)
            ]
            words = "".join(f"{cell:>28}" for cell in cells)
            print(f"{name:10}{words}{ratios[0]:>12.2f}{ratios[1]:>11.2f}", flush=True)


Found = dict[str, list[tuple[float, float]]]


def measured(bench: Bench, work: str, args: argparse.Namespace) -> Iterator[tuple[str, Found]]:
    """Yield what a work takes, by side; for `train` an epoch, too."""
    found = rounds(args.rounds, lambda side: finish(bench.command(side, work)))
    yield work, found
    if work == "train" and args.epochs > 1:
        first = rounds(args.rounds, lambda side: finish(bench.command(side, "train1")))
        more = args.epochs - 1
        yield (
            "epoch",
            {
                side: [
                    ((all_[0] - one[0]) / more, (all_[1] - one[1]) / more)
                    for all_, one in zip(found[side], first[side], strict=True)
                ]
                for side in SIDES
            },
        )


def rounds(count: int, work: Callable[[str], tuple[float, float]]) -> Found:
    found: Found = {side: [] for side in SIDES}
    for _ in range(count):
        for side in SIDES:
            found[side].append(work(side))
    return found


def poseline(*words: str) -> list[str]:
    return [sys.executable, "-m", "poseline", *words]


def finish(command: list[str]) -> tuple[float, float]:
    """Run a command; return its seconds of wall and of CPU."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with code {done.returncode}:\n{done.stdout[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu


if __name__ == "__main__":
    main()
