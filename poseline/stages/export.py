"""export: a model in, a folder for a firmware project out."""

from __future__ import annotations

import tempfile
from pathlib import Path

import poseline
from poseline.config.models.config import Config
from poseline.errors import ModelError
from poseline.export import bundle
from poseline.export.contract import contract_of
from poseline.export.golden import golden
from poseline.log import get_logger
from poseline.names import TFLM_ARENA_KB
from poseline.runtime import check_channels, open_model
from poseline.stages.result import Inputs, StageResult, finish
from poseline.store.manifest import write_atomic
from poseline.store.outputs import output_folder

_log = get_logger(__name__)
FOLDER = "poseline_export"
_FORMATS = (".tflite", ".h5", ".keras")


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """Export a model: C99 around it, a self-test, and how to build it all. Nothing is flashed.

    Args:
        config: The export slice or the whole config.
        inputs: `model`; a Keras model is exported as a float .tflite.
        out: Folder to make.

    Raises:
        BackendError: TFLM is not installed.
        ModelError: The model cannot be read, does not fit what the config declares, or has
            something that TFLM or the C code does not have.
    """
    source = inputs["model"]
    if source.suffix.lower() not in _FORMATS:
        raise ModelError(
            f"{source.name} cannot be exported: TFLM runs .tflite models",
            f"give one of {', '.join(_FORMATS)}, or quantize by TFlite_converter",
        )
    with tempfile.TemporaryDirectory() as folder:
        model = _lite(source, Path(folder))
        check_channels(open_model(model), config.preprocessing.color_mode)
        contract = contract_of(config, model, poseline.__version__)
        content = model.read_bytes()
        made = bundle.files(contract, golden(contract, config, model), config, content)
    with output_folder(out, "export", sources=inputs.values()) as work:
        for name, each in made.items():
            write_atomic(work / FOLDER / name, each)
        (work / FOLDER / "stedgeai" / "generate.sh").chmod(0o755)
        bundle.archive(work / FOLDER, work / f"{FOLDER}.zip")
        finish(
            "export",
            config,
            inputs,
            work,
            roles={"export": f"{FOLDER}.zip", "readme": f"{FOLDER}/README.md"},
            metrics={
                "model_kb": len(content) / 1024,
                TFLM_ARENA_KB: contract.arena.total / 1024,
                "tflm_arena_head_kb": contract.arena.head / 1024,
            },
            summary={
                "operators": list(contract.operators),
                "sha256": contract.sha256,
                "input": f"{contract.input.shape}, {contract.input.dtype}",
                "output": f"{contract.output.shape}, {contract.output.dtype}",
                "decoding": contract.decoding,
                "folder": FOLDER,
            },
        )
    _log.info("exported; flashing a board is not done", folder=str(out / FOLDER))
    return StageResult.load(out)


def _lite(model: Path, folder: Path) -> Path:
    if model.suffix.lower() == ".tflite":
        return model
    from poseline.models.loading import load_keras
    from poseline.models.metadata import read_metadata
    from poseline.quantization.keras_conversion import float_tflite

    converted = folder / f"{model.stem}.tflite"
    converted.write_bytes(float_tflite(load_keras(model)))
    if known := read_metadata(model):
        known.write(converted)
    return converted
