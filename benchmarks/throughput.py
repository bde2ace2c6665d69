"""Pictures a second of the training set over threads, and over processes beside Python's lock.

What feeds a fast GPU: pictures are read, decoded, resized and augmented, none from the cache. A
process takes its share of every batch, as a worker of a training does. The limit is what one
thread needs of a core for a picture, times the cores.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PICTURES, BATCH, SIDE = 512, 32, 192
THREADS, PROCESSES = (1, 2, 4, 8, 16), (2, 4)


def main() -> None:
    if len(sys.argv) > 1:
        folder, threads, index, of = sys.argv[1:]
        feed(Path(folder), int(threads), int(index), int(of))
        return
    from poseline import log
    from poseline.data.synthetic.generate import generate
    from poseline.stages import convert

    log.configure("WARNING")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        source = generate(root / "coco", PICTURES, 1, size=(480, 480))
        folder = convert.run(config(), {"source": source}, root / "yolo").out / "train"
        cores = os.cpu_count() or 1
        print(f"480x480 to {SIDE}x{SIDE}, batches of {BATCH}, {cores} cores, load {load():.1f}")
        print(f"{'':24}{'pictures/s':>12}{'CPU ms a picture':>18}{'of the limit':>14}")
        limit = 0.0
        for threads, processes in [*((n, 1) for n in THREADS), *((1, n) for n in PROCESSES)]:
            rate, cpu = measured(folder, threads, processes)
            limit = limit or cores / cpu
            words = f"{threads} threads" if processes == 1 else f"{processes} processes"
            print(f"{words:24}{rate:12.0f}{1000 * cpu:18.2f}{rate / limit:13.0%}", flush=True)


def config() -> Any:
    from poseline.config.models.config import Config

    return Config.model_validate(
        {
            "dataset": {"keypoints": 17},
            "conversion": {"path": "-"},
            "preprocessing": {"rescaling": {"scale": "1/127.5", "offset": -1}},
            "data_augmentation": [
                {"random_flip": {"mode": "horizontal"}},
                {"random_rotation": {"factor": 0.1}},
                {"random_contrast": {"factor": 0.3}},
                {"random_brightness": {"factor": 0.2}},
            ],
        }
    )


def measured(folder: Path, threads: int, processes: int) -> tuple[float, float]:
    """Return pictures a second and CPU seconds a picture of all processes together."""
    children = [
        subprocess.Popen(
            [sys.executable, __file__, str(folder), str(threads), str(index), str(processes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for index in range(processes)
    ]
    for child in children:
        child.stdout.readline()
    start = time.perf_counter()
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    told = [child.communicate()[0].split() for child in children]
    wall = max(float(end) for end, *_ in told) - start
    pictures = sum(int(count) for *_, count in told)
    return pictures / wall, sum(float(cpu) for _, cpu, _ in told) / pictures


def feed(folder: Path, threads: int, index: int, of: int) -> None:
    """Go through two epochs once the parent says so; print when they ended, CPU s and pictures."""
    from poseline.data.keypoints import PERSON_17
    from poseline.data.pipeline import TrainingSet
    from poseline.data.share import Share
    from poseline.data.yolo import list_samples

    shape, share = (SIDE, SIDE, 3), Share(index, of)
    batches = TrainingSet(
        list_samples(folder), config(), PERSON_17, shape, BATCH, 1, 0, threads, share
    )
    for _ in batches.batches(0):
        pass
    print("ready", flush=True)
    sys.stdin.readline()
    cpu = time.process_time()
    pictures = sum(int(images.shape[0]) for images, _ in batches.batches(1, epochs=2))
    print(time.perf_counter(), time.process_time() - cpu, pictures)


def load() -> float:
    return os.getloadavg()[0]


if __name__ == "__main__":
    main()
