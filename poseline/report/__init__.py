"""report.html and the pictures in it."""

from poseline.report.experiment import render, write

__all__ = ["render", "write"]
