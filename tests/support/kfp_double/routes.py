"""What the API can be asked, and what answers it."""

import json

from support.kfp_double.facts import INVALID, ApiError, missing, page_of

ROOT = "/apis/v2beta1"
WHAT = {"run": "A run", "recurring_run": "Recurring run", "experiment": "An experiment"}


def _stored(kind):
    return {
        "pipeline": "pipelines",
        "pipeline_version": "versions",
        "experiment": "experiments",
        "run": "runs",
        "recurring_run": "recurring",
    }[kind]


def _get(kind, label):
    def serve(objects, query, body, key):
        if kind == "run":
            return objects.look(key)
        found = getattr(objects, _stored(kind)).get(key)
        if not found:
            raise missing(label, key)
        return found

    return serve


def _list(kind):
    def serve(objects, query, body, owner=None):
        items = list(getattr(objects, _stored(kind)).values())
        if kind == "run":
            items = [objects.look(item["run_id"]) for item in items]
        if owner:
            if owner not in objects.pipelines:
                raise missing("Pipeline", owner)
            items = [item for item in items if item["pipeline_id"] == owner]
        if experiment := query.get("experiment_id"):
            if experiment not in objects.experiments:
                raise missing("Experiment", experiment)
            items = [item for item in items if item["experiment_id"] == experiment]
        elif objects.multi_user and not owner:
            space = query.get("namespace", "")
            if kind != "pipeline":
                space = objects.space(space, WHAT[kind])
            items = [item for item in items if _space(objects, item) == space]
        return page_of(kind, items, query, objects.page)

    return serve


def _space(objects, item):
    owner = objects.experiments.get(item.get("experiment_id"), {})
    return item.get("namespace") or owner.get("namespace", "")


def _delete(kind, label):
    def serve(objects, query, body, *keys):
        _get(kind, label)(objects, query, body, keys[-1])
        if kind == "recurring_run":
            objects.delete_recurring(keys[-1])
            return {}
        versions = [v for v in objects.versions.values() if v["pipeline_id"] == keys[-1]]
        if versions:
            raise ApiError(
                INVALID,
                f"Failed to delete pipeline with id {keys[-1]} as it has "
                "existing pipeline versions (e.g. "
                f"{versions[0]['pipeline_version_id']}). Set cascade=true to delete "
                "all versions",
            )
        del getattr(objects, _stored(kind))[keys[-1]]
        return {}

    return serve


def _store(kind, label, state):
    def serve(objects, query, body, key):
        _get(kind, label)(objects, query, body, key)
        runs = objects.runs.values()
        if kind == "experiment":
            objects.experiments[key]["storage_state"] = state
        for run in runs if state == "ARCHIVED" or kind == "run" else ():
            if run[f"{kind}_id"] == key:
                run["storage_state"] = state
        return {}

    return serve


def _by_name(objects, query, body, name):
    space = objects.shared(query.get("namespace", ""))
    found = objects.pipeline_by_name(name, space)
    if not found:
        raise missing("Namespace/Pipeline", f"{space}/{name}")
    return found


def _terminate(objects, query, body, run_id):
    objects.terminate(run_id)
    return {}


def _enable(on):
    def serve(objects, query, body, recurring_id):
        objects.enable(recurring_id, on)
        return {}

    return serve


def _log(objects, query, body, run_id, node):
    """Answer 200 whatever happens, with the error as JSON behind it: the server does that."""
    if run_id not in objects.runs or node not in objects.logs:
        text = f"Failed to read logs for run {run_id}"
        return json.dumps({"error_message": text, "error_details": text})
    return objects.logs[node]


def _health(objects, query, body):
    return {
        "commit_sha": "unknown",
        "tag_name": "2.17.0",
        "multi_user": objects.multi_user,
        "pipeline_store": "database",
    }


_ID = "([^/:]+)"
ROUTES = [
    ("GET", f"{ROOT}/healthz", _health),
    ("GET", f"{ROOT}/experiments", _list("experiment")),
    ("POST", f"{ROOT}/experiments", lambda o, q, b: o.create_experiment(b)),
    ("GET", f"{ROOT}/experiments/{_ID}", _get("experiment", "Experiment")),
    ("DELETE", f"{ROOT}/experiments/{_ID}", _delete("experiment", "Experiment")),
    ("POST", f"{ROOT}/experiments/{_ID}:archive", _store("experiment", "Experiment", "ARCHIVED")),
    (
        "POST",
        f"{ROOT}/experiments/{_ID}:unarchive",
        _store("experiment", "Experiment", "AVAILABLE"),
    ),
    ("GET", f"{ROOT}/pipelines", _list("pipeline")),
    ("POST", f"{ROOT}/pipelines", lambda o, q, b: o.create_pipeline(b)),
    ("GET", f"{ROOT}/pipelines/names/(.+)", _by_name),
    ("GET", f"{ROOT}/pipelines/{_ID}", _get("pipeline", "Pipeline")),
    ("DELETE", f"{ROOT}/pipelines/{_ID}", _delete("pipeline", "Pipeline")),
    ("GET", f"{ROOT}/pipelines/{_ID}/versions", _list("pipeline_version")),
    (
        "GET",
        f"{ROOT}/pipelines/{_ID}/versions/{_ID}",
        lambda o, q, b, _, key: _get("pipeline_version", "PipelineVersion")(o, q, b, key),
    ),
    (
        "DELETE",
        f"{ROOT}/pipelines/{_ID}/versions/{_ID}",
        _delete("pipeline_version", "PipelineVersion"),
    ),
    ("GET", f"{ROOT}/runs", _list("run")),
    ("POST", f"{ROOT}/runs", lambda o, q, b: o.create_run(b)),
    ("GET", f"{ROOT}/runs/{_ID}", _get("run", "Run")),
    ("DELETE", f"{ROOT}/runs/{_ID}", _delete("run", "Run")),
    ("POST", f"{ROOT}/runs/{_ID}:terminate", _terminate),
    ("POST", f"{ROOT}/runs/{_ID}:archive", _store("run", "Run", "ARCHIVED")),
    ("POST", f"{ROOT}/runs/{_ID}:unarchive", _store("run", "Run", "AVAILABLE")),
    ("GET", f"{ROOT}/recurringruns", _list("recurring_run")),
    ("POST", f"{ROOT}/recurringruns", lambda o, q, b: o.create_recurring(b)),
    ("GET", f"{ROOT}/recurringruns/{_ID}", _get("recurring_run", "Job")),
    ("DELETE", f"{ROOT}/recurringruns/{_ID}", _delete("recurring_run", "Job")),
    ("POST", f"{ROOT}/recurringruns/{_ID}:enable", _enable(on=True)),
    ("POST", f"{ROOT}/recurringruns/{_ID}:disable", _enable(on=False)),
    ("GET", "/apis/v1alpha1/runs/([^/]+)/nodes/([^/]+)/log", _log),
]
