"""quantize: a float model and calibration pictures in, an int8 model out."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from poseline.config.models.config import Config
from poseline.config.models.quantization import Quantization
from poseline.data.crops import cropped, seen
from poseline.data.image_reading import read_picture
from poseline.data.preprocess import rescale, resize
from poseline.data.set_points import points_of
from poseline.data.shards import samples_of
from poseline.data.yolo import Sample, split
from poseline.errors import ModelError
from poseline.log import get_logger
from poseline.models.file import size_kb
from poseline.models.metadata import ModelMetadata, keypoint_fields
from poseline.progress import tracked
from poseline.quantization.base import IO_NAMES, Array, Calibration
from poseline.quantization.registry import quantizer_for
from poseline.quantization.source import KERAS, Source
from poseline.runtime import Runtime, check_channels, open_model
from poseline.runtime.litert import LiteRTRuntime
from poseline.runtime.pose_decoder import points_seen
from poseline.stages.result import Inputs, StageResult, finish
from poseline.store.manifest import write_atomic
from poseline.store.outputs import output_folder

_log = get_logger(__name__)
_MOST, _RANDOM, _COMPARED = 300, 32, 4
LAYERS = "layer_report.json"
FINE_TUNED = "fine_tuned_model.h5"


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """Quantize a model.

    At most 300 calibration pictures are used: ranges of activations settle long before.

    Args:
        config: The quantize slice or the whole config.
        inputs: `model`, and `calibration` (a YOLO set); without it random data calibrate the
            model, and its accuracy is marked as unknown.
        out: Folder to make.

    Raises:
        ModelError: The model cannot be quantized so, or the tool did not do what it was told.
    """
    settings = config.quantization or Quantization()
    source = Source(inputs["model"])
    tool = quantizer_for(settings, source)
    runtime = open_model(source.path)
    source = replace(source, loaded=getattr(runtime, "model", None))
    check_channels(runtime, config.preprocessing.color_mode)
    calibration, count = _calibration(config, inputs, runtime)
    from poseline.quantization.layer_report import compare_layers

    name = f"quantized_model{tool.suffix}"
    with output_folder(out, "quantize", sources=inputs.values()) as work:
        if settings.quantization_type == "QAT":
            source = _fine_tuned(config, inputs, runtime, source, work / FINE_TUNED)
        if settings.optimize:
            source = source.equalized()
        content = tool.quantize(source, calibration, settings)
        write_atomic(work / name, content)
        written = open_model(work / name)
        _check_types(written, settings, tool.suffix)
        _metadata(config, runtime, written, "calibration" in inputs).write(work / name)
        layers = (
            compare_layers(source.float_tflite, content, itertools.islice(calibration(), _COMPARED))
            if tool.suffix == ".tflite"
            else []
        )
        write_atomic(work / LAYERS, json.dumps(layers, indent=1))
        worst = sorted(layers, key=lambda layer: float(layer["sqnr_db"]))[:5]
        finish(
            "quantize",
            config,
            inputs,
            work,
            roles={"model": name, "layers": LAYERS}
            | ({"fine_tuned": FINE_TUNED} if settings.quantization_type == "QAT" else {}),
            metrics={
                "size_kb": len(content) / 1024,
                "float_size_kb": size_kb(inputs["model"]),
                "calibration_pictures": count,
            },
            summary={
                "quantizer": settings.quantizer,
                "quantization_type": settings.quantization_type,
                "granularity": settings.granularity,
                "worst_layers": worst,
                "calibrated": "calibration" in inputs,
                **_ends(written),
            },
        )
    _log.info("quantized", kb=f"{len(content) / 1024:.0f}", pictures=count)
    return StageResult.load(out)


def _fine_tuned(
    config: Config, inputs: Inputs, runtime: Runtime, source: Source, out: Path
) -> Source:
    """Return the model after the fine-tuning of `quantization_type: QAT`, written to `out`."""
    settings = config.quantization or Quantization()
    if source.suffix not in KERAS or "calibration" not in inputs:
        raise ModelError(
            f"{source.path.name} cannot be fine-tuned for int8",
            "QAT takes a Keras model and the pictures of dataset.quantization_path or "
            "dataset.training_path; set quantization.quantization_type to PTQ otherwise",
        )
    from poseline.quantization.fine_tuning import fine_tune
    from poseline.training.checkpoint import save_model

    pictures, count = _calibration(config, inputs, runtime, most=None)
    activation = runtime.metadata.final_activation if runtime.metadata else "sigmoid"
    model = fine_tune(source.keras, pictures, count, settings, activation)
    save_model(model, out)
    return Source(out)


def _calibration(
    config: Config, inputs: Inputs, runtime: Runtime, most: int | None = _MOST
) -> tuple[Calibration, int]:
    """Return the pictures of the quantization set, and how many: at most `most`, from all over."""
    preprocessing, shape = config.preprocessing, runtime.input_shape
    if "calibration" not in inputs:
        _log.warning("no calibration set: random data is used, the accuracy will be unknown")
        low = preprocessing.rescaling.offset
        high = 255 * preprocessing.rescaling.scale + low
        seed = config.general.global_seed

        def noise() -> Iterator[Array]:
            random = np.random.default_rng(seed)
            for _ in range(_RANDOM):
                yield random.uniform(low, high, (1, *shape)).astype(np.float32)

        return noise, 0
    samples = samples_of(inputs["calibration"])
    share = config.dataset.quantization_split
    if share and share < 1 and len(samples) > 1:
        _, samples = split(samples, share, config.dataset.seed)
    chosen = _spread(samples, most)
    keypoints = 0
    if config.dataset.crop_persons:
        keypoints = len(points_of(inputs["calibration"], samples))
        chosen = _spread(cropped(chosen, keypoints, config.dataset.crop_margin), most)

    def pictures() -> Iterator[Array]:
        for sample in tracked(chosen, len(chosen), "calibrate") if most else chosen:
            stored = read_picture(sample.image, preprocessing.color_mode)
            shown = seen(sample, stored, keypoints, shape[:2])
            ready = resize(shown, shape, preprocessing.resizing)
            yield rescale(ready, preprocessing.rescaling)[None]

    return pictures, len(chosen)


def _spread(samples: Sequence[Sample], most: int | None) -> Sequence[Sample]:
    """Return samples from all over a set, at most `most`."""
    return samples[:: max(len(samples) // most, 1)][:most] if most else samples


def _ends(written: Runtime) -> dict[str, Any]:
    """Return type, scale and zero point of the input and of each output; none of an ONNX model."""
    if not isinstance(written, LiteRTRuntime):
        return {}
    outputs = zip(written.output_dtypes, written.output_quantizations, strict=True)
    ends = {"input": [(written.input_dtype, written.input_quantization)], "output": list(outputs)}
    return {
        end: [
            {"dtype": dtype, "scale": scale, "zero_point": zero} for dtype, (scale, zero) in found
        ]
        for end, found in ends.items()
    }


def _check_types(model: Runtime, settings: Quantization, suffix: str) -> None:
    asked = IO_NAMES[settings.quantization_input_type], IO_NAMES[settings.quantization_output_type]
    found = model.input_dtype, model.output_dtype
    if suffix == ".tflite" and found != asked:
        raise ModelError(
            f"the quantized model has input {found[0]} and output {found[1]}; "
            f"{asked[0]} and {asked[1]} were asked for",
            "choose other types or another quantizer",
        )


def _metadata(config: Config, source: Runtime, written: Runtime, calibrated: bool) -> ModelMetadata:
    types: dict[str, Any] = {
        "input_dtype": written.input_dtype,
        "output_dtype": written.output_dtype,
        "calibrated": calibrated,
    }
    points = points_seen(source, config)
    if source.metadata:
        return source.metadata.model_copy(update=types | keypoint_fields(points))
    preprocessing = config.preprocessing
    return ModelMetadata(
        name="bring-your-own",
        model_type=config.general.model_type,
        **keypoint_fields(points),
        input_shape=source.input_shape,
        output_shape=source.output_shapes[0],
        scale=preprocessing.rescaling.scale,
        offset=preprocessing.rescaling.offset,
        color_mode=preprocessing.color_mode,
        interpolation=preprocessing.resizing.interpolation,
        aspect_ratio=preprocessing.resizing.aspect_ratio,
        **types,
    )
