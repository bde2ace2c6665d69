"""`shards.json`: what is where in the shards of a packed set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from poseline.data.keypoints import KeypointSet
from poseline.errors import StoreError
from poseline.store.uri import safe_key

INDEX = "shards.json"
_LARGEST_INDEX = 256 << 20

Entry = tuple[Annotated[str, Field(min_length=1)], int, int, int, int]
"""Name of the picture in the set, offset and size of the picture, offset and size of its label."""


class Shard(BaseModel):
    """One tar file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+\.tar$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    samples: tuple[Entry, ...] = Field(min_length=1)


class Index(BaseModel):
    """What is in a packed set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["poseline-shards-1"] = "poseline-shards-1"
    keypoints: int = Field(ge=1)
    points: KeypointSet | None = None
    """What the keypoints are; None: the set did not say."""
    pictures: int = Field(ge=1)
    persons: int = Field(ge=0)
    shards: tuple[Shard, ...] = Field(min_length=1)

    @classmethod
    def read(cls, path: Path) -> Index:
        """Read an index, and make sure that it names nothing outside of its shards.

        Raises:
            StoreError: It is none.
        """
        remedy = "pack the set again"
        try:
            if path.stat().st_size > _LARGEST_INDEX:
                raise StoreError(f"{path} is larger than any index", remedy)
            index = cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}", remedy) from None
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise StoreError(f"{path}, {place}: {first['msg']}", remedy) from None
        if index.points and len(index.points) != index.keypoints:
            raise StoreError(f"{path} does not define {index.keypoints} keypoints", remedy)
        if sum(len(shard.samples) for shard in index.shards) != index.pictures:
            raise StoreError(f"{path} does not list {index.pictures} pictures", remedy)
        for shard in index.shards:
            for name, *places in shard.samples:
                safe_key(name, str(path))
                for offset, size in (places[:2], places[2:]):
                    if offset < 0 or size < 0 or offset + size > shard.size:
                        raise StoreError(f"{path}: {name} is not in {shard.name}", remedy)
        return index
