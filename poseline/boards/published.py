"""Inference times that were published, which the estimate of the latency is calibrated on.

Sources: the README tables of STMicroelectronics' stm32ai-modelzoo (STM32Cube.AI 10.0.0, X-LINUX-AI
5.1 and 6.1, ST Edge AI Core 2.0 and 3.0; movenet, mobilenetv1, mobilenetv2, yamnet), and its
results in MLPerf Tiny 1.0 (closed division, X-CUBE-AI 7.3.0). The work of each model was counted
by `poseline.boards.graph` on the same architecture, built with Keras.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Core = Literal[
    "Cortex-M4",
    "Cortex-M33",
    "Cortex-M7",
    "Cortex-A7",
    "2 × Cortex-A7",
    "Neural-ART NPU",
    "GPU (per-channel weights)",
    "NPU (per-tensor weights)",
]
"""What runs a model. The MP25's accelerator takes weights with one scale a tensor to its NPU, and
those with one scale a channel to its GPU."""


@dataclass(frozen=True)
class Work:
    """What an int8 model asks of a core for one picture.

    Attributes:
        macc: Multiply-accumulates.
        elements: Values that its operations put out.
        weights: Bytes of its constants.
    """

    macc: int
    elements: int
    weights: int


_MODELS: dict[str, Work] = {
    "mobilenet_v1 0.25 96, 5 classes": Work(7_490_432, 231_823, 209_393),
    "mobilenet_v1 0.25 96, 2 classes": Work(7_489_664, 231_814, 208_620),
    "mobilenet_v1 0.25 224, 5 classes": Work(40_775_552, 1_260_943, 209_393),
    "mobilenet_v1 0.5 224, 5 classes": Work(148_987_648, 2_521_871, 811_225),
    "mobilenet_v1 0.25 224": Work(41_030_272, 1_263_928, 465_108),
    "mobilenet_v1 0.5 224": Work(149_497_088, 2_524_856, 1_321_660),
    "mobilenet_v1 1.0 224": Work(568_740_352, 5_046_712, 4_212_108),
    "mobilenet_v2 0.35 128, 5 classes": Work(18_973_952, 962_954, 390_794),
    "mobilenet_v2 0.35 224, 5 classes": Work(58_094_528, 2_946_386, 390_794),
    "mobilenet_v2 0.35 128": Work(20_247_552, 964_944, 1_664_394),
    "mobilenet_v2 0.35 224": Work(59_368_128, 2_948_376, 1_664_394),
    "mobilenet_v2 1.0 224": Work(300_990_656, 6_897_776, 3_474_010),
    "mobilenet_v2 1.4 224": Work(582_498_448, 9_879_840, 6_065_946),
    "st_movenet_lightning_heatmaps 192": Work(238_443_264, 5_827_968, 2_290_271),
    "st_movenet_lightning_heatmaps 224": Work(324_547_776, 7_932_512, 2_290_271),
    "st_movenet_lightning_heatmaps 256": Work(423_899_136, 10_360_832, 2_290_271),
    "yamnet 256": Work(23_902_720, 454_922, 133_730),
    "resnet8 (MLPerf Tiny ic)": Work(12_530_304, 114_762, 77_472),
    "ds-cnn (MLPerf Tiny kws)": Work(2_656_768, 72_076, 22_082),
}
_TIMES: tuple[tuple[Core, int, dict[str, float]], ...] = (
    ("Cortex-M4", 120, {
        "mobilenet_v1 0.25 96, 2 classes": 230.47, "resnet8 (MLPerf Tiny ic)": 226.91,
        "ds-cnn (MLPerf Tiny kws)": 75.06,
    }),
    ("Cortex-M33", 160, {
        "mobilenet_v1 0.25 96, 2 classes": 133.40, "resnet8 (MLPerf Tiny ic)": 139.70,
        "ds-cnn (MLPerf Tiny kws)": 44.23, "yamnet 256": 281.95,
    }),
    ("Cortex-M7", 280, {
        "mobilenet_v1 0.25 96, 2 classes": 50.70, "resnet8 (MLPerf Tiny ic)": 54.34,
        "ds-cnn (MLPerf Tiny kws)": 16.76,
    }),
    ("Cortex-M7", 400, {
        "mobilenet_v1 0.25 96, 5 classes": 29.94, "mobilenet_v1 0.25 224, 5 classes": 163.78,
        "mobilenet_v1 0.5 224, 5 classes": 485.79, "mobilenet_v1 0.25 224": 166.75,
        "mobilenet_v1 0.5 224": 504.37, "mobilenet_v1 1.0 224": 1641.84,
        "mobilenet_v2 0.35 128, 5 classes": 94.34, "mobilenet_v2 0.35 224, 5 classes": 290.75,
        "mobilenet_v2 0.35 128": 116.13, "mobilenet_v2 0.35 224": 313.92,
        "mobilenet_v2 1.0 224": 1106.64, "mobilenet_v2 1.4 224": 2010.66,
    }),
    ("Neural-ART NPU", 1000, {
        "mobilenet_v1 0.25 224": 3.57, "mobilenet_v1 0.5 224": 7.38, "mobilenet_v1 1.0 224": 19.41,
        "mobilenet_v2 0.35 128": 6.35, "mobilenet_v2 0.35 224": 9.14, "mobilenet_v2 1.0 224": 21.08,
        "mobilenet_v2 1.4 224": 35.34, "yamnet 256": 1.07,
        "st_movenet_lightning_heatmaps 192": 22.05, "st_movenet_lightning_heatmaps 224": 27.64,
        "st_movenet_lightning_heatmaps 256": 35.50,
    }),
    ("2 × Cortex-A7", 800, {
        "mobilenet_v1 0.25 96, 5 classes": 6.40, "mobilenet_v1 0.25 224, 5 classes": 33.97,
        "mobilenet_v1 0.5 224, 5 classes": 91.42, "mobilenet_v2 0.35 128, 5 classes": 17.16,
        "mobilenet_v2 0.35 224, 5 classes": 54.52, "st_movenet_lightning_heatmaps 192": 315.44,
        "st_movenet_lightning_heatmaps 224": 416.98, "st_movenet_lightning_heatmaps 256": 533.61,
    }),
    ("Cortex-A7", 1000, {
        "mobilenet_v1 0.25 96, 5 classes": 9.75, "mobilenet_v1 0.25 224, 5 classes": 52.51,
        "mobilenet_v1 0.5 224, 5 classes": 145.4, "mobilenet_v2 0.35 128, 5 classes": 27.17,
        "mobilenet_v2 0.35 224, 5 classes": 54.85, "st_movenet_lightning_heatmaps 192": 484.64,
        "st_movenet_lightning_heatmaps 224": 651.62, "st_movenet_lightning_heatmaps 256": 844.89,
    }),
    ("GPU (per-channel weights)", 800, {
        "mobilenet_v1 0.25 96, 5 classes": 3.74, "mobilenet_v1 0.25 224, 5 classes": 14.29,
        "mobilenet_v1 0.5 224, 5 classes": 32.74, "mobilenet_v2 0.35 128, 5 classes": 9.14,
        "mobilenet_v2 0.35 224, 5 classes": 25.51, "mobilenet_v2 1.0 224": 76.29,
        "st_movenet_lightning_heatmaps 192": 55.81, "st_movenet_lightning_heatmaps 224": 79.41,
        "st_movenet_lightning_heatmaps 256": 68.42,
    }),
    ("NPU (per-tensor weights)", 800, {
        "mobilenet_v2 1.0 224": 11.92, "st_movenet_lightning_heatmaps 192": 8.20,
        "st_movenet_lightning_heatmaps 224": 11.63, "st_movenet_lightning_heatmaps 256": 13.10,
    }),
)  # fmt: skip
"""Core, clock in MHz, and ms of each model."""


@dataclass(frozen=True)
class Measurement:
    """A published time.

    Attributes:
        core: What ran the model.
        model: Its architecture, width and input size.
        work: What it asks for.
        cycles: Cycles that it took: time · clock.
    """

    core: Core
    model: str
    work: Work
    cycles: float


MEASUREMENTS: tuple[Measurement, ...] = tuple(
    Measurement(core, name, _MODELS[name], ms * 1e3 * mhz)
    for core, mhz, times in _TIMES
    for name, ms in times.items()
)
