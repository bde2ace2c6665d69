"""The ImageNet weights that Keras publishes for MobileNetV2: which file, and where it belongs."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

from poseline.errors import ModelError
from poseline.store.manifest import write_atomic

PUBLISHED_AT = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
_SIZES = (96, 128, 160, 192, 224)  # wider than alpha 1 there is 224 alone
_TIMEOUT_S = 10
_MAX_BYTES = 64 << 20


def imagenet_weights(alpha: float, input_shape: Sequence[int | None]) -> Path:
    """Return the weights' file in Keras' cache; it is downloaded where it is not there.

    Args:
        alpha: Width multiplier.
        input_shape: Height, width and channels of the input.

    Raises:
        ModelError: There are none for this width, or they cannot be downloaded; says what to do.
    """
    path, address = _places(alpha, input_shape)
    if path.is_file():
        return path
    try:
        with _open(address) as answer:
            content = answer.read(_MAX_BYTES + 1)
        if not 0 < len(content) <= _MAX_BYTES:
            raise OSError(f"{len(content):,} bytes came; at most {_MAX_BYTES:,} are expected")
        write_atomic(path, content)
    except (URLError, OSError, ValueError) as error:
        raise _absent(error, path, address) from None
    return path


def check_imagenet_weights(alpha: float, input_shape: Sequence[int | None]) -> None:
    """Make sure that the weights are in Keras' cache or can be downloaded, without doing so.

    Raises:
        ModelError: See `imagenet_weights`.
    """
    path, address = _places(alpha, input_shape)
    if path.is_file():
        return
    try:
        _open(address, "HEAD").close()
    except (URLError, OSError, ValueError) as error:
        raise _absent(error, path, address) from None


def _places(alpha: float, input_shape: Sequence[int | None]) -> tuple[Path, str]:
    if input_shape[2] != 3:
        raise ModelError(
            f"the ImageNet weights are for 3 channels; the input has {input_shape[2]}",
            "use color_mode rgb, or training.model.pretrained_weights: None",
        )
    if alpha not in _ALPHAS:
        raise ModelError(
            f"there are no ImageNet weights for alpha {alpha:g}",
            f"use one of {', '.join(map(str, _ALPHAS))}, a path, or None",
        )
    size = input_shape[0] if input_shape[0] in _SIZES and alpha <= 1 else 224
    name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{size}_no_top.h5"
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    return home / "models" / name, PUBLISHED_AT + name


def _open(address: str, method: str = "GET") -> Any:
    request = urllib.request.Request(address, method=method)  # noqa: S310  a constant address
    return urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310


def _absent(error: Exception, path: Path, address: str) -> ModelError:
    reason = str(error)
    if isinstance(error, HTTPError):
        reason = f"{error.code} {error.reason}"
        error.close()
    return ModelError(
        f"the ImageNet weights cannot be downloaded: {reason}",
        f"get {address} elsewhere and put it into {path.parent}, or set "
        "training.model.pretrained_weights to its path or URI, or to None to start from scratch",
    )
