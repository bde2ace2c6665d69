"""Run the benchmarks and write docs/benchmarks.md: the machine, the date, and what each printed.

    python benchmarks/_page.py [NAME ...] [--reference CHECKOUT PYTHON RUNNER] [--people COCO]
                               [--int8 SET MODEL ...]

A benchmark that is not run keeps the section that the page has. The recipes take hours, so they
are run where `--people` names a COCO set alone, the vendor's zoo where `--reference` does, and the
ways to int8 where `--int8` names models.
"""

from __future__ import annotations

import argparse
import ast
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs/benchmarks.md"
NAMES = (
    "start",
    "convert",
    "convert_parts",
    "shards",
    "pipeline",
    "throughput",
    "train",
    "evaluate",
    "boards",
)
HEAD = """# Benchmarks

`make bench` runs these comparisons and writes this page. Both sides of a comparison run in turn on
the same machine; a ratio above 1 says how many times as fast poseline is. Wall seconds depend on
what else the machine does; CPU seconds less so.
"""
SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help=", ".join(NAMES))
    parser.add_argument(
        "--reference", nargs=3, metavar=("CHECKOUT", "PYTHON", "RUNNER"), help="the vendor's zoo"
    )
    parser.add_argument("--people", help="COCO set that recipes are compared on")
    parser.add_argument(
        "--int8", nargs="+", metavar=("SET", "MODEL"), help="float models, and pictures of them"
    )
    args = parser.parse_args()
    # A user's second start finds the byte code of the first.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    commands = {name: [name] for name in args.names or ([] if asked(args) else NAMES)}
    if args.reference:
        checkout, python, runner = args.reference
        commands["reference"] = ["reference", checkout, "--python", python, "--runner", runner]
    if args.people:
        commands["recipes"] = ["recipes", args.people]
    if args.int8:
        commands["int8"] = ["int8", *args.int8]
    for name, command in commands.items():
        print(f"== {name}", flush=True)
        keep(name, section(name, output(command)))


def asked(args: argparse.Namespace) -> bool:
    return bool(args.reference or args.people or args.int8)


def output(command: list[str]) -> str:
    """Run a benchmark, show what it prints as it comes, and return it."""
    script = HERE / f"{command[0]}.py"
    lines = []
    with subprocess.Popen(
        [sys.executable, str(script), *command[1:]], stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    if process.returncode:
        sys.exit(f"{script.name} ended with code {process.returncode}")
    return "\n".join(lines).strip("\n")


def section(name: str, printed: str) -> str:
    """Return a benchmark's section: what it compares, where and when, and what it printed."""
    described = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text())) or ""
    about = described.partition("\n\n")[0].replace("\n", " ")
    return f"{about}\n\n{where()}\n\n```text\n{printed}\n```\n"


def where() -> str:
    versions = ", ".join(f"{p} {version(p)}" for p in ("tensorflow-cpu", "keras", "numpy"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {processor()}, {os.cpu_count()} CPUs, {memory:.0f} GiB, "
        f"load {os.getloadavg()[0]:.1f} at the end; Python {platform.python_version()}, {versions}."
    )


def processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    return found.group(1) if found else platform.processor() or platform.machine()


def keep(name: str, text: str) -> None:
    """Write the page with a section that is new."""
    page = PAGE.read_text() if PAGE.exists() else ""
    sections = {found.group(1): found.group(2).strip("\n") for found in SECTION.finditer(page)}
    sections[name] = text.strip("\n")
    order = sorted(sections, key=[*NAMES, "reference", "recipes", "int8"].index)
    PAGE.write_text(HEAD + "".join(f"\n## {each}\n\n{sections[each]}\n" for each in order))


if __name__ == "__main__":
    main()
