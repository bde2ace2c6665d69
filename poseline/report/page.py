"""report.html: everything of an experiment that people would rather look at than read."""

from __future__ import annotations

import base64
import html
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poseline.report import overlay
from poseline.store.manifest import Manifest, write_atomic

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--muted:#888}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{margin-bottom:0}h2{border-bottom:1px solid var(--line);margin-top:2.5rem}
.muted{color:var(--muted)}.figures{display:flex;flex-wrap:wrap;gap:1rem;margin:1.5rem 0}
.figures div{border:1px solid var(--line);border-radius:.5rem;padding:.6rem 1rem;min-width:7rem}
.figures b{display:block;font-size:1.5rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .6rem;
border-bottom:1px solid var(--line)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
img{max-width:100%;background:#fff;border-radius:.4rem}pre{overflow:auto;font-size:.85rem}
.internal{color:#2e9e6b}.external{color:#c98a12}.no{color:#d0453b}
@media print{body{margin:0}pre{white-space:pre-wrap}}
"""


@dataclass
class Page:
    """A self-contained HTML page, built part by part; all text is escaped here."""

    title: str
    parts: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """Add a section's heading."""
        self.parts.append(f"<h2>{html.escape(text)}</h2>")

    def text(self, text: str, *, muted: bool = False) -> None:
        """Add a paragraph."""
        self.parts.append(f'<p class="{"muted" if muted else ""}">{html.escape(text)}</p>')

    def figures(self, figures: Mapping[str, str]) -> None:
        """Add a row of key figures."""
        boxes = "".join(
            f"<div>{html.escape(name)}<b>{html.escape(value)}</b></div>"
            for name, value in figures.items()
        )
        self.parts.append(f'<div class="figures">{boxes}</div>')

    def table(self, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add a table; numbers are set to the right, verdicts in their colour."""
        top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
        body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
        self.parts.append(f"<table><tr>{top}</tr>{body}</table>")

    def picture(self, path: Path, alternative: str) -> None:
        """Add a picture, its content inside of the page."""
        kind = "png" if path.suffix == ".png" else "jpeg"
        data = base64.b64encode(path.read_bytes()).decode()
        text = html.escape(alternative, quote=True)
        self.parts.append(f'<p><img alt="{text}" src="data:image/{kind};base64,{data}"></p>')

    def code(self, text: str) -> None:
        """Add preformatted text."""
        self.parts.append(f"<pre>{html.escape(text)}</pre>")

    def __str__(self) -> str:
        title = html.escape(self.title)
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
            f"<style>{_STYLE}</style><h1>{title}</h1>{''.join(self.parts)}</html>\n"
        )


def _cell(value: Any) -> str:
    if isinstance(value, float | int):
        return (
            f'<td class="n">{value:,.4g}</td>' if value < 1 else f'<td class="n">{value:,.1f}</td>'
        )
    text = html.escape(str(value))
    style = text if text in ("internal", "external", "no") else ""
    return f'<td class="{style}">{text}</td>'


def write(
    folders: Mapping[str, Path], config: str, title: str, out: Path, test: Path | None = None
) -> None:
    """Write the report of an experiment.

    Args:
        folders: Step to the output folder that it left; what is missing is left out.
        config: The resolved config as YAML.
        title: Name of the project.
        out: The file to write.
        test: Folder of the test set; its pictures show the poses of each evaluated model.
    """
    manifests = {name: Manifest.read(folder) for name, folder in folders.items()}
    page = Page(title)
    evaluations = {n: m for n, m in manifests.items() if m.stage == "evaluate"}
    _key_figures(page, manifests, evaluations)
    if (train := manifests.get("train")) and "curves" in train.roles:
        page.heading("Training")
        page.picture(folders["train"] / train.roles["curves"], "loss, OKS and learning rate")
    if evaluations:
        _accuracy(page, folders, evaluations)
        if test:
            _overlays(page, folders, evaluations, test)
    if quantize := manifests.get("quantize"):
        _quantization(page, quantize)
    if benchmark := manifests.get("benchmark"):
        _boards(page, folders["benchmark"], benchmark)
    page.heading("Config")
    page.code(config)
    last = list(manifests.values())[-1] if manifests else None
    if last:
        page.heading("Versions")
        page.text(", ".join(f"{k} {v}" for k, v in last.versions.items()), muted=True)
    write_atomic(out, str(page))


def _key_figures(
    page: Page, manifests: Mapping[str, Manifest], evaluations: Mapping[str, Manifest]
) -> None:
    figures = {
        f"OKS {name.removeprefix('evaluate-')}": f"{manifest.metrics['oks']:.3f}"
        for name, manifest in evaluations.items()
        if "oks" in manifest.metrics
    }
    if quantize := manifests.get("quantize"):
        figures["int8 file"] = f"{quantize.metrics['size_kb']:,.0f} KB"
    if benchmark := manifests.get("benchmark"):
        labels = {"flash_kb": "flash, estimate", "ram_kb": "RAM, estimate"}
        for key, label in labels.items():
            if key in benchmark.metrics:
                figures[label] = f"{benchmark.metrics[key]:,.0f} KB"
        if verdict := benchmark.summary.get("verdict"):
            page.text(f"Fit: {verdict}")
    page.figures(figures)


def _accuracy(page: Page, folders: Mapping[str, Path], found: Mapping[str, Manifest]) -> None:
    page.heading("Accuracy")
    names = list(dict.fromkeys(key for manifest in found.values() for key in manifest.metrics))
    columns = [name.removeprefix("evaluate-") for name in found]
    rows = [[key, *(m.metrics.get(key, "–") for m in found.values())] for key in names]
    page.table(["figure", *columns], rows)
    points = [m.summary.get("oks_per_keypoint", {}) for m in found.values()]
    page.text("OKS per keypoint")
    page.table(
        ["keypoint", *columns], [[name, *(p.get(name, "–") for p in points)] for name in points[0]]
    )
    for name, manifest in found.items():
        for role in ("keypoints", "curves"):
            if role in manifest.roles:
                page.picture(folders[name] / manifest.roles[role], f"{name}: {role}")


def _overlays(
    page: Page, folders: Mapping[str, Path], found: Mapping[str, Manifest], test: Path
) -> None:
    predictions = {name: folders[name] / m.roles["predictions"] for name, m in found.items()}
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "overlays.jpg"
        overlay.draw(test, predictions, picture)
        page.text(f"The same pictures, a row a model: {', '.join(predictions)}")
        page.picture(picture, "poses of each model")


def _quantization(page: Page, manifest: Manifest) -> None:
    page.heading("Quantization")
    if not manifest.summary.get("calibrated"):
        page.text("Calibrated on random data: the accuracy of the int8 model says nothing.")
    page.text("Worst layers, by signal to quantization noise (dB, higher is better)")
    rows = [
        [layer["name"], layer["sqnr_db"], layer["max_error"], layer["range"]]
        for layer in manifest.summary.get("worst_layers", [])
    ]
    page.table(["layer", "SQNR dB", "largest error", "range"], rows)


def _boards(page: Page, folder: Path, manifest: Manifest) -> None:
    page.heading("Boards")
    boards = manifest.summary.get("boards", [])
    if boards:
        error = manifest.summary.get("latency_error", "")
        page.text(f"Estimates, not measurements; the latency is right {error}.", muted=True)
        rows = [
            [b["board"], b["verdict"], b["flash_margin_kb"], b["ram_margin_kb"], b["latency_ms"],
             b["reason"]]
            for b in boards
        ]  # fmt: skip
        page.table(
            ["board", "fit", "flash left KB", "RAM left KB", "latency ms (estimate)", "why"], rows
        )
    if "boards" in manifest.roles:
        page.picture(folder / manifest.roles["boards"], "latency on the boards, estimate")
    measured = {k: v for k, v in manifest.metrics.items() if k.startswith("host_")}
    if measured:
        page.text("Measured on this host")
        page.table(["figure", "value"], [list(item) for item in measured.items()])
