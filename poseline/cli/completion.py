"""The completion of commands in the user's shell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from poseline.errors import ConfigError, Problem
from poseline.terminal import Console

Shell = Literal["zsh", "bash", "fish", "powershell"]


def install_completion(
    *,
    shell: Shell | None = None,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    overwrite: bool = False,
) -> None:
    """Install command completion.

    Args:
        shell: The shell; by default the current one.
        output: Write the script to this file and change nothing else. By default it is written
            where the shell looks for it, and the shell's start-up file is changed to load it.
        overwrite: Replace a file at `output` that poseline did not write.
    """
    from cyclopts.completion.detect import ShellDetectionError, detect_shell

    from poseline.cli.app import app
    from poseline.store.manifest import write_atomic
    from poseline.store.ownership import MARK, check_file

    try:
        shell = shell or detect_shell()
    except ShellDetectionError:
        problem = Problem("--shell", "an unknown shell", "zsh, bash, fish, powershell")
        raise ConfigError([problem], "the command line") from None
    console = Console(soft_wrap=True)
    if output is None:
        written = app.install_completion(shell=shell)
        console.print(f"Wrote {written}; it takes effect in a new shell.")
        return
    written = check_file(output, overwrite=overwrite)
    write_atomic(written, f"{app.generate_completion(shell=shell)}\n# {MARK.decode()}\n")
    console.print(f"Wrote {written}; to use it, load it from the start-up file of {shell}.")
