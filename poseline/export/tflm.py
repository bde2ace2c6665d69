"""The model as a C array, and in TensorFlow Lite Micro."""

from __future__ import annotations

from poseline.boards.tflm_operators import adding
from poseline.export import c_text
from poseline.export.contract import Contract
from poseline.export.golden import template
from poseline.export.parts import read


def model_data(name: str, content: bytes) -> dict[str, str]:
    """Return the C array of a model's file."""
    data = c_text.rows(map(str, content))
    header, source = "poseline_model_data.h", "poseline_model_data.c"
    return {
        header: template(header).format(size=len(content)),
        source: template(source).format(name=c_text.comment(name), data=data),
    }


def interpreter(contract: Contract) -> dict[str, str]:
    """Return the code that runs the model, with a resolver of its operators alone."""
    added = (f"(resolver.{adding(kind)}() == kTfLiteOk)" for kind in contract.operators)
    name = "poseline_tflm.cc"
    code = template(name).format(count=len(contract.operators), adding=" &&\n         ".join(added))
    return {name: code, "poseline_tflm.h": read("poseline_tflm.h")}
