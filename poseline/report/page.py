"""A self-contained HTML page: its parts; it links files beside it, and loads none."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from poseline.number_format import format_number, is_number

_VERDICTS = ("internal", "external", "no")


@dataclass
class Section:
    """A part of the page with a heading; the first has none.

    Attributes:
        title: Its heading.
        parts: Name of a macro of the template, and its arguments.
    """

    title: str = ""
    parts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@dataclass
class Page:
    """An HTML page, built part by part; the template escapes all text.

    Attributes:
        title: Its title.
        subtitle: A line below it; empty: none.
        sections: What it consists of.
    """

    title: str
    subtitle: str = ""
    sections: list[Section] = field(default_factory=lambda: [Section()])

    def heading(self, text: str) -> None:
        """Begin a section."""
        self.sections.append(Section(text))

    def text(self, text: str, *, muted: bool = False) -> None:
        """Add a paragraph."""
        self._add("paragraph", text=text, style="muted" if muted else "", role="")

    def note(self, text: str) -> None:
        """Add what must not be overlooked."""
        self._add("paragraph", text=text, style="note", role="note")

    def figures(self, figures: Mapping[str, str]) -> None:
        """Add a row of key figures."""
        self._add("figures", boxes=list(figures.items()))

    def table(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[Any]],
        caption: str = "",
        *,
        summary: str = "",
    ) -> None:
        """Add a table; numbers are set to the right, verdicts in their colour with a sign.

        Args:
            head: A title for each column.
            rows: Texts and numbers.
            caption: What stands above it.
            summary: What stands in its place while it is folded away; empty: it is shown.
        """
        numeric = [any(is_number(row[i]) for row in rows) for i in range(len(head))]
        self._add("table", head=head, rows=rows, numeric=numeric, caption=caption, summary=summary)

    def bars(
        self, names: Sequence[str], series: Mapping[str, Sequence[float]], caption: str
    ) -> None:
        """Add a bar for each name and series, with its number beside it; values in [0, 1]."""
        rows = [
            (name.replace("_", " "), values)
            for name, values in zip(names, zip(*series.values(), strict=True), strict=True)
        ]
        self._add("bars", labels=list(series), rows=rows, caption=caption)

    def picture(self, path: Path, alternative: str, caption: str = "") -> None:
        """Add a picture, its content inside of the page."""
        kind = "png" if path.suffix == ".png" else "jpeg"
        data = base64.b64encode(path.read_bytes()).decode()
        address = f"data:image/{kind};base64,{data}"
        self._add("picture", address=address, alternative=alternative, caption=caption)

    def links(self, links: Mapping[str, str]) -> None:
        """Add a list of links to files beside the page: text to relative address."""
        self._add("links", targets=list(links.items()))

    def code(self, text: str, summary: str = "") -> None:
        """Add preformatted text, folded away where it has a summary."""
        self._add("code", text=text, summary=summary)

    def _add(self, kind: str, **values: Any) -> None:
        self.sections[-1].parts.append((kind, values))

    def __str__(self) -> str:
        template, style = _template()
        return template.render(page=self, style=style, verdicts=_VERDICTS)


@cache
def _template() -> tuple[Template, str]:
    """Return the template of a page and its style."""
    environment = Environment(
        loader=PackageLoader("poseline.report"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["number"] = format_number
    style = Path(__file__).with_name("templates") / "page.css"
    return environment.get_template("page.html.j2"), style.read_text(encoding="utf-8")
