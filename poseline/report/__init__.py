"""report.html and the pictures in it."""

from poseline.report.page import write

__all__ = ["write"]
