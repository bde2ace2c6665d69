"""A stage's slice of a config becomes a config again, without what reading a YAML file needs."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from poseline.config.loading.validation_errors import problems_of
from poseline.config.models.config import Config
from poseline.errors import ConfigError


def from_slice(data: dict[str, Any]) -> Config:
    """Rebuild a config from a stage's slice; nothing outside of the slice is required.

    Raises:
        ConfigError: The slice does not fit the schema.
    """
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(problems_of(error, Config, data), "the stage's config") from None
