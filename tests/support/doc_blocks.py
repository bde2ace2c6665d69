"""Fenced blocks of the documentation, and the commands in them."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from support.samples import ROOT

GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GUIDES += sorted((ROOT / "docs" / "guides").glob("*.md"))
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: Where it stands.
        line: Its first line, from 1.
        language: What follows the fence.
        text: What is in it.
    """

    page: Path
    line: int
    language: str
    text: str

    @property
    def name(self):
        """The file that its first line names in a comment, or empty."""
        found = re.match(r"# ([\w-]+\.(?:yaml|py))\n", self.text)
        return found[1] if found else ""

    @property
    def commands(self):
        """Its simple commands, each a list of words."""
        text = re.sub(r"\\\n\s*", "", self.text)
        for line in text.splitlines():
            for command in re.split(r" (?:\||&&) ", line):
                if words := shlex.split(command, comments=True):
                    yield words

    def __str__(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page):
    """Return the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for found in _FENCE.finditer(text)
    ]


def notebook_cells(path):
    """Return the code cells of a notebook, in order."""
    cells = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
