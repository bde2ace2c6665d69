"""Whether pictures are what a model takes, and how their pixels are rescaled for it."""

from __future__ import annotations

from poseline.config.models.preprocessing import ColorMode, Rescaling
from poseline.data.image_reading import CHANNELS
from poseline.errors import ModelError
from poseline.log import get_logger
from poseline.runtime.base import Runtime

_log = get_logger(__name__)


def input_rescaling(runtime: Runtime, rescaling: Rescaling) -> Rescaling:
    """Return how pixels are rescaled for a model: as the config has it, or not at all."""
    return Rescaling(scale=1.0, offset=0.0) if runtime.takes_pixels else rescaling


def check_channels(runtime: Runtime, color_mode: ColorMode) -> None:
    """Make sure that pictures of a colour mode fit into a model.

    Raises:
        ModelError: The model takes another number of channels.
    """
    taken, given = runtime.input_shape[2], CHANNELS[color_mode]
    if taken != given:
        fitting = " or ".join(mode for mode, count in CHANNELS.items() if count == taken)
        raise ModelError(
            f"the model takes {taken} channel{'s' if taken > 1 else ''}; "
            f"preprocessing.color_mode {color_mode} gives {given}",
            f"set preprocessing.color_mode to {fitting}" if fitting else "",
        )


def warn_of_other_pictures(runtime: Runtime, *, cropped: bool) -> None:
    """Log where a model gets whole pictures and was trained on crops of persons, or otherwise.

    Args:
        runtime: The model; one without metadata says nothing.
        cropped: Whether it gets crops around one person each.
    """
    if runtime.metadata is None or (runtime.metadata.crop_margin is not None) == cropped:
        return
    if cropped:
        _log.warning("the model was trained on whole pictures, and is given crops of persons")
    else:
        _log.warning(
            "the model was trained on crops of persons, and is given whole pictures: give it "
            "pictures of one person each, or set dataset.crop_persons in an evaluation",
            margin=runtime.metadata.crop_margin,
        )
