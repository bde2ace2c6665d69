"""Names that are exchanged through MLflow, Kubeflow and files: steps, metrics, tags."""

from __future__ import annotations

EVALUATE_FLOAT, EVALUATE_INT8, BENCHMARK = "evaluate-float", "evaluate-int8", "benchmark"
"""Steps of a chain whose figures it is compared by."""

OKS_FLOAT, OKS_INT8, OKS_VALIDATION = "oks_float", "oks_int8", "val_oks"
FITS = "fits"
LATENCY_MS_ESTIMATE = "latency_ms_estimate"
FLASH_KB, RAM_KB = "flash_kb", "ram_kb"
TFLM_ARENA_KB = "tflm_arena_kb"

SEARCH_STORAGE = "POSELINE_SEARCH_STORAGE"
"""Environment variable with the URL of the database that searches share."""

TRAIN_PLATFORM = "POSELINE_TRAIN_PLATFORM"
"""Environment variable with the platform of a training's nodes, where there are several."""
POD_NAME, POD_NAMESPACE = "POSELINE_POD_NAME", "POSELINE_POD_NAMESPACE"
"""Environment variables that tell a task its own pod."""

TAG_CHAIN_ID, TAG_STAGE = "poseline.chain_id", "poseline.stage"
TAG_STATE, TAG_MESSAGE = "poseline.state", "poseline.message"
TAG_GATE = "poseline.gate"
TAG_RUN_DIRECTORY = "poseline.run_directory"
TAG_MODEL_URI = "poseline.model_uri"
TAG_MODEL_NAME, TAG_MODEL_VERSION = "poseline.model_name", "poseline.model_version"
TAG_FAILED_TASK, TAG_ERROR = "poseline.failed_task", "poseline.error"
TAG_REMEDY, TAG_EXIT_CODE = "poseline.remedy", "poseline.exit_code"

MEASURED_IN_TFLM = "measured in TFLM"
"""Where a figure of the RAM is from, if it is not an estimate."""
