"""A self-contained HTML page: its parts, its style; it links files beside it, and loads none."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poseline.number_format import format_number, is_number

_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1d2430;--muted:#5b6574;--line:#d8dde5;--card:#f5f7fa;
--a:#2460c4;--b:#b4540a;--ok:#1b7a4b;--warn:#8a5a00;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--bg:#12161c;--fg:#e6eaf0;--muted:#a0aab8;--line:#2c3440;
--card:#1a2029;--a:#7aa7ff;--b:#f0a35c;--ok:#5fd39a;--warn:#f0c15c;--bad:#ff8a80}}
*{box-sizing:border-box}
body{font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;background:var(--bg);
color:var(--fg);margin:0}
header,main{max-width:64rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.5rem}h1{font-size:2rem;line-height:1.2;margin:0 0 .25rem}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;padding:0;margin:1rem 0 0}
a{color:var(--a)}
a:focus-visible,summary:focus-visible{outline:3px solid var(--a);outline-offset:2px}
section{margin-top:2.75rem}h2{font-size:1.3rem;margin:0 0 .75rem;padding-bottom:.35rem;
border-bottom:1px solid var(--line)}h3{font-size:1rem;margin:1.5rem 0 .5rem}
.muted,figcaption,caption{color:var(--muted);font-size:.9rem}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;
margin:1.5rem 0 0;padding:0}
.figures div{background:var(--card);border:1px solid var(--line);border-radius:.6rem;
padding:.75rem 1rem}.figures dt{color:var(--muted);font-size:.85rem}
.figures dd{margin:0;font-size:1.55rem;font-weight:650;font-variant-numeric:tabular-nums}
.scroll,.bars{margin-top:1.25rem}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
caption{text-align:left;padding-bottom:.4rem}
td,th{text-align:left;padding:.4rem .75rem;border-bottom:1px solid var(--line);vertical-align:top;
font-weight:400}thead th{color:var(--muted);font-size:.85rem;white-space:nowrap}
tbody th{white-space:nowrap}tbody tr:hover{background:var(--card)}
.n{text-align:right;font-variant-numeric:tabular-nums}
.verdict{font-weight:650;white-space:nowrap}.verdict::before{display:inline-block;width:1.2em}
.internal{color:var(--ok)}.internal::before{content:"✓"}
.external{color:var(--warn)}.external::before{content:"◐"}
.no{color:var(--bad)}.no::before{content:"✕"}
.note{border-left:4px solid var(--warn);background:var(--card);padding:.6rem 1rem;margin:1rem 0}
figure{margin:1rem 0}img{max-width:100%;height:auto;background:#fff;border-radius:.5rem;
border:1px solid var(--line)}
.bars td{border:0;padding:.15rem .75rem}
.bars th{border:0;padding:.15rem .75rem .15rem 0;white-space:nowrap}
.bars .n{width:4rem}.bar{display:block;height:.65rem;border-radius:.2rem;margin:.18rem 0;
min-width:2px}.s0{background:var(--a)}.s1{background:var(--b)}.s2{background:var(--ok)}
.track{width:60%;background:var(--card)}.key{display:inline-block;width:.8rem;height:.8rem;
border-radius:.2rem;margin:0 .35rem 0 1rem;vertical-align:-.05rem}
pre{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:1rem;
overflow:auto;font:.85rem/1.5 ui-monospace,Consolas,monospace}
summary{cursor:pointer}footer{margin:3rem 0 2rem}
@media print{body{font-size:11pt}nav{display:none}pre{white-space:pre-wrap}
details>*{display:block}section{break-inside:avoid}}
"""
_VERDICTS = ("internal", "external", "no")


