"""`python -m poseline`: the command line where the script is not on the PATH."""

from __future__ import annotations

from poseline.cli import main

main()
