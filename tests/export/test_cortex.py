"""The C code by the cross compiler, on the cores that QEMU has.

Debian: apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm clang
"""

import os
import subprocess

import numpy as np
import pytest
from support.cortex import CORES, FUZZ, emulate, footprint
from support.export_library import STRICT, compiler, contract, run, write
from support.heatmaps import gaussians

from poseline.runtime.decode import decode_heatmaps

pytestmark = pytest.mark.slow
# In shares of the input's side: one bit of a float32, and what float32 smoothing is away by.
ROUNDING = {"argmax": 0, "quadratic": 6e-8, "dark": 2e-6}


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    ("decoding", "logits"), [(one, False) for one in ROUNDING] + [("quadratic", True)]
)
def test_a_core_decodes_a_hundred_heatmaps_as_python_does(
    tmp_path, record_property, core, decoding, logits
):
    sources = write(contract(decoding=decoding, logits=logits), tmp_path / "code")
    maps = gaussians(100)
    if logits:
        maps = np.log(maps + 1e-6) * np.float32(3)
    written = emulate(CORES[core], sources, maps.tobytes(), tmp_path / "run")
    persons = np.frombuffer(written, np.float32).reshape(100, 17 * 3 + 1)
    found, expected = (
        persons[:, :-1].reshape(100, 17, 3),
        decode_heatmaps(maps, decoding, logits=logits),
    )
    away = np.abs(found - expected).max()
    record_property("away", float(away))
    assert away <= ROUNDING[decoding]
    sure = np.abs(found[..., 2] - expected[..., 2]).max()
    assert sure <= (ROUNDING["quadratic"] if logits else 0)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    "settings",
    [
        {"decoding": "quadratic"},
        {"decoding": "dark", "dtype": "int8", "scale": 1 / 256},
        {"decoding": "quadratic", "logits": True, "dtype": "int8", "scale": 0.1},
        {"model_type": "yolo_mpe", "output_shape": (56, 300), "interpolation": "area"},
    ],
)
def test_code_and_stack_are_small(tmp_path, record_property, core, settings):
    found = footprint(CORES[core], write(contract(**settings), tmp_path / "code"), tmp_path)
    record_property("footprint", str(found))
    assert found.code < 4096
    assert found.constants < 1024
    assert found.stack < 1024 + 300


@pytest.mark.parametrize(
    "settings",
    [
        {"decoding": "dark", "aspect_ratio": "padding"},
        {"decoding": "quadratic", "interpolation": "nearest", "logits": True},
        {"decoding": "quadratic", "dtype": "int8", "scale": 0.004},
        {"model_type": "yolo_mpe", "output_shape": (56, 64), "interpolation": "area"},
    ],
)
def test_the_fuzzer_finds_nothing(tmp_path, settings):
    """Ten seconds each, or `FUZZ_SECONDS`."""
    defaults = {"input_shape": (24, 20, 3), "output_shape": (6, 5, 17)}
    sources = write(contract(**defaults | settings), tmp_path / "code")
    target = tmp_path / "fuzz"
    checks = "fuzzer,address,undefined,float-cast-overflow,integer"
    command = [
        compiler("clang"),
        *STRICT,
        "-O1",
        "-g",
        f"-fsanitize={checks}",
        "-fno-sanitize-recover=all",
        f"-I{sources[0].parent}",
        *map(str, [*sources, FUZZ]),
        "-lm",
        "-o",
        str(target),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if "libclang_rt" in built.stderr:
        pytest.skip("clang has no libFuzzer here")
    assert built.returncode == 0, built.stderr
    seconds = int(os.environ.get("FUZZ_SECONDS", "10"))
    limits = [f"-max_total_time={seconds}", "-max_len=6000", "-len_control=0"]
    run([str(target), *limits], timeout=seconds + 60)
