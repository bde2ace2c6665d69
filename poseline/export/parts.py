"""The C files of the library that a model needs, and no others."""

from __future__ import annotations

from pathlib import Path

from poseline.export.contract import Contract

LIBRARY = Path(__file__).with_name("c")
SELF_TEST = ("selftest.h", "selftest.c", "selftest_main.c")
_DECODERS = {
    "heatmaps_spe": "decode_heatmaps.c",
    "spe": "decode_coordinates.c",
    "hand_spe": "decode_coordinates.c",
    "yolo_mpe": "decode_yolo.c",
}


def parts(contract: Contract) -> dict[str, str]:
    """Return the name and content of each C file of the library that a model needs."""
    resizing = contract.preprocessing.resizing
    chosen = [
        "poseline_preprocess.c",
        f"place_{resizing.aspect_ratio}.c",
        f"resize_{resizing.interpolation}.c",
        "poseline_postprocess.c",
        "real_float.c" if contract.output.is_float else "real_integer.c",
        _DECODERS[contract.model_type],
    ]
    if contract.model_type == "heatmaps_spe":
        chosen.append(f"likelihood_{'logits' if contract.logits else 'values'}.c")
        chosen.append(f"refine_{contract.decoding}.c")
    return {_prefixed(name): read(name) for name in chosen}


def read(name: str) -> str:
    """Return a file of the library."""
    return (LIBRARY / name).read_text(encoding="utf-8")


def _prefixed(name: str) -> str:
    return name if name.startswith("poseline_") else f"poseline_{name}"
