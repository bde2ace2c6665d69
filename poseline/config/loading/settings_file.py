"""Files with settings of an installation: YAML that one model describes."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from poseline.config.loading.validation_errors import problems_of
from poseline.config.loading.yaml_source import read_file
from poseline.errors import ConfigError, Problem

Settings = TypeVar("Settings", bound=BaseModel)


def read_settings(path: Path, kind: type[Settings]) -> Settings:
    """Read a file of settings; an empty one has the defaults.

    Raises:
        ConfigError: Lists every problem of the file.
    """
    try:
        data = yaml.safe_load(read_file(path)) or {}
        return kind.model_validate(data)
    except yaml.YAMLError as error:
        raise ConfigError([Problem(str(path), str(error), "a YAML file")], str(path)) from None
    except ValidationError as error:
        raise ConfigError(problems_of(error, kind, data), str(path)) from None
