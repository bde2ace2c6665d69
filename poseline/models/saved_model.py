"""The folder of a SavedModel, read by way of LiteRT, which has no operations on files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from poseline.errors import ModelError
from poseline.models.file import MAX_BYTES, first_line
from poseline.quiet import quiet_stderr

_OUTSIDE = {
    "CreateSummaryFileWriter",
    "DatasetToTFRecord",
    "EagerPyFunc",
    "FixedLengthRecordDataset",
    "FixedLengthRecordReaderV2",
    "InitializeTableFromTextFileV2",
    "LoadDataset",
    "MatchingFiles",
    "PyFunc",
    "PyFuncStateless",
    "ReadFile",
    "SaveDataset",
    "TFRecordDataset",
    "TFRecordReaderV2",
    "TextLineDataset",
    "TextLineReaderV2",
    "WholeFileReaderV2",
    "WriteFile",
}
"""Operations that reach files or run code. Save and Restore are in every SavedModel."""


def saved_model_converter(folder: Path) -> Any:
    """Return LiteRT's converter of a SavedModel's serving signature.

    Raises:
        ModelError: It is damaged, has another signature than picture to outputs, or reaches files.
    """
    _check_operations(folder)
    try:
        loaded = tf.saved_model.load(str(folder))
        signatures = dict(loaded.signatures)
    except Exception as error:  # a damaged folder fails in protobuf and TensorFlow in many ways
        raise ModelError(
            f"{folder} cannot be loaded: {first_line(error)}", "export the SavedModel again"
        ) from None
    name = "serving_default" if "serving_default" in signatures else next(iter(signatures), None)
    if name is None:
        raise ModelError(f"{folder} has no signature", "export it with model.export()")
    call = signatures[name]
    inputs = call.structured_input_signature[1]
    if len(inputs) != 1:
        found = " and ".join(f"{key} {tuple(spec.shape)}" for key, spec in inputs.items()) or "none"
        raise ModelError(f"{folder} has {len(inputs)} inputs: {found}", "expected one, the picture")
    ((key, spec),) = inputs.items()
    shape = spec.shape.as_list() if spec.shape.rank else []
    if len(shape) != 4 or None in shape[1:]:
        raise ModelError(
            f"{folder} takes an input of shape {tuple(shape)}",
            "expected pictures: a batch, then height, width and channels, all fixed",
        )
    picture = tf.TensorSpec((shape[0] or 1, *shape[1:]), spec.dtype, name=key)
    fixed = tf.function(lambda picture: call(**{key: picture}), input_signature=[picture])
    return tf.lite.TFLiteConverter.from_concrete_functions([fixed.get_concrete_function()], loaded)


def saved_model_tflite(folder: Path) -> bytes:
    """Return a SavedModel as a float .tflite.

    Raises:
        ModelError: See `saved_model_converter`; or it has an operation that LiteRT does not have.
    """
    return converted(saved_model_converter(folder))


def converted(converter: Any) -> bytes:
    """Return what a converter makes.

    Raises:
        ModelError: The model has an operation that LiteRT does not have.
    """
    try:
        with quiet_stderr():
            return bytes(converter.convert())
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise ModelError(
            f"the model cannot be converted: {first_line(error)}", "use operations that LiteRT has"
        ) from None


def _check_operations(folder: Path) -> None:
    graph = folder / "saved_model.pb"
    if graph.stat().st_size > MAX_BYTES:
        raise ModelError(f"{graph} has {graph.stat().st_size:,} bytes", f"at most {MAX_BYTES:,}")
    for file in folder.rglob("*"):
        if file.is_symlink() or not (file.is_file() or file.is_dir()):
            raise ModelError(f"{file} is not an ordinary file", "copy the SavedModel without links")
    model = SavedModel()
    try:
        model.ParseFromString(graph.read_bytes())
    except Exception as error:  # protobuf's own errors
        raise ModelError(
            f"{folder} cannot be loaded: {first_line(error)}", "export the SavedModel again"
        ) from None
    if found := _OUTSIDE & set(_operations(model)):
        raise ModelError(
            f"{folder} has operations that reach files or run code: {', '.join(sorted(found))}",
            "export the model without them",
        )


def _operations(model: Any) -> Iterator[str]:
    for entry in model.meta_graphs:
        yield from (node.op for node in entry.graph_def.node)
        for function in entry.graph_def.library.function:
            yield from (node.op for node in function.node_def)
