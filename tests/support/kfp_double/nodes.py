"""The nodes of a workflow, as Argo names them and KFP 2.17 lists them.

With the settings that KFP ships every node is a retry node with its attempts `name(0)` below it.
An id is the workflow's name and the FNV-1a hash of the full name; KFP tells only those of children.
"""

import re
from datetime import UTC, datetime

from support.kfp_double.facts import FINAL, NO_TIME


class Nodes:
    """The nodes of a workflow: its name, when it began, and the seconds that a step takes."""

    def __init__(self, flow, born=0.0, pace=1.0):
        self.flow, self.born, self.pace = flow, born, pace
        self.nodes = {}

    def add(self, full, state, index=0, attempts=1, **fields):
        """Add a node by its full name, with its attempts: the last is in its state."""
        self._add(full, state, index, fields)
        for number in range(attempts):
            last = number == attempts - 1
            self._add(f"{full}({number})", state if last else "FAILED", index, fields)

    def alone(self, full, state, index=0, **fields):
        """Add a node without attempts, such as one that was left out."""
        self._add(full, state, index, fields)

    def id(self, full):
        return self.flow if full == self.flow else f"{self.flow}-{fnv(full)}"

    def details(self, run_id="run"):
        """The task details of the run: by the order of their ids, which are not told."""
        return [self._detail(full, run_id) for full in sorted(self.nodes, key=self.id)]

    def _add(self, full, state, index, fields):
        self.nodes[full] = (state, index, fields)

    def _detail(self, full, run_id):
        state, index, fields = self.nodes[full]
        start = self.born + (index + 1) * self.pace
        over = state in FINAL or state is None
        found = {
            "run_id": run_id,
            "task_id": f"task-{fnv(full)}",
            "display_name": shown(full),
            "create_time": stamp(self.born),
            "start_time": stamp(start),
            "end_time": stamp(start + self.pace) if over else NO_TIME,
            "state": state,
            "child_tasks": [{"pod_name": self.id(one)} for one in self.nodes if above(one) == full],
        }
        return {k: v for k, v in (found | fields).items() if v is not None}


def above(full):
    """The full name of the node above one."""
    attempt = re.fullmatch(r"(.+)\(\d+\)", full)
    return attempt[1] if attempt else full.rpartition(".")[0]


def shown(full):
    """The display name: the full one without the graph that the node is in."""
    return re.search(r"[^.]+(\.onExit(\(\d+\))?)?$", full)[0]


def fnv(text):
    found = 2166136261
    for byte in text.encode():
        found = (found ^ byte) * 16777619 % 2**32
    return found


def stamp(seconds):
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
