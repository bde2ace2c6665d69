"""The structure of a .h5 or .keras file, checked before Keras reads it."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import h5py

from poseline.errors import ModelError
from poseline.models.file import first_line

_SAVE = "save the model again with model.save()"
_CONFIG, _CONFIG_BYTES = "config.json", 32 << 20
_WEIGHTS = "model.weights.h5"
_MEMBERS = {"metadata.json", _CONFIG, _WEIGHTS}
_GROWTH, _SPARE_BYTES = 64, 64 << 20
"""What a file may unpack to: weights hardly shrink when they are packed."""
_MAX_OBJECTS = 200_000


@contextmanager
def checked_file(path: Path) -> Iterator[tuple[Any, dict[str, Any] | None]]:
    """Open a .h5 or .keras file whose structure is sound.

    Yields:
        The HDF5 file of its weights, and its architecture; None: it holds weights alone.

    Raises:
        ModelError: The file is damaged, unpacks to far more than its size, or refers to other
            files.
    """
    with ExitStack() as stack:
        try:
            if path.suffix.lower() == ".h5":
                file = stack.enter_context(h5py.File(path, "r"))
                text = file.attrs.get("model_config")
            else:
                archive = stack.enter_context(zipfile.ZipFile(path))
                text = _archived_config(path, archive)
                weights = stack.enter_context(archive.open(_WEIGHTS))
                file = stack.enter_context(h5py.File(weights, "r"))
            _check_h5(path, file, path.stat().st_size)
        except ModelError:
            raise
        except Exception as error:  # h5py and zipfile fail in many ways on a damaged file
            raise ModelError(f"{path} cannot be loaded: {first_line(error)}", _SAVE) from None
        yield file, None if text is None else _parsed(path, text)


def read_model_config(path: Path) -> dict[str, Any]:
    """Return the architecture that a .h5 or .keras file holds, once its structure is sound.

    Raises:
        ModelError: As `checked_file`, or the file holds weights alone.
    """
    with checked_file(path) as (_, config):
        if config is None:
            raise ModelError(f"{path} holds weights without an architecture", _SAVE)
        return config


def write_model_config(path: Path, target: Path, config: dict[str, Any]) -> None:
    """Write a copy of a model file with another architecture."""
    text = json.dumps(config)
    if path.suffix.lower() == ".h5":
        shutil.copyfile(path, target)
        with h5py.File(target, "r+") as file:
            file.attrs["model_config"] = text
        return
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            with new.open(entry.filename, "w", force_zip64=True) as out:
                if entry.filename == _CONFIG:
                    out.write(text.encode())
                else:
                    shutil.copyfileobj(old.open(entry), out, 1 << 20)


def _archived_config(path: Path, archive: zipfile.ZipFile) -> bytes:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    unsafe = [n for n in names if ".." in PurePosixPath(n).parts or n.startswith(("/", "\\"))]
    if unsafe or len(set(names)) != len(names):
        raise ModelError(
            f"{path} holds {(unsafe or names)[0]!r}, which is not a part of a model", _SAVE
        )
    if missing := _MEMBERS - set(names):
        raise ModelError(f"{path} lacks {', '.join(sorted(missing))}", _SAVE)
    _check_size(path, sum(e.file_size for e in entries), path.stat().st_size)
    if (size := archive.getinfo(_CONFIG).file_size) > _CONFIG_BYTES:
        raise ModelError(
            f"{path}: {_CONFIG} has {size:,} bytes", f"expected at most {_CONFIG_BYTES:,}"
        )
    return archive.read(_CONFIG)


def _check_h5(path: Path, file: Any, size: int) -> None:
    """Make sure that a file's tensors are its own, and not far larger than the file."""
    total, pending, seen = 0, [file], 0
    while pending:
        group = pending.pop()
        for name in group:
            seen += 1
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise ModelError(f"{path}: {group.name}/{name} is a link", _SAVE)
            entry = group[name]
            if seen > _MAX_OBJECTS:
                raise ModelError(f"{path} holds over {_MAX_OBJECTS:,} entries", _SAVE)
            if isinstance(entry, h5py.Group):
                pending.append(entry)
            elif isinstance(entry, h5py.Dataset):
                if entry.external or entry.is_virtual:
                    raise ModelError(f"{path}: {entry.name} is kept in another file", _SAVE)
                total += entry.nbytes
    _check_size(path, total, size)


def _check_size(path: Path, unpacked: int, size: int) -> None:
    limit = _GROWTH * size + _SPARE_BYTES
    if unpacked > limit:
        raise ModelError(
            f"{path} has {size:,} bytes and unpacks to {unpacked:,}",
            f"expected at most {limit:,}; {_SAVE}",
        )


def _parsed(path: Path, text: str | bytes) -> dict[str, Any]:
    try:
        if len(text) > _CONFIG_BYTES:
            raise ValueError(f"{len(text):,} bytes; expected at most {_CONFIG_BYTES:,}")
        config = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(
            f"{path}: its architecture cannot be read: {first_line(error)}", _SAVE
        ) from None
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict | list):
        raise ModelError(f"{path}: its architecture is not a model", _SAVE)
    return config
