"""What comes before the stages: data sets, whole or in parts, and models from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from poseline import store
from poseline.config.loading.slices import from_slice
from poseline.config.models.config import Stage
from poseline.config.models.steps import Step
from poseline.errors import StoreError
from poseline.runner.inputs import Sources
from poseline.store.manifest import Manifest, entries
from poseline.tasks.artifacts import (
    Artifact,
    model_shown,
    uri_of,
)
from poseline.tasks.errors import exit_with_error_code, retry_storage
from poseline.tasks.parameters import (
    DataSources,
    Share,
    StageInputs,
    read_slice,
)


@exit_with_error_code
def convert(config: str, data: str, dataset: Artifact) -> tuple[str, ...]:
    """Convert and pack a COCO set; any other set is passed on as it is.

    Returns:
        The inputs of train, quantize, evaluate and predict.
    """
    named, converted = DataSources.read(data), {}
    if named.source:
        from poseline.tasks.conversion import convert_and_pack

        packed = retry_storage(convert_and_pack)(
            from_slice(read_slice(config)), named.source, named.content["source"], dataset.path
        )
        dataset.metadata.update(packed.shown)
        converted = {part: packed.uri(part, uri_of(dataset)) for part in packed.parts}
    else:
        Path(dataset.path).mkdir(parents=True, exist_ok=True)
        dataset.metadata.update(named.sources)
    sources = Sources(**named.sources).completed(converted)
    fed: tuple[Stage, ...] = ("train", "quantize", "evaluate", "predict")
    return tuple(
        StageInputs(
            inputs=sources.inputs(Step(stage, stage)),
            content=named.content,
            part=(sources.test_part or "") if stage == "evaluate" else "",
        ).text()
        for stage in fed
    )


@exit_with_error_code
def split(
    dataset: str, output: str, parts: int, pose: str, keypoints: int, category: str
) -> list[str]:
    """Check the settings of a conversion in parts; return the share of each task."""
    from poseline.tasks.conversion_in_parts import shares

    found = retry_storage(shares)(dataset, output, parts, pose, keypoints, category)
    return [share.text() for share in found]


@exit_with_error_code
def convert_part(share: str) -> None:
    """Convert one part of a set."""
    from poseline.tasks import conversion_in_parts

    retry_storage(conversion_in_parts.convert_part)(Share.read(share))


@exit_with_error_code
def join(shares: Sequence[str], dataset: Artifact) -> str:
    """Make a set of its parts; return its URI."""
    from poseline.tasks.conversion_in_parts import joined

    place, counts = retry_storage(joined)([Share.read(share) for share in shares])
    Path(dataset.path).mkdir(parents=True, exist_ok=True)
    dataset.metadata["uri"] = place
    for name, each in counts.items():
        dataset.metadata |= {f"{name}_{reason}": count for reason, count in each.items() if count}
    return place


@exit_with_error_code
def import_model(data: str, model: Artifact) -> None:
    """Bring the model that a chain starts from, with its sidecar, among the artifacts."""
    import shutil

    uri = DataSources.read(data).sources["model"]
    source = retry_storage(store.fetch)(uri)
    if not source.is_file():
        raise StoreError(f"{uri} is not a file", "check general.model_path")
    out = Path(model.path)
    out.mkdir(parents=True, exist_ok=True)
    for path in (source, source.with_name(f"{source.name}.json")):
        if path.is_file():
            shutil.copyfile(path, out / path.name)
    Manifest("import", "", files=entries(out), roles={"model": source.name}).write(out)
    model.metadata.update(model_shown(out / source.name))
