"""`quantization`: from a float model to an int8 one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from poseline.config.models.base import Integer, Number, Section
from poseline.config.models.constraints import Rule

IOType = Literal["int8", "uint8", "float"]
Granularity = Literal["per_channel", "per_tensor"]


class OnnxExtraOptions(Section):
    """ONNX Runtime's extra options, by its own names."""

    WeightSymmetric: bool = True
    """Whether the zero point of weights is 0."""
    ActivationSymmetric: bool = False
    """Whether the zero point of activations is 0."""
    CalibMovingAverage: bool = False
    """Whether ranges are a moving average over the calibration pictures, not their extremes."""
    CalibMovingAverageConstant: Annotated[Number, Field(gt=0, le=1)] = 0.01
    """Weight of the newest picture in a moving average."""
    QuantizeBias: bool = True
    """Whether biases are quantized, too."""


class FineTuning(Section):
    """How the model learns to be int8 (`quantization_type: QAT`)."""

    epochs: Annotated[Integer, Field(ge=1, le=1000)] = 2
    """How often it goes through the quantization set."""
    learning_rate: Annotated[Number, Field(gt=0, le=1)] = 0.0001
    """Adam's learning rate at the beginning; it falls along half a cosine to 0."""
    batch_size: Annotated[Integer, Field(ge=1, le=4096)] = 32
    """Pictures of a step."""


class Quantization(Section):
    """Quantization to int8, after training or with a short fine-tuning."""

    rules = (
        Rule(
            "`quantization_type: QAT` needs `optimize: False`: the fine-tuning does more",
            lambda q: q.quantization_type != "QAT" or not q.optimize,
            "!(has(self.quantization_type) && self.quantization_type == 'QAT') || "
            "!(has(self.optimize) && self.optimize)",
        ),
        Rule(
            "`optimize` needs `granularity: per_tensor`",
            lambda q: not q.optimize or q.granularity == "per_tensor",
            "!(has(self.optimize) && self.optimize) || "
            "has(self.granularity) && self.granularity == 'per_tensor'",
        ),
        Rule(
            "`onnx_quantizer` needs `quantization_input_type: float` and "
            "`quantization_output_type: float`: a QDQ model is float at its ends",
            lambda q: (
                q.quantizer != "onnx_quantizer"
                or {q.quantization_input_type, q.quantization_output_type} == {"float"}
            ),
            "!(has(self.quantizer) && self.quantizer == 'onnx_quantizer') || "
            "has(self.quantization_input_type) && self.quantization_input_type == 'float' && "
            "(!has(self.quantization_output_type) || self.quantization_output_type == 'float')",
        ),
    )

    quantizer: Literal["TFlite_converter", "litert_quantizer", "onnx_quantizer"] = (
        "TFlite_converter"
    )
    """Which tool quantizes."""
    quantization_type: Literal["PTQ", "QAT"] = "PTQ"
    """`PTQ` quantizes the model as it is. `QAT` first fine-tunes it with the rounding of int8 in
    its weights and activations: on the pictures of the quantization set, without labels, it learns
    to put out what the float model does. It takes a Keras model."""
    fine_tuning: FineTuning = FineTuning()
    """How `QAT` fine-tunes."""
    quantization_input_type: IOType = "uint8"
    """Type of the input tensor."""
    quantization_output_type: IOType = "float"
    """Type of the output tensor."""
    granularity: Granularity = "per_channel"
    """Whether each output channel of a weight tensor has its own scale."""
    optimize: bool = False
    """Equalize the weights of consecutive layers first; with `per_tensor` only."""
    export_dir: str = "quantized_models"
    """Folder of the quantized model, inside `saved_models_dir`."""
    target_opset: Annotated[Integer, Field(ge=13, le=23)] = 17
    """ONNX opset (onnx_quantizer)."""
    onnx_extra_options: OnnxExtraOptions = OnnxExtraOptions()
    """What ONNX Runtime is asked for besides (onnx_quantizer)."""
