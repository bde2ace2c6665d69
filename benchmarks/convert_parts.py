"""`poseline dataset convert` in parts: the time, and the peak memory of the largest part.

Some hundred pictures are drawn and linked under as many names as are wanted, with their
annotations: what memory could grow with is their number. Parts run at the same time, as the tasks
of a pipeline do; the join is counted in.

usage: python benchmarks/convert_parts.py [PICTURES ...]; 1,000, 10,000 and 100,000 where none are
given
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DRAWN = 200
PARTS = 1, 2, 4
COMMAND = "-c", "from poseline.cli import main; main()", "dataset"


def main(counts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print(f"{'pictures':>9}{'parts':>7}{'s':>9}{'peak MB of a part':>19}{'MB to join':>12}")
        for count in counts:
            # By a process of its own: the peak of one that is started is at least its parent's.
            subprocess.run([sys.executable, __file__, "--make", folder, str(count)], check=True)
            for parts in PARTS:
                out = root / f"out-{count}-{parts}"
                seconds, peak, join = measured(root / f"set-{count}", out, parts)
                print(f"{count:>9,}{parts:>7}{seconds:>9.1f}{peak:>19.0f}{join:>12.0f}", flush=True)


def make(root: Path, count: int) -> None:
    """Draw some pictures, and make a set of many names for them."""
    from poseline import log
    from poseline.data.synthetic.generate import generate

    log.configure("WARNING")
    linked(generate(root / f"drawn-{count}", DRAWN, 1), root / f"set-{count}", count)


def linked(drawn: Path, out: Path, count: int) -> Path:
    """Make a COCO set of many names for few pictures."""
    (file,) = (drawn / "annotations").glob("*train*.json")
    pictures = next(path.parent for path in drawn.rglob("*.jpg") if "train" in str(path.parent))
    known = json.loads(file.read_text(encoding="utf-8"))
    folder = out / pictures.relative_to(drawn)
    folder.mkdir(parents=True)
    (out / "annotations").mkdir()
    persons: dict[int, list[dict[str, object]]] = {}
    for each in known["annotations"]:
        persons.setdefault(each["image_id"], []).append(each)
    images, annotations = [], []
    for number in range(count):
        image = known["images"][number % len(known["images"])]
        name = f"{number:07d}.jpg"
        os.link(pictures / image["file_name"], folder / name)
        images.append({**image, "id": number, "file_name": name})
        for each in persons.get(image["id"], []):
            annotations.append({**each, "id": len(annotations), "image_id": number})
    made = {**known, "images": images, "annotations": annotations}
    (out / "annotations" / file.name).write_text(json.dumps(made), encoding="utf-8")
    return out


def measured(source: Path, out: Path, parts: int) -> tuple[float, float, float]:
    """Return the seconds of all, and the most MB of a part and of the join."""
    begun = time.monotonic()
    convert = [*COMMAND, "convert", "--path", str(source), "--outputdir", str(out), "--parts"]
    running = [started([*convert, f"{number}/{parts}"]) for number in range(1, parts + 1)]
    peak = max(ended(one) for one in running)
    join = ended(started([*COMMAND, "join", f"{out}/single/17kpts"]))
    return time.monotonic() - begun, peak, join


def started(arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start Python with arguments."""
    return subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)


def ended(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process; return the most MB that it had in memory."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{process.args} ended with {process.returncode}")
    return used.ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main([int(one) for one in sys.argv[1:]] or [1000, 10_000, 100_000])
