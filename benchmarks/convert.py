"""`poseline dataset convert` against a converter that copies blindly; both as commands.

The blind copy, as converters of vendors' zoos are: it reads each annotation, copies the picture
with shutil and writes a label, and looks at nothing. It is written with the standard library
alone, so its start costs next to nothing; theirs imports more. Neither's output is removed between
rounds: ext4 takes many times as long to make a file where thousands have just been deleted.

usage: python benchmarks/convert.py [FOLDER OF A COCO SET]; 2,600 pictures are drawn where none is
given
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

PICTURES = 2200, 400
ROUNDS = 7


def main(given: str | None) -> None:
    from poseline import log
    from poseline.data.synthetic.generate import generate

    log.configure("WARNING")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        source = Path(given) if given else generate(root / "coco", *PICTURES)
        pictures = sum(1 for _ in source.rglob("*.jpg"))
        commands = {
            "blind copy": [__file__, "--blind", str(source)],
            "dataset convert": [
                *("-c", "from poseline.cli import main; main()", "dataset", "convert"),
                *("--pose", "multi", "--path", str(source), "--outputdir"),
            ],
            "the bytes alone": [__file__, "--bytes", str(source)],
        }
        wall, cpu = defaultdict(list), defaultdict(list)
        for number in range(ROUNDS + 1):  # the first is not counted
            for name, command in commands.items():
                seconds = measured([sys.executable, *command, str(root / f"{name} {number}")])
                if number:
                    wall[name].append(seconds[0])
                    cpu[name].append(seconds[1])
        least = limits(source)
    print(f"{pictures:,} pictures, {ROUNDS} rounds in turn, load {os.getloadavg()[0]:.1f}")
    print(f"{'':<18}{'wall s (spread)':>24}{'ratio':>7}{'CPU s (spread)':>24}{'ratio':>7}")
    for name in commands:
        columns = [
            f"{middle(values):>8.2f} ({min(values):.2f} to {max(values):.2f}) "
            f"{middle(first) / middle(values):>6.2f}"
            for values, first in ((wall[name], wall["blind copy"]), (cpu[name], cpu["blind copy"]))
        ]
        print(f"{name:<18}" + "".join(f"{column:>31}" for column in columns))
    print("limit: " + ", ".join(least))


middle = statistics.median


def measured(command: list[str]) -> tuple[float, float]:
    """Return seconds of wall and of CPU that a command takes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu


def limits(source: Path) -> list[str]:
    """Return what any converter must do: parse the annotations, and move the bytes."""
    began = time.perf_counter()
    for path in annotation_files(source):
        json.loads(path.read_bytes())
    seconds = time.perf_counter() - began
    size = sum(path.stat().st_size for path in source.rglob("*.jpg"))
    return [f"{seconds:.2f} s to parse the annotations", f"{size / 1e6:.0f} MB of pictures"]


def blind(source: Path, out: Path) -> None:
    """Convert without a look at anything."""
    for path in annotation_files(source):
        data = json.loads(path.read_bytes())
        folder = out / path.stem
        folder.mkdir(parents=True)
        pictures = next(each for each in part_folders(source) if each.name in path.stem)
        persons = defaultdict(list)
        for annotation in data["annotations"]:
            persons[annotation["image_id"]].append(annotation)
        for image in data["images"]:
            lines = []
            for person in persons[image["id"]]:
                x, y, w, h = person["bbox"]
                width, height = image["width"], image["height"]
                numbers = [0, (x + w / 2) / width, (y + h / 2) / height, w / width, h / height]
                points = person["keypoints"]
                for at in range(0, len(points), 3):
                    numbers += [points[at] / width, points[at + 1] / height, points[at + 2]]
                lines.append(" ".join(map(str, numbers)))
            name = image["file_name"]
            shutil.copy(pictures / name, folder / name)
            (folder / name).with_suffix(".txt").write_text("\n".join(lines))


def move_bytes(source: Path, out: Path) -> None:
    """Make the files that a conversion makes, and nothing else."""
    out.mkdir()
    for path in (p for folder in part_folders(source) for p in folder.glob("*.jpg")):
        shutil.copyfile(path, out / f"{path.parent.name}-{path.name}")
        (out / f"{path.parent.name}-{path.stem}.txt").write_bytes(b"0" * 400)


def annotation_files(source: Path) -> list[Path]:
    return sorted((source / "annotations").glob("person_keypoints_*.json"))


def part_folders(source: Path) -> list[Path]:
    return [path for path in source.iterdir() if path.is_dir() and path.name != "annotations"]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--blind", source, out]:
            blind(Path(source), Path(out))
        case ["--bytes", source, out]:
            move_bytes(Path(source), Path(out))
        case arguments:
            main(*arguments or [None])
