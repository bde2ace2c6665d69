"""Packed sets from S3 (SeaweedFS on this machine) against local files, side by side in one run."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import boto3

from poseline import log
from poseline.config.loading.slices import from_slice
from poseline.data.pack import pack, put
from poseline.data.shards import ShardedSamples
from poseline.data.synthetic.generate import generate
from poseline.data.yolo import Sample, list_samples
from poseline.stages import convert

PICTURES, SIZE, SHARD_MB = 4000, (640, 480), 16


@contextmanager
def storage(folder: Path) -> Iterator[str]:
    """Start a server, and give the URI of a bucket."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(8)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    names = ("s3", "master", "volume", "filer")
    flags = [f"-{name}.port={port}" for name, port in zip(names, ports, strict=False)]
    flags += [f"-{name}.port.grpc={port}" for name, port in zip(names, ports[4:], strict=False)]
    program = shutil.which("weed", path=sysconfig.get_path("scripts")) or "weed"
    server = subprocess.Popen(
        [
            program,
            "server",
            "-s3",
            "-filer",
            "-ip=127.0.0.1",
            f"-dir={folder}",
            "-volume.max=40",
            "-master.telemetry=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            *flags,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    os.environ |= {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{ports[0]}",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": "us-east-1",
    }
    try:
        for _ in range(300):
            try:
                boto3.client("s3").create_bucket(Bucket="bench")
                break
            except Exception:
                time.sleep(0.2)
        yield "s3://bench"
    finally:
        server.kill()
        server.wait()


def rate(samples: Sequence[Sample]) -> float:
    """Return the MB/s at which every picture and label is read."""
    start, size = time.perf_counter(), 0
    for sample in samples:
        size += len(sample.image.read_bytes()) + len(sample.label.read_text())
    return size / 1e6 / (time.perf_counter() - start)


def main() -> None:
    log.configure("WARNING")
    with tempfile.TemporaryDirectory() as name, storage(Path(name)) as bucket:
        root = Path(name)
        source = generate(root / "coco", PICTURES, 1, size=SIZE)
        config = from_slice({"dataset": {"keypoints": 17}, "conversion": {"path": "-"}})
        files = convert.run(config, {"source": source}, root / "yolo").out / "train"
        index = pack(files, root / "packed", SHARD_MB)
        put(root / "packed", f"{bucket}/set")
        size = sum(shard.size for shard in index.shards) / 1e6
        print(f"{PICTURES} pictures, {size:.0f} MB, {len(index.shards)} shards")
        rounds: dict[str, list[float]] = {}
        for number in range(3):
            os.environ["POSELINE_CACHE"] = str(root / f"cache{number}")
            places = {
                "files": list_samples(files),
                "shards here": ShardedSamples(str(root / "packed")),
                "shards, S3, first time": ShardedSamples(f"{bucket}/set"),
                "shards, S3, again": ShardedSamples(f"{bucket}/set"),
            }
            for place, samples in places.items():
                rounds.setdefault(place, []).append(rate(samples))
                if isinstance(samples, ShardedSamples):
                    samples.close()
        best = {place: max(rates) for place, rates in rounds.items()}
        for place, found in best.items():
            pictures = found * PICTURES / size
            print(
                f"{place:<24}{found:8.0f} MB/s{pictures:8.0f} pictures/s"
                f"{found / best['files']:8.2f}"
            )


if __name__ == "__main__":
    main()
