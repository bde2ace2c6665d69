"""The exported C code on the Cortex-M cores that QEMU has, by Debian's cross compiler."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.export_library import STRICT, compiler, run

_HERE = Path(__file__).with_name("c")
FUZZ = _HERE / "fuzz.c"


@dataclass(frozen=True)
class Core:
    """A core: the compiler's flags for it, and the machine of QEMU that has it."""

    flags: tuple[str, ...]
    machine: str


CORES = {
    "Cortex-M4": Core(("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"), "mps2-an386"),
    "Cortex-M7": Core(("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-d16"), "mps2-an500"),
    "Cortex-M55": Core(("-mcpu=cortex-m55", "-mfloat-abi=hard"), "mps3-an547"),
}


@dataclass(frozen=True)
class Footprint:
    """Bytes of code and constants, and of the stack if all functions were in each other.

    What the C library itself takes is not in them.
    """

    code: int
    constants: int
    stack: int


def footprint(core: Core, sources: list[Path], folder: Path) -> Footprint:
    """Compile each file, optimized for size, and return what the compiler reports of them."""
    folder.mkdir(parents=True, exist_ok=True)
    gcc, size = compiler("arm-none-eabi-gcc"), compiler("arm-none-eabi-size")
    code = constants = 0
    for source in sources:
        made = folder / f"{source.stem}.o"
        run(
            [
                gcc,
                *core.flags,
                "-mthumb",
                *STRICT,
                "-Os",
                "-fstack-usage",
                "-c",
                str(source),
                "-o",
                str(made),
            ]
        )
        for name, count in re.findall(r"^(\S+)\s+(\d+)", run([size, "-A", str(made)]).stdout, re.M):
            code += int(count) if name.startswith(".text") else 0
            constants += int(count) if name.startswith((".rodata", ".data")) else 0
    used = [
        line.split("\t") for path in folder.glob("*.su") for line in path.read_text().splitlines()
    ]
    assert all(kind.strip() == "static" for _, _, kind in used), "a stack of unknown depth"
    return Footprint(code, constants, sum(int(depth) for _, depth, _ in used))


def emulate(core: Core, sources: list[Path], given: bytes, folder: Path) -> bytes:
    """Decode outputs on an emulated core; return the persons as the core wrote them."""
    folder.mkdir(parents=True, exist_ok=True)
    gcc, qemu = compiler("arm-none-eabi-gcc"), compiler("qemu-system-arm")
    program = folder / "decode.elf"
    run(
        [
            gcc,
            *core.flags,
            "-mthumb",
            "-std=c99",
            "-ffp-contract=off",
            "-O2",
            "--specs=rdimon.specs",
            "-nostartfiles",
            "-T",
            str(_HERE / "cortex_m.ld"),
            f"-I{sources[0].parent}",
            *map(str, [*sources, _HERE / "startup.c", _HERE / "decode.c"]),
            "-lm",
            "-o",
            str(program),
        ]
    )
    (folder / "in.bin").write_bytes(given)
    run(
        [
            qemu,
            "-machine",
            core.machine,
            "-nographic",
            "-semihosting-config",
            "enable=on,target=native",
            "-kernel",
            str(program),
        ],
        cwd=folder,
        timeout=240,
        stdin=subprocess.DEVNULL,
    )
    return (folder / "out.bin").read_bytes()
