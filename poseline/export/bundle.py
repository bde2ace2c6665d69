"""The exported folder, file by file, and its archive."""

from __future__ import annotations

import zipfile
from pathlib import Path

from poseline.boards.stedgeai import series
from poseline.boards.table import board
from poseline.config.models.benchmarking import StEdgeAi
from poseline.config.models.config import Config
from poseline.export import c_text, golden, header, parts, tflm
from poseline.export.contract import Contract

MODEL = "model.tflite"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_INTERNAL = ("poseline_internal.h",)


def files(
    contract: Contract, found: golden.Golden, config: Config, content: bytes
) -> dict[str, str | bytes]:
    """Return every file of the export: path to content.

    Args:
        contract: Of the model.
        found: The self-test's data.
        config: Its `benchmarking.board` and `tools.stedgeai` make ST's command lines.
        content: The .tflite file.
    """
    made: dict[str, dict[str, str]] = {
        "include": {
            "poseline.h": parts.read("poseline.h"),
            "poseline_model.h": header.header(contract),
        },
        "src": parts.parts(contract)
        | {"poseline_model.c": header.source(contract)}
        | {name: parts.read(name) for name in _INTERNAL},
        "model": tflm.model_data(MODEL, content),
        "tflm": tflm.interpreter(contract),
        "stedgeai": {"generate.sh": _vendor(config)},
        "selftest": {name: parts.read(name) for name in parts.SELF_TEST}
        | golden.files(contract, found),
    }
    flat = {f"{folder}/{n}": text for folder, each in made.items() for n, text in each.items()}
    return {
        "README.md": _readme(contract, config, len(content)),
        "Makefile": golden.template("Makefile"),
        f"model/{MODEL}": content,
        **flat,
    }


def archive(folder: Path, to: Path) -> None:
    """Write a folder as .zip: the same content, the same bytes."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as made:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(f"{to.stem}/{path.relative_to(folder).as_posix()}", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.suffix == ".sh" else 0o644) << 16
            made.writestr(entry, path.read_bytes())


def _vendor(config: Config) -> str:
    settings: StEdgeAi = config.tools.stedgeai
    facts = board(config.benchmarking.board) if config.benchmarking else None
    target = series(facts) if facts and not facts.is_processor else '"${TARGET:?such as stm32h7}"'
    npu = " \\\n    --st-neural-art" if target == "stm32n6" else ""
    return golden.template("generate.sh").format(
        board=facts.name if facts else "any STM32",
        series=target,
        optimization=settings.optimization,
        model=MODEL,
        more=npu,
    )


def _readme(contract: Contract, config: Config, size: int) -> str:
    given, found, resizing = contract.input, contract.output, contract.preprocessing.resizing
    heatmaps = contract.model_type == "heatmaps_spe"
    flip = "\n- `flip_test` was set for evaluation and is not done on the chip: twice the work."
    return golden.template("README.md").format(
        name=c_text.comment(contract.name),
        version=contract.version,
        model=MODEL,
        sha256=contract.sha256,
        input_shape=" x ".join(map(str, given.shape)),
        input_type=given.dtype,
        color=contract.color_mode,
        interpolation=resizing.interpolation,
        aspect_ratio=resizing.aspect_ratio,
        output_index=contract.output_index,
        output_shape=" x ".join(map(str, found.shape)),
        output_type=found.dtype,
        model_type=contract.model_type,
        keypoints=len(contract.keypoints),
        decoding=f", read by `{contract.decoding}`" if heatmaps else "",
        arena_total=contract.arena.total,
        arena_head=contract.arena.head,
        arena_tail=contract.arena.tail,
        model_size=size,
        operators=", ".join(contract.operators),
        flip=flip if config.postprocessing.flip_test else "",
    )
