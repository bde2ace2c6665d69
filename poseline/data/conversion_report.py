"""Why a conversion kept nothing, so that its user knows what to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from poseline.config.models.dataset import Conversion
from poseline.data.coco_layout import Part
from poseline.data.keypoints import LABELLED_FROM
from poseline.errors import DataError

_REASONS = {
    "several_persons": "more than one person",
    "no_person": "no person",
    "no_label": "no label (.txt) in labels/ or beside the picture",
    "missing": "the picture is not there",
    "corrupt": "the picture is damaged or not a picture",
    "another_size": "the picture has another shape than its annotations say",
    "no_visible_keypoints": "no labelled keypoint",
    "confidence": f"a visibility that is a confidence; labelled from {LABELLED_FROM} on",
    "no_area": "a box without area inside of the picture",
    "malformed": "bbox or keypoints are missing or not numbers",
    "malformed_picture": "a picture without id or file_name",
    "no_box": "neither a bbox nor a labelled keypoint to put one around",
    "not_shares": "coordinates that are no shares of the picture: pixels?",
    "other_number_of_keypoints": "another number of keypoints than the category names",
    "other_category": "another category",
    "few_keypoints": "fewer labelled keypoints than min_keypoints",
    "small": "smaller than min_size",
    "unknown_image": "annotations of a picture that is not listed",
    "duplicate": "listed twice",
    "crowd": "a crowd",
}
_LOOKED = 6  # folders named


def nothing_left(
    parts: Sequence[Part],
    counts: Mapping[str, Mapping[str, int]],
    examples: Mapping[str, Mapping[str, Sequence[str]]],
    settings: Conversion,
) -> DataError:
    """Return the error of a conversion that kept no picture.

    Args:
        parts: The splits.
        counts: Split to what was left out, by reason.
        examples: Split to names of pictures, by reason.
        settings: What was to be kept.
    """
    lines = [f"nothing in {parts[0].root} can be used"]
    for part in parts:
        lines.append(f"{part.split}, {part.annotations.relative_to(part.root)}:")
        for reason, text in _REASONS.items():
            if count := counts[part.split].get(reason, 0):
                named = examples[part.split].get(reason, ())
                lines.append(f"  {count:,} {reason}: {text}{f', as {named[0]}' if named else ''}")
        if counts[part.split].get("missing"):
            shown = [root or "." for root in part.roots[:_LOOKED]]
            more = ", …" if len(part.roots) > _LOOKED else ""
            lines.append(f"  pictures were looked for in {', '.join(shown)}{more}")
    total = {r: sum(count.get(r, 0) for count in counts.values()) for r in _REASONS}
    return DataError("\n".join(lines), _remedy(total, settings))


def _remedy(total: Mapping[str, int], settings: Conversion) -> str:
    hints = []
    if total["several_persons"] and settings.pose == "single":
        hints.append("`pose: multi` (--pose multi) keeps pictures of several persons")
    if total["missing"]:
        hints.append("put the pictures into the set's folder by the names of its annotations")
    if total["few_keypoints"]:
        hints.append("lower min_keypoints (--min-keypoints)")
    if total["small"]:
        hints.append("lower min_size (--min-size)")
    if total["other_number_of_keypoints"]:
        hints.append("name exactly the keypoints that there are in the category's `keypoints`")
    if total["no_person"] and total["other_category"]:
        hints.append("choose another category (--category)")
    return "; ".join(hints)
