import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from poseline import report
from poseline.boards.layers import Layer
from poseline.data.keypoints import KNOWN
from poseline.report import overlay
from poseline.report.page import Page
from poseline.store.manifest import Manifest

STYLE = (Path(report.__file__).parent / "templates/page.css").read_text()
VOID = {"meta", "img", "br", "link", "input"}
HOSTILE = '<script>alert("x")</script> & "quotes"'


class Reader(HTMLParser):
    """Checks that elements are closed in order; collects what a test looks at."""

    def __init__(self):
        super().__init__()
        self.open, self.images, self.headings, self.addresses = [], [], [], []
        self.tables = self.captions = self.scripts = 0
        self.ids, self.text = [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            self.images.append(found)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.addresses += [v for k, v in attrs if k in ("href", "src", "action", "srcset")]
        self.ids += [found["id"]] if "id" in found else []
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self.scripts += tag == "script"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def manifest(folder, stage, roles=None, metrics=None, summary=None):
    folder.mkdir(parents=True)
    for name in (roles or {}).values():
        picture = np.full((20, 30, 3), 120, np.uint8)
        if name.endswith(".json"):
            (folder / name).write_text("[]")
        else:
            cv2.imwrite(str(folder / name), picture)
    Manifest(
        stage=stage,
        config_hash="",
        inputs={},
        files={},
        roles=roles or {},
        metrics=metrics or {},
        summary=summary or {},
        seed=1,
        versions={"numpy": "2"},
        created="2026-01-01T00:00:00+00:00",
    ).write(folder)
    return folder


BOARD = {
    "board": "STM32H747I-DISCO",
    "verdict": "internal",
    "reason": "fits into the chip",
    "flash_margin_kb": 1500.0,
    "ram_margin_kb": 800.0,
    "latency_ms": 36.6,
    "latency_low_ms": 33.0,
    "latency_high_ms": 40.6,
    "core": "Cortex-M7",
    "points": 15,
}


@pytest.fixture
def experiment(tmp_path):
    """The folders of a chain_tqeb, as the stages leave them, and its test set."""
    test = tmp_path / "set"
    test.mkdir()
    for number in range(3):
        cv2.imwrite(str(test / f"{number}.jpg"), np.full((40, 60, 3), 200, np.uint8))
    folders = {
        "train": manifest(tmp_path / "train", "train", {"curves": "curves.png"}),
        "quantize": manifest(
            tmp_path / "quantize",
            "quantize",
            {},
            {"size_kb": 740.0, "float_size_kb": 2614.0},
            {
                "quantizer": "TFlite_converter",
                "granularity": "per_channel",
                "calibrated": True,
                "input": [{"dtype": "uint8", "scale": 0.00784, "zero_point": 127}],
                "output": [{"dtype": "float32", "scale": 1.0, "zero_point": 0}],
                "worst_layers": [
                    {"name": HOSTILE, "sqnr_db": 25.8, "max_error": 0.002, "range": 0.038}
                ],
            },
        ),
        "benchmark": manifest(
            tmp_path / "benchmark",
            "benchmark",
            {"boards": "boards.png"},
            {
                "macc": 1.0e6,
                "flash_kb": 601.0,
                "ram_kb": 270.0,
                "latency_ms_estimate": 36.6,
                "host_ms_median": 0.7,
            },
            {
                "board": "STM32H747I-DISCO",
                "verdict": "STM32H747I-DISCO: internal",
                "latency_error": "within a factor of 1.11",
                "boards": [
                    BOARD,
                    BOARD | {"board": "NUCLEO-F401RE", "verdict": "no"},
                    BOARD | {"board": "STM32N6570-DK", "verdict": "external"},
                ],
            },
        ),
    }
    names = KNOWN[17].names
    for name, level in (("float", 0.8), ("int8", 0.7)):
        found = dict.fromkeys(names, level) | {"left_ear": float("nan")}
        out = manifest(
            tmp_path / name,
            "evaluate",
            {
                "predictions": "predictions.json",
                "keypoints": "k.png",
                "curves": "c.png",
                "precision": "p.png",
            },
            {"oks": level, "ap": level - 0.2, "pck": level, "pictures_per_s": 1234.0},
            {"pictures": 3, "oks_per_keypoint": found, "accuracy_known": True},
        )
        pose = [30.0, 20.0, 0.9] * 17
        entries = [
            {"image_id": n + 1, "file_name": f"{n}.jpg", "keypoints": pose, "score": 0.9}
            for n in range(3)
        ]
        (out / "predictions.json").write_text(json.dumps(entries))
        folders[f"evaluate-{name}"] = out
    return folders, test


def written(experiment, tmp_path, **changes):
    folders, test = experiment
    report.write(
        folders, "general: {}\n", HOSTILE, tmp_path / "report.html", changes.get("test", test)
    )
    return (tmp_path / "report.html").read_text()


def test_it_has_every_part_and_no_address_of_anything_else(experiment, tmp_path):
    page = written(experiment, tmp_path)
    reader = read(page)
    assert all(a.startswith(("data:image/", "#")) for a in reader.addresses)
    assert not re.search(r"url\(|@import|https?://", page)
    assert reader.scripts == 0
    text = " ".join(reader.text)
    for part in (
        "Training",
        "Accuracy",
        "Poses",
        "Size and latency",
        "Quantization",
        "Boards",
        "Config",
    ):
        assert part in text
    assert HOSTILE in text
    assert "740" in text
    assert "1,234" in text
    assert "within a factor of 1.11" in text
    assert text.index("nose") < text.index("left eye") < text.index("right ankle")
    assert "nan" not in text


def test_it_can_be_read_without_seeing_it(experiment, tmp_path):
    reader = read(written(experiment, tmp_path))
    assert len(reader.images) == 7
    assert all(len(image["alt"]) > 20 for image in reader.images)
    assert reader.headings[0] == 1
    assert all(b - a <= 1 for a, b in zip(reader.headings, reader.headings[1:], strict=False))
    assert reader.tables == reader.captions
    assert len(set(reader.ids)) == len(reader.ids)
    links = [a.removeprefix("#") for a in reader.addresses if a.startswith("#")]
    assert links == reader.ids


def test_what_is_missing_is_left_out(experiment, tmp_path):
    folders, _ = experiment
    for name in ("train", "quantize", "benchmark", "evaluate-int8"):
        del folders[name]
    text = " ".join(read(written(experiment, tmp_path, test=None)).text)
    assert "Accuracy" in text
    assert not any(part in text for part in ("Training", "Boards", "Quantization", "Poses"))
    folders.clear()
    assert "Config" in written(experiment, tmp_path, test=None)


def test_random_calibration_is_said(experiment, tmp_path):
    folders, _ = experiment
    known = Manifest.read(folders["evaluate-int8"])
    summary = known.summary | {"accuracy_known": False}
    replace(known, summary=summary).write(folders["evaluate-int8"])
    assert "its accuracy says nothing" in written(experiment, tmp_path)


def test_overlays_have_a_row_a_model(experiment, tmp_path):
    folders, test = experiment
    models = {
        name: overlay.Shown(folders[name] / "predictions.json", None, 0.15)
        for name in ("evaluate-float", "evaluate-int8")
    }
    assert overlay.draw(test, models, tmp_path / "o.jpg")
    assert cv2.imread(str(tmp_path / "o.jpg")).shape[:2] == (800, 1200)
    assert not overlay.draw(tmp_path / "elsewhere", models, tmp_path / "none.jpg")
    assert not (tmp_path / "none.jpg").exists()


def luminance(colour):
    digits = colour if len(colour) == 6 else "".join(c * 2 for c in colour)
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_the_contrast_that_wcag_asks_for(scheme):
    """4.5 : 1 for text on the page and on cards (WCAG 2.1, 1.4.3)."""
    block = re.findall(r":root\{([^}]*)\}", STYLE)[0 if scheme == "light" else 1]
    colours = dict(re.findall(r"--(\w+):#([0-9a-f]{3,6})", block))
    for ground in ("bg", "card"):
        for text in ("fg", "muted", "a", "b", "ok", "warn", "bad"):
            one, other = sorted((luminance(colours[ground]), luminance(colours[text])))
            assert (other + 0.05) / (one + 0.05) >= 4.5, (ground, text)


def test_numbers_have_the_digits_that_they_deserve():
    page = Page("t")
    page.table(
        ["a", "b"], [["x", 0.12345], ["y", 12.345], ["z", 123456.0], ["w", float("nan")], ["v", 7]]
    )
    text = " ".join(read(str(page)).text)
    for shown in ("0.123", "12.3", "123,456", "–", "7"):
        assert shown in text


def test_predictions_show_their_sheet(tmp_path):
    folder = manifest(tmp_path / "p", "predict", {"contact_sheet": "sheet.jpg"}, {"pictures": 4.0})
    report.write({"predict": folder}, "general: {}", "t", tmp_path / "report.html")
    reader = read((tmp_path / "report.html").read_text())
    assert "first of 4 pictures" in reader.images[0]["alt"]


def test_it_says_where_figures_come_from_and_links_its_files(experiment, tmp_path):
    """The set, the ends of the int8 model with their quantization, and every file by its role."""
    folders, test = experiment
    page = report.render(
        folders, "general: {}", "t", test, test_set="the validation set", beside=tmp_path
    )
    reader = read(page)
    text = " ".join(reader.text)
    assert "On 3 pictures of the validation set" in text
    assert "zero point" in text
    assert "uint8" in text
    links = [address for address in reader.addresses if not address.startswith(("#", "data:"))]
    assert "train/curves.png" in links
    assert all((tmp_path / link).is_file() for link in links)


def test_the_layers_of_the_deployed_model_are_listed(experiment, tmp_path, monkeypatch):
    folders, _ = experiment
    layer = Layer(0, "block/conv", "CONV_2D", (64, 64, 16), 448, 1_769_472)
    monkeypatch.setattr("poseline.report.deployed_model.read_layers", lambda path: [layer])
    known = Manifest.read(folders["quantize"])
    replace(known, roles={"model": "quantized_model.tflite"}).write(folders["quantize"])
    reader = read(report.render(folders, "general: {}", "t"))
    text = " ".join(reader.text)
    assert "The 1 operations of quantized_model.tflite" in text
    for part in ("block/conv", "CONV_2D", "64 × 64 × 16", "1,769,472"):
        assert part in text
