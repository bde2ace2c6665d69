"""The table without lines that lists of runs, layers and boards are shown in."""

from __future__ import annotations

from rich.table import Table


def plain_table(title: str, caption: str | None = None) -> Table:
    """Return a table without lines, its title and caption at the left."""
    return Table(
        title=title,
        title_justify="left",
        caption=caption,
        caption_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )
