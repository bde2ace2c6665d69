"""report.html and the pictures in it."""

from poseline.report.experiment import write

__all__ = ["write"]
