"""A stage as a task of a pipeline: what a component's body calls, and nothing of KFP.

Inputs that are data sets come as URIs, since a packed set is read in place while its shards
arrive. Models come and go as artifacts, folders with a manifest. Figures travel as parameters: a
task that wants some of them has no use for the files.
"""

from poseline.tasks.entrypoints.comparison import (
    compare,
    finish_search,
    order_search,
    plan_search,
    work_at_search,
)
from poseline.tasks.entrypoints.data import convert, convert_part, import_model, join, split
from poseline.tasks.entrypoints.run import finish, resolve
from poseline.tasks.entrypoints.stages import (
    benchmark,
    evaluate,
    export,
    gate,
    predict,
    quantize,
    train,
)

__all__ = [
    "benchmark",
    "compare",
    "convert",
    "convert_part",
    "evaluate",
    "export",
    "finish",
    "finish_search",
    "gate",
    "import_model",
    "join",
    "order_search",
    "plan_search",
    "predict",
    "quantize",
    "resolve",
    "split",
    "train",
    "work_at_search",
]