@dataclass
class Page:
    """An HTML page, built part by part; all text is escaped here."""

    title: str
    subtitle: str = ""
    parts: list[str] = field(default_factory=list)
    _sections: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """Begin a section."""
        end = "</section>" if self._sections else ""
        self._sections.append(text)
        mark = f"part-{len(self._sections)}"
        self.parts.append(
            f'{end}<section aria-labelledby="{mark}"><h2 id="{mark}">{html.escape(text)}</h2>'
        )

    def text(self, text: str, *, muted: bool = False) -> None:
        """Add a paragraph."""
        style = ' class="muted"' if muted else ""
        self.parts.append(f"<p{style}>{html.escape(text)}</p>")

    def note(self, text: str) -> None:
        """Add what must not be overlooked."""
        self.parts.append(f'<p class="note" role="note">{html.escape(text)}</p>')

    def figures(self, figures: Mapping[str, str]) -> None:
        """Add a row of key figures."""
        boxes = "".join(
            f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>"
            for name, value in figures.items()
        )
        self.parts.append(f'<dl class="figures">{boxes}</dl>')

    def table(self, head: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> None:
        """Add a table; numbers are set to the right, verdicts in their colour with a sign."""
        numeric = [any(is_number(row[i]) for row in rows) for i in range(len(head))]
        top = "".join(
            f'<th scope="col"{_right(right)}>{html.escape(cell)}</th>'
            for cell, right in zip(head, numeric, strict=True)
        )
        body = "".join(
            f'<tr><th scope="row">{html.escape(format_number(row[0]))}</th>'
            + "".join(_cell(v, right=r) for v, r in zip(row[1:], numeric[1:], strict=True))
            + "</tr>"
            for row in rows
        )
        said = f"<caption>{html.escape(caption)}</caption>" if caption else ""
        self.parts.append(
            f'<div class="scroll" tabindex="0" role="region" aria-label='
            f'"{html.escape(caption or head[0], quote=True)}"><table>{said}<thead><tr>{top}</tr>'
            f"</thead><tbody>{body}</tbody></table></div>"
        )

    def bars(
        self, names: Sequence[str], series: Mapping[str, Sequence[float]], caption: str
    ) -> None:
        """Add a bar for each name and series, with its number beside it; values in [0, 1]."""
        key = "".join(
            f'<span class="key s{i % 3}" aria-hidden="true"></span>{html.escape(label)}'
            for i, label in enumerate(series)
        )
        rows = []
        for place, name in enumerate(names):
            values = [many[place] for many in series.values()]
            bars = "".join(
                f'<span class="bar s{i % 3}" style="width:{100 * value:.1f}%"></span>'
                for i, value in enumerate(values)
                if math.isfinite(value)
            )
            numbers = "".join(f'<td class="n">{format_number(value)}</td>' for value in values)
            rows.append(
                f'<tr><th scope="row">{html.escape(name.replace("_", " "))}</th>'
                f'<td class="track" aria-hidden="true">{bars}</td>{numbers}</tr>'
            )
        head = "".join(f'<th scope="col" class="n">{html.escape(label)}</th>' for label in series)
        self.parts.append(
            f'<table class="bars"><caption>{html.escape(caption)}{key}</caption><thead><tr>'
            f'<th scope="col">keypoint</th><td></td>{head}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table>"
        )

    def picture(self, path: Path, alternative: str, caption: str = "") -> None:
        """Add a picture, its content inside of the page."""
        kind = "png" if path.suffix == ".png" else "jpeg"
        data = base64.b64encode(path.read_bytes()).decode()
        text = html.escape(alternative, quote=True)
        said = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
        self.parts.append(
            f'<figure><img alt="{text}" src="data:image/{kind};base64,{data}">{said}</figure>'
        )

    def links(self, links: Mapping[str, str]) -> None:
        """Add a list of links to files beside the page: text to relative address."""
        items = "".join(
            f'<li><a href="{html.escape(address, quote=True)}">{html.escape(text)}</a></li>'
            for text, address in links.items()
        )
        self.parts.append(f"<ul>{items}</ul>")

    def code(self, text: str, summary: str = "") -> None:
        """Add preformatted text, folded away where it has a summary."""
        made = f'<pre tabindex="0">{html.escape(text)}</pre>'
        if summary:
            made = f"<details><summary>{html.escape(summary)}</summary>{made}</details>"
        self.parts.append(made)

    def __str__(self) -> str:
        title, subtitle = html.escape(self.title), html.escape(self.subtitle)
        links = "".join(
            f'<li><a href="#part-{number}">{html.escape(text)}</a></li>'
            for number, text in enumerate(self._sections, 1)
        )
        nav = f'<nav aria-label="Sections"><ul>{links}</ul></nav>' if links else ""
        end = "</section>" if self._sections else ""
        below = f'<p class="muted">{subtitle}</p>' if subtitle else ""
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{title}</title><style>{_STYLE}</style></head><body>"
            f"<header><h1>{title}</h1>{below}{nav}</header>"
            f"<main>{''.join(self.parts)}{end}</main></body></html>\n"
        )


def _right(right: bool) -> str:
    return ' class="n"' if right else ""


def _cell(value: Any, *, right: bool) -> str:
    text = html.escape(format_number(value))
    if text in _VERDICTS:
        return f'<td><span class="verdict {text}">{text}</span></td>'
    return f"<td{_right(right)}>{text}</td>"
