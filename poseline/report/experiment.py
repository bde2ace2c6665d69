"""report.html: everything of an experiment that people would rather look at than read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from poseline.boards import figures
from poseline.data.definitions import unnamed
from poseline.report import overlay
from poseline.report.deployed_model import add_boards, add_export, add_layers, add_quantization
from poseline.report.page import Page
from poseline.store.manifest import Manifest, write_atomic

_ACCURACY = {
    "oks": "OKS",
    "host_oks": "OKS in LiteRT",
    "largest_difference": "largest difference, TFLM and LiteRT",
    "ap": "AP",
    "ap50": "AP at OKS 0.50",
    "ap75": "AP at OKS 0.75",
    "ap_medium": "AP, medium persons",
    "ap_large": "AP, large persons",
    "ar": "AR",
    "ar50": "AR at OKS 0.50",
    "ar75": "AR at OKS 0.75",
    "ar_medium": "AR, medium persons",
    "ar_large": "AR, large persons",
    "pck": "PCK at 0.1",
}


def write(
    folders: Mapping[str, Path], config: str, title: str, out: Path, test: Path | None = None
) -> None:
    """Write the report of an experiment.

    Args:
        folders: As `render` takes them, like `config`, `title` and `test`.
        config: The resolved config.
        title: Name of the project.
        out: The file to write.
        test: Folder of the test set.
    """
    write_atomic(out, render(folders, config, title, test))


def render(
    folders: Mapping[str, Path],
    config: str,
    title: str,
    test: Path | None = None,
    *,
    test_set: str = "the test set",
    beside: Path | None = None,
) -> str:
    """Return the report of an experiment as HTML.

    Args:
        folders: Step to the output folder that it left; what is missing is left out.
        config: The resolved config as YAML.
        title: Name of the project.
        test: Folder of the test set; its pictures show the poses of each evaluated model.
        test_set: What that set is, in words.
        beside: Folder of the report; files of the experiment are linked from there.
    """
    manifests = {name: Manifest.read(folder) for name, folder in folders.items()}
    last = list(manifests.values())[-1] if manifests else None
    page = Page(title, f"finished {last.created}" if last else "")
    evaluations = {n: m for n, m in manifests.items() if m.stage == "evaluate"}
    _key_figures(page, manifests, evaluations)
    if (train := manifests.get("train")) and "curves" in train.roles:
        page.heading("Training")
        page.picture(
            folders["train"] / train.roles["curves"],
            "Loss of training and validation, OKS on the validation set, and learning rate, over "
            "the epochs",
        )
    if evaluations:
        _accuracy(page, folders, evaluations, test_set)
        if test:
            _overlays(page, folders, evaluations, test)
    if predict := manifests.get("predict"):
        page.heading("Pictures")
        page.picture(
            folders["predict"] / predict.roles["contact_sheet"],
            f"Poses that the model sees in the first of {predict.metrics['pictures']:.0f} pictures",
            "All of them are in predictions/pictures, and as COCO results in predictions.json.",
        )
    _cost(page, manifests, evaluations)
    if quantize := manifests.get("quantize"):
        add_quantization(page, quantize)
    add_layers(page, folders, manifests)
    if benchmark := manifests.get("benchmark"):
        add_boards(page, folders["benchmark"], benchmark)
    if export := manifests.get("export"):
        add_export(page, export)
    if beside:
        _files(page, folders, manifests, beside)
    page.heading("Config")
    page.code(config, "The resolved config")
    if last:
        versions = ", ".join(f"{name} {version}" for name, version in last.versions.items())
        page.text(f"Made with {versions}.", muted=True)
    return str(page)


def _key_figures(
    page: Page, manifests: Mapping[str, Manifest], evaluations: Mapping[str, Manifest]
) -> None:
    shown = {}
    for name, manifest in evaluations.items():
        for key, label in (("host_oks", _model(name)), ("oks", _labelled(name, manifest))):
            if key in manifest.metrics:
                shown[f"OKS {label}".strip()] = f"{manifest.metrics[key]:.3f}"
    if quantize := manifests.get("quantize"):
        shown["int8 file"] = f"{quantize.metrics['size_kb']:,.0f} KB"
    if benchmark := manifests.get("benchmark"):
        source = benchmark.summary.get("ram_source", "estimate")
        labels = {"flash_kb": "flash, estimate", "ram_kb": f"RAM, {source}"}
        for key, label in labels.items():
            if key in benchmark.metrics:
                shown[label] = f"{benchmark.metrics[key]:,.0f} KB"
        if "latency_ms_estimate" in benchmark.metrics:
            shown["latency, estimate"] = f"{benchmark.metrics['latency_ms_estimate']:,.1f} ms"
    page.figures(shown)
    if benchmark and (verdict := benchmark.summary.get("verdict")):
        page.text(f"Fit: {verdict}")
    if any(m.summary.get("accuracy_known") is False for m in evaluations.values()):
        page.note("The int8 model was calibrated on random data: its accuracy says nothing.")


def _model(step: str) -> str:
    return step.removeprefix("evaluate").strip("-")


def _labelled(step: str, manifest: Manifest) -> str:
    """Return what a model is called beside others: `int8`, `int8 in TFLM`."""
    inside = "in TFLM" if manifest.summary.get("format") == "tflm" else ""
    return f"{_model(step)} {inside}".strip()


def _accuracy(
    page: Page, folders: Mapping[str, Path], found: Mapping[str, Manifest], test_set: str
) -> None:
    page.heading("Accuracy")
    columns = [_labelled(name, m) or "model" for name, m in found.items()]
    rows = [
        [label, *(m.metrics.get(key, float("nan")) for m in found.values())]
        for key, label in _ACCURACY.items()
        if any(key in m.metrics for m in found.values())
    ]
    pictures = next(iter(found.values())).summary.get("pictures", 0)
    page.table(["figure", *columns], rows, f"On {pictures} pictures of {test_set}")
    points = [m.summary.get("oks_per_keypoint", {}) for m in found.values()]
    if points[0]:
        names = _keypoint_names(folders, found, list(points[0]))
        series = {
            column: [float(p.get(name, float("nan"))) for name in names]
            for column, p in zip(columns, points, strict=True)
        }
        page.bars(names, series, "OKS per keypoint")
    for name, manifest in found.items():
        for role, text in (
            ("curves", "share of poses above each OKS, and PCK over its threshold"),
            ("precision", "precision over recall, a line an OKS threshold"),
        ):
            if role in manifest.roles:
                label = _model(name) or "model"
                page.picture(
                    folders[name] / manifest.roles[role], f"{label}: {text}", f"{label}: {text}"
                )


def _keypoint_names(
    folders: Mapping[str, Path], found: Mapping[str, Manifest], measured: list[str]
) -> list[str]:
    """Return the measured keypoints in the order of their set; a manifest sorts them."""
    step, manifest = next(iter(found.items()))
    if "points" in manifest.roles:
        shown = overlay.Shown(Path(), folders[step] / manifest.roles["points"], 0)
        return list(shown.keypoints(len(measured)).names)
    known = unnamed(len(measured)).names
    return list(known) if set(known) == set(measured) else measured


def _overlays(
    page: Page, folders: Mapping[str, Path], found: Mapping[str, Manifest], test: Path
) -> None:
    shown = {
        name: overlay.Shown(
            folders[name] / m.roles["predictions"],
            folders[name] / m.roles["points"] if "points" in m.roles else None,
            float(m.summary.get("threshold", 0.15)),
        )
        for name, m in found.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "overlays.jpg"
        if not overlay.draw(test, shown, picture):
            return
        order = ", then ".join(_model(name) or "the model" for name in shown)
        page.heading("Poses")
        page.picture(
            picture,
            f"Evaluated pictures with the poses that each model sees; rows: {order}",
            f"The same pictures, a row a model: {order}. Left limbs are orange, right ones green; "
            "a red point is below the confidence threshold.",
        )


def _cost(
    page: Page, manifests: Mapping[str, Manifest], evaluations: Mapping[str, Manifest]
) -> None:
    quantize, benchmark = manifests.get("quantize"), manifests.get("benchmark")
    if not quantize and not benchmark:
        return
    page.heading("Size and latency")
    if quantize:
        rates = {_model(n): m.metrics.get("pictures_per_s") for n, m in evaluations.items()}
        rows = [
            [label, quantize.metrics[key], rates.get(label) or float("nan")]
            for label, key in (("float", "float_size_kb"), ("int8", "size_kb"))
        ]
        page.table(["model", "file, KB", "pictures/s here, in batches"], rows, "Files")
    if benchmark:
        labels = figures.labelled(benchmark.metrics, benchmark.summary)
        board = benchmark.summary.get("board", "")
        rows = [list(row) for row in labels.items()]
        page.table(["figure", "value"], rows, f"Cost of the deployed model, for {board}")
        for subject, words in figures.remarks(benchmark.summary).items():
            page.text(f"{subject[0].upper()}{subject[1:]}: {words}", muted=True)


def _files(
    page: Page, folders: Mapping[str, Path], manifests: Mapping[str, Manifest], beside: Path
) -> None:
    links = {
        f"{step}: {role.replace('_', ' ')} ({Path(name).name})": os.path.relpath(
            folders[step] / name, beside
        )
        for step, manifest in manifests.items()
        for role, name in manifest.roles.items()
        if step != "convert"
    }
    if links:
        page.heading("Files")
        page.text("Of the run directory; the links work while the report lies in it.", muted=True)
        page.links(links)
