"""The first inference of a model from elsewhere, in a process whose memory and time are limited.

What a graph costs can be known only by running it: a loop may never end, and a shape may be
computed. Runs as a script of its own, without poseline, so that it starts in a fraction of a
second.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

MEMORY_GB, SECONDS = 8, 60
"""Most address space and time of the first inference."""


def check_first_inference(path: Path) -> None:
    """Load a .tflite or .onnx model and run it once on noise, apart from this process.

    A file that was checked already is not checked again while it stays the same.

    Raises:
        ModelError: It cannot be loaded or run, or not within the limits.
    """
    from poseline.progress import doing

    status = path.stat()
    with doing(f"trying {path.name} out in a process of its own"):
        reason = _failure(path.resolve(), status.st_size, status.st_mtime_ns)
    if reason:
        from poseline.errors import ModelError

        raise ModelError(f"{path} {reason}", "check where the model comes from; export it again")


@lru_cache(maxsize=256)
def _failure(path: Path, size: int, changed: int) -> str:  # noqa: ARG001  both make the key
    """Return why a model cannot be used; empty where it can."""
    command = [sys.executable, "-I", __file__, str(path)]
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"does not finish one inference within {SECONDS} s"
    with contextlib.suppress(ValueError, IndexError):
        return str(json.loads(done.stdout.splitlines()[-1]))
    if b"bad_alloc" in done.stderr or b"MemoryError" in done.stderr:
        return f"needs more than {MEMORY_GB} GB of memory"
    return f"ends the process that loads it (exit status {done.returncode})"


def _run(path: str) -> str:
    limit = MEMORY_GB << 30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (2 * SECONDS, 2 * SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _infer_onnx(path) if path.lower().endswith(".onnx") else _infer_litert(path)
    except MemoryError:
        return f"needs more than {MEMORY_GB} GB of memory"
    except Exception as error:  # each runtime has its own tree of errors
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[0][:300] if lines else type(error).__name__
        if any(word in reason for word in ("bad allocation", "bad_alloc", "Failed to allocate")):
            return f"needs more than {MEMORY_GB} GB of memory: {reason}"
        return f"cannot be loaded: {reason}"
    return ""


def _infer_onnx(path: str) -> None:
    import numpy as np
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 4
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    kinds = {"float": "float32", "double": "float64"}
    kind = entry.type.removeprefix("tensor(").removesuffix(")")
    shape = [side if isinstance(side, int) and side > 0 else 1 for side in entry.shape]
    noise = np.random.default_rng(0).uniform(0, 1, shape).astype(kinds.get(kind, kind))
    if all(isinstance(side, int) for side in entry.shape[1:]):
        session.run(None, {entry.name: noise})


def _infer_litert(path: str) -> None:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(path, num_threads=2)
    try:
        interpreter.allocate_tensors()
    except RuntimeError:  # XNNPACK refuses scales beyond its limits; LiteRT's kernels do not
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = Interpreter(path, num_threads=2, experimental_op_resolver_type=plain)
        interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    noise = np.random.default_rng(0).uniform(0, 1, entry["shape"]).astype(entry["dtype"])
    interpreter.set_tensor(entry["index"], noise)
    interpreter.invoke()


if __name__ == "__main__":
    found = _run(sys.argv[1])
    sys.stdout.write("\n" + json.dumps(found) + "\n")
    sys.stdout.flush()
    os._exit(0)  # what a damaged model left behind is not torn down
