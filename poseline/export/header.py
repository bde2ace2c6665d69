"""poseline_model.h and poseline_model.c: the contract of a model as C99."""

from __future__ import annotations

import numpy as np

from poseline.export import c_text
from poseline.export.contract import Contract

_COLOURS = {"grayscale": "GREY", "rgb": "RED, GREEN, BLUE", "rgba": "RED, GREEN, BLUE, ALPHA"}


def header(contract: Contract) -> str:
    """Return poseline_model.h."""
    given, found = contract.input, contract.output
    height, width, channels = given.shape
    rescaling = contract.preprocessing.rescaling
    defines: list[tuple[str, str, str]] = [
        ("", "", "The model"),
        ("POSELINE_MODEL_NAME", c_text.text(contract.name), ""),
        ("POSELINE_MODEL_VERSION", c_text.text(contract.version), ""),
        ("POSELINE_MODEL_SHA256", c_text.text(contract.sha256), ""),
        ("POSELINE_ARENA_HEAD", str(contract.arena.head), "bytes of activations"),
        ("POSELINE_ARENA_SIZE", str(_rounded(contract.arena.total)), "bytes, measured in TFLM"),
        ("", "", "The input: rows of pixels, " + _COLOURS[contract.color_mode]),
        ("POSELINE_COLOUR", c_text.text(_COLOURS[contract.color_mode]), ""),
        ("POSELINE_INPUT_HEIGHT", str(height), ""),
        ("POSELINE_INPUT_WIDTH", str(width), ""),
        ("POSELINE_INPUT_CHANNELS", str(channels), ""),
        ("POSELINE_INPUT_SIZE", str(given.size), ""),
        ("POSELINE_INPUT_SCALE", c_text.real(given.scale), "real = scale * (q - zero point)"),
        ("POSELINE_INPUT_ZERO_POINT", str(given.zero_point), ""),
        ("POSELINE_RESCALING_SCALE", c_text.real(rescaling.scale), "real = scale * pixel + offset"),
        ("POSELINE_RESCALING_OFFSET", c_text.real(rescaling.offset), ""),
        ("", "", "The output: " + " x ".join(map(str, found.shape))),
        ("POSELINE_OUTPUT_INDEX", str(contract.output_index), ""),
        ("POSELINE_OUTPUT_SIZE", str(found.size), ""),
        ("POSELINE_OUTPUT_SCALE", c_text.real(found.scale), ""),
        ("POSELINE_OUTPUT_ZERO_POINT", str(found.zero_point), ""),
        *_layout(contract),
        ("", "", "The poses"),
        ("POSELINE_KEYPOINTS", str(len(contract.keypoints)), ""),
        ("POSELINE_BONES", str(len(contract.keypoints.skeleton)), ""),
        ("POSELINE_MAX_PERSONS", str(_persons(contract)), ""),
        ("POSELINE_KEYPOINT_THRESHOLD", c_text.real(contract.threshold), "confidence"),
    ]
    return _HEADER.format(
        name=c_text.comment(contract.name),
        sha=contract.sha256,
        defines="\n".join(_define(*each) for each in defines),
        input_type=c_text.C_TYPES[given.dtype],
        output_type=c_text.C_TYPES[found.dtype],
    )


def source(contract: Contract) -> str:
    """Return poseline_model.c: the tables that poseline_model.h declares."""
    points = contract.keypoints
    bones = (f"{{{a}, {b}}}" for a, b in points.skeleton)
    return _SOURCE.format(
        names=c_text.rows(map(c_text.text, points.names)),
        bones=c_text.rows(bones),
        sigmas=c_text.rows(c_text.values(np.asarray(points.sigmas, np.float32))),
        table=c_text.rows(c_text.values(contract.input_table)),
    )


def _layout(contract: Contract) -> list[tuple[str, str, str]]:
    shape, settings = contract.output.shape, contract.postprocessing
    if contract.model_type == "heatmaps_spe":
        return [
            ("POSELINE_HEATMAP_HEIGHT", str(shape[0]), ""),
            ("POSELINE_HEATMAP_WIDTH", str(shape[1]), ""),
        ]
    if contract.model_type == "yolo_mpe":
        # A column a box, or a row: the one of which there are more.
        by_row = shape[1] < shape[0]
        values, boxes = sorted(shape)
        suppressed = values == 6 + 3 * len(contract.keypoints)
        return [
            ("POSELINE_BOXES", str(boxes), ""),
            ("POSELINE_VALUES_PER_BOX", str(values), ""),
            ("POSELINE_BOX_STRIDE", str(values if by_row else 1), ""),
            ("POSELINE_VALUE_STRIDE", str(1 if by_row else boxes), ""),
            ("POSELINE_SUPPRESSED", str(int(suppressed)), "whether the model drops overlaps"),
            ("POSELINE_PERSON_THRESHOLD", c_text.real(settings.confidence_thresh), "confidence"),
            ("POSELINE_NMS_THRESHOLD", c_text.real(settings.NMS_thresh), "IoU"),
        ]
    each = contract.output.size // len(contract.keypoints)
    x, y = (0, 1) if contract.model_type == "hand_spe" else (1, 0)
    places = [
        ("POSELINE_VALUES_PER_KEYPOINT", str(each), ""),
        ("POSELINE_X_PLACE", f"{x}U", ""),
        ("POSELINE_Y_PLACE", f"{y}U", ""),
    ]
    # A hand's third value is a depth.
    sure = contract.model_type == "spe" and each > 2
    return [*places, ("POSELINE_CONFIDENCE_PLACE", "2U", "")] if sure else places


def _persons(contract: Contract) -> int:
    several = contract.model_type == "yolo_mpe"
    return contract.postprocessing.max_detection_boxes if several else 1


def _define(name: str, value: str, remark: str) -> str:
    if not name:
        return f"\n/* {remark}. */"
    return f"#define {name} {value}" + (f" /* {remark} */" if remark else "")


def _rounded(size: int, step: int = 1024) -> int:
    return -(-size // step) * step


_HEADER = """\
/* {name}: what the code must know of the model {sha}. Generated. */
#ifndef POSELINE_MODEL_H
#define POSELINE_MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif
{defines}

typedef {input_type} poseline_input_t;
typedef {output_type} poseline_output_t;

/* Names of the keypoints, pairs of them that a bone connects, and their OKS constants. */
extern const char *const poseline_keypoint_names[POSELINE_KEYPOINTS];
extern const uint8_t poseline_bones[POSELINE_BONES][2];
extern const float poseline_sigmas[POSELINE_KEYPOINTS];

/* The input's value for each level of a pixel: rescaled, then quantized. */
extern const poseline_input_t poseline_input_table[256];

#ifdef __cplusplus
}}
#endif

#endif /* POSELINE_MODEL_H */
"""

_SOURCE = """\
/* Generated beside poseline_model.h. */
#include "poseline_model.h"

const char *const poseline_keypoint_names[POSELINE_KEYPOINTS] = {{
{names}
}};

const uint8_t poseline_bones[POSELINE_BONES][2] = {{
{bones}
}};

const float poseline_sigmas[POSELINE_KEYPOINTS] = {{
{sigmas}
}};

const poseline_input_t poseline_input_table[256] = {{
{table}
}};
"""
