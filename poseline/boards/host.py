"""The model measured here: LiteRT, ONNX Runtime or Keras on this machine's CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from poseline.boards.base import Finding
from poseline.config.models.config import Config
from poseline.errors import BackendError

_LIMIT_S = 600


class Host:
    """The model on this machine, in the runtime of its kind."""

    takes: tuple[str, ...] = (".h5", ".keras", ".tflite", ".onnx")

    def measure(self, model: Path, config: Config) -> Finding:
        """See `Backend.measure`."""
        runs = config.benchmarking.runs if config.benchmarking else 1
        timing = measure(model, runs, config.general.num_threads_tflite)
        return Finding(
            {
                "host_ms_median": timing.median_ms,
                "host_ms_p95": timing.p95_ms,
                "host_peak_mb": timing.peak_mb,
            }
        )


@dataclass(frozen=True)
class HostTiming:
    """Latency of one picture in ms, and the memory that the model added to the process in MB."""

    median_ms: float
    p95_ms: float
    peak_mb: float


def measure(model: Path, runs: int, threads: int) -> HostTiming:
    """Time a model in a process of its own, so that the memory is the model's alone.

    Args:
        model: A model file.
        runs: Timed inferences, after a tenth as many to warm up.
        threads: CPU threads.

    Raises:
        BackendError: The process failed or took over ten minutes.
    """
    command = [sys.executable, "-m", "poseline.boards.host", str(model), str(runs), str(threads)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise BackendError(
            f"{runs} inferences took over {_LIMIT_S} s", "lower benchmarking.runs"
        ) from None
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise BackendError(f"the model cannot be timed: {' '.join(last)}")
    return HostTiming(**json.loads(done.stdout.splitlines()[-1]))


def _main(model: Path, runs: int, threads: int) -> dict[str, float]:
    import time

    import numpy as np

    from poseline.runtime import open_model

    if model.suffix == ".tflite":
        import ai_edge_litert.interpreter  # noqa: F401  its own size is not the model's
    before = _peak_kb()
    runtime = open_model(model, threads)
    picture = np.random.default_rng(0).uniform(-1, 1, (1, *runtime.input_shape))
    picture = picture.astype(np.float32)
    times = []
    for _ in range(runs + max(runs // 10, 1)):
        start = time.perf_counter()
        runtime.predict(picture)
        times.append((time.perf_counter() - start) * 1e3)
    peak = _peak_kb() - before
    median, p95 = np.percentile(times[-runs:], [50, 95])
    return {"median_ms": float(median), "p95_ms": float(p95), "peak_mb": peak / 1024}


def _peak_kb() -> int:
    """Return the most memory that this process has had; getrusage would add its parent's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
