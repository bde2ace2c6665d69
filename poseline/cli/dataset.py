"""Commands about data sets."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.table import Table

from poseline.terminal import Console

Keypoints = Literal[13, 17, 21, 133]

app = App(name="dataset", help="Convert, draw, pack and inspect sets.", help_format="markdown")


@app.command
def convert(
    *,
    path: Path,
    pose: Literal["single", "multi"] = "single",
    keypoints: Keypoints | None = None,
    category: str | None = None,
    min_keypoints: int = 0,
    min_size: float = 0.0,
    fraction: float = 1.0,
    verify: bool = False,
    outputdir: str = "datasets",
    parts: str | None = None,
    overwrite: bool = False,
) -> None:
    """Convert a set in COCO keypoint or YOLO-pose format to YOLO Darknet format.

    Reads COCO sets in the layouts of COCO, CVAT, Roboflow and Label Studio, or one JSON file above
    its pictures, and YOLO-pose sets with their data.yaml. Keypoints are matched by name.

    Example: `poseline dataset convert --path coco --pose single --keypoints 13 --outputdir sets`

    Args:
        path: Folder of pictures and annotations.
        pose: `single` keeps pictures of exactly one person.
        keypoints: 17; 13, with one point for the head; 21 of a hand; or 133 of COCO-WholeBody. By
            default those that the set defines.
        category: Name or id of the category; required if several have keypoints.
        min_keypoints: Leave out persons with fewer labelled keypoints.
        min_size: Leave out smaller persons: square root of the box's share of the picture, 0 to 1.
        fraction: Share of the pictures with persons to convert, for a quick try.
        verify: Decode every picture to find damaged ones.
        outputdir: The set is written to `<outputdir>/<pose>/<N>kpts/<train|val>`; replacing one
            that was made from another source needs `--overwrite`.
        parts: Convert only one part of the set, such as 2/4, and pack it into its own shards;
            `outputdir` may then be a URI. `poseline dataset join` makes a set of the parts.
        overwrite: Replace a set that poseline made, including what was added or changed in it.
    """
    from poseline.config.loading.slices import from_slice
    from poseline.data.conversion_source import points_of_source
    from poseline.data.portions import Portion
    from poseline.data.set_folder import SetFolder
    from poseline.stages import convert as stage
    from poseline.stages import convert_portion
    from poseline.store.manifest import content_hash

    settings = {
        "path": str(path),
        "pose": pose,
        "outputdir": outputdir,
        "category": category,
        "min_keypoints": min_keypoints,
        "min_size": min_size,
        "fraction": fraction,
        "verify": verify,
    }
    config = from_slice({"dataset": {"keypoints": keypoints}, "conversion": settings})
    count = keypoints or len(points_of_source(path, category))
    out = f"{outputdir.rstrip('/')}/{pose}/{count}kpts"
    if parts is not None:
        content, portion = content_hash(path), Portion.read(parts)
        counts = convert_portion.run(config, SetFolder(path), out, portion, content)
    else:
        result = stage.run(config, {"source": path}, Path(out), overwrite=overwrite)
        counts = result.summary["counts"]
    _print_counts(counts, out)


@app.command
def join(place: str) -> None:
    """Make a packed set of the parts that `convert --parts` wrote.

    Example: `poseline dataset join s3://bucket/people/single/17kpts`

    Args:
        place: Folder or URI that holds train/ and val/.
    """
    from poseline.data.portions import join as joined

    place = place.rstrip("/")
    _print_counts(joined(place), place)


def _print_counts(counts: dict[str, dict[str, int]], title: str) -> None:
    table = Table(title=title, title_justify="left")
    for name in ("split", "reason", "count"):
        table.add_column(name, justify="right" if name == "count" else "left")
    for split, each in counts.items():
        for reason, count in sorted(each.items(), key=lambda item: (item[0] != "kept", item[0])):
            if count:
                table.add_row(split, reason.replace("_", " "), f"{count:,}")
    Console().print(table)


@app.command(name="pack")
def pack_set(folder: str, out: str, *, shard_mb: int = 64, overwrite: bool = False) -> None:
    """Pack a set into tar shards with an index, which training reads in place.

    A set with train/ and val/ is packed part by part.

    Example: `poseline dataset pack datasets/single/17kpts s3://bucket/people`

    Args:
        folder: A set in YOLO Darknet format, or a folder with train/ and optionally val/; a path or
            a URI.
        out: Folder or URI to create.
        shard_mb: Size of a shard in MB.
        overwrite: Replace a packed set that poseline made, including what was added or changed in
            it.
    """
    from poseline.data.pack import check, pack, put
    from poseline.store import fetch, writable
    from poseline.store.uri import parse

    writable(out)
    source = fetch(folder)
    parts = [part for part in ("train", "val") if (source / part).is_dir()] or [""]
    table = Table("part", "pictures", "persons", "shards", "MB", title=out, title_justify="left")
    if parse(out).scheme == "file":
        for part in parts:
            check(source / part, Path(parse(out).path) / part, overwrite=overwrite)
    with TemporaryDirectory() as scratch:
        for part in reversed(parts):  # train last: it says that the set is whole
            place = f"{out.rstrip('/')}/{part}".rstrip("/")
            local = parse(place).scheme == "file"
            target = Path(parse(place).path) if local else Path(scratch) / (part or "set")
            index = pack(source / part, target, shard_mb, overwrite=overwrite)
            if not local:
                put(target, place)
            size = sum(shard.size for shard in index.shards) / 1e6
            table.add_row(
                part,
                f"{index.pictures:,}",
                f"{index.persons:,}",
                str(len(index.shards)),
                f"{size:,.1f}",
            )
    Console().print(table)


@app.command
def synthesize(
    out: str,
    *,
    train: int = 2000,
    val: int = 400,
    test: int = 0,
    persons: int = 1,
    size: Annotated[tuple[int, int], Parameter(negative="")] = (256, 256),
    seed: int = 0,
    overwrite: bool = False,
) -> None:
    """Draw a set of people in COCO's layout.

    Example: `poseline dataset synthesize people --train 500 --val 100`

    Args:
        out: Folder or URI to create.
        train: Number of training pictures.
        val: Number of validation pictures.
        test: Number of test pictures; with 0 the set has no test split.
        persons: Maximum number of people in a picture.
        size: Mean width and height in px.
        seed: Seed of the set.
        overwrite: Replace a set that poseline drew, including what was added or changed in it.
    """
    from poseline import store
    from poseline.data.synthetic.generate import generate
    from poseline.progress import doing
    from poseline.store.uri import parse

    store.writable(out)
    place = parse(out)
    with TemporaryDirectory() as scratch, doing("drawing pictures"):
        local = place.scheme == "file"
        folder = Path(place.path) if local else Path(scratch) / "people"
        generate(
            folder,
            train,
            val,
            test=test,
            size=size,
            persons=persons,
            seed=seed,
            overwrite=overwrite,
        )
        if not local:
            store.publish(folder, out)
    parts = {"training": train, "validation": val, "test": test}
    counts = ", ".join(f"{count:,} {part}" for part, count in parts.items() if count)
    _say(f"Wrote {out}: drawn people, {counts} pictures")


@app.command
def show(
    folder: str,
    *,
    keypoints: Keypoints | None = None,
    count: int = 16,
    out: Path = Path("show.jpg"),
    overwrite: bool = False,
) -> None:
    """Draw labelled pictures of a set on one sheet.

    Example: `poseline dataset show sets/single/17kpts/val --out sheet.jpg`

    Args:
        folder: A set in YOLO Darknet format: a path, or a URI such as s3://bucket/set.
        keypoints: Number of keypoints per pose; by default those of the set.
        count: Number of pictures, taken evenly from the set.
        out: The picture to write, a .jpg or .png.
        overwrite: Replace a file that poseline did not write.
    """
    import cv2
    import numpy as np

    from poseline.data.drawing import contact_sheet, draw_pose
    from poseline.data.image_reading import read_picture
    from poseline.data.set_points import points_shown
    from poseline.data.yolo import list_samples, read_label
    from poseline.store import fetch
    from poseline.store.drawing import check_picture, write_picture

    source = fetch(folder)
    samples = list_samples(source)
    points = points_shown(source, samples, keypoints)
    inputs = [path for sample in samples for path in (sample.image, sample.label)]
    target = check_picture(out, inputs=inputs, overwrite=overwrite)
    pictures = []
    for sample in samples[:: max(len(samples) // count, 1)][:count]:
        picture = np.ascontiguousarray(read_picture(sample.image, "rgb"))
        poses = read_label(sample.label, len(points))
        size = np.array([picture.shape[1], picture.shape[0]])
        for box, person in zip(poses.boxes, poses.keypoints, strict=True):
            corners = [(box[:2] + sign * box[2:] / 2) * size for sign in (-1, 1)]
            start, end = (tuple(np.rint(corner).astype(int).tolist()) for corner in corners)
            cv2.rectangle(picture, start, end, (255, 220, 60), max(int(size.min()) // 240, 1))
            pose = person * (*size, 1)
            pose[person[:, 2] == 0] = np.nan
            draw_pose(picture, pose, points)
        pictures.append(picture)
    write_picture(target, contact_sheet(pictures))
    _say(f"Wrote {out}")


@app.command
def stats(
    folder: str,
    *,
    keypoints: Keypoints | None = None,
    out: Path = Path("stats.png"),
    overwrite: bool = False,
) -> None:
    """Plot statistics of a set: visibility of the keypoints, size and shape of the persons.

    Example: `poseline dataset stats sets/single/17kpts/train`

    Args:
        folder: A set in YOLO Darknet format: a path, or a URI such as s3://bucket/set.
        keypoints: Number of keypoints per pose; by default those of the set.
        out: The picture to write, a .png or .jpg.
        overwrite: Replace a file that poseline did not write.
    """
    from poseline.data.set_points import points_shown
    from poseline.data.stats import plot, statistics
    from poseline.data.yolo import list_samples
    from poseline.store import fetch
    from poseline.store.drawing import check_picture

    source = fetch(folder)
    samples = list_samples(source)
    inputs = [path for sample in samples for path in (sample.image, sample.label)]
    target = check_picture(out, inputs=inputs, overwrite=overwrite)
    found = statistics(samples, points_shown(source, samples, keypoints))
    plot(found, target)
    _say(f"{found.pictures:,} pictures, {len(found.scales):,} persons; wrote {out}")


def _say(text: str) -> None:
    Console(soft_wrap=True, highlight=False, markup=False).print(text)
