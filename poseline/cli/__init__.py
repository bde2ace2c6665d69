"""The command line. Nothing heavy is imported before a command needs it."""

from poseline.cli.app import main

__all__ = ["main"]
