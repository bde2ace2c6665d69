"""What a Kubeflow server is asked, right and wrong, so that two servers' answers can be compared.

Left out is a file that is not YAML: KFP 2.17.0 never answers it, and is busy with it for good.
"""

import json
import re

import httpx

from poseline.kubeflow.api import ROOT
from poseline.kubeflow.filters import contains, equals, every
from support.kfp_double.facts import INTERNAL
from support.kfp_double.package import PACKAGE

NAME = "run ü 100% /x"
NOBODY = "nobody"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Interview:
    """One server's answers: what was asked, to its status and what matters of its body."""

    def __init__(self, http, tag):
        self.answers, self._known, self._tag, self._http = {}, {}, tag, http

    def ask(self, what, method, path, body=None, *, keep="", **query):
        """Ask; `keep` says what the id in the answer is called in later paths and bodies."""
        content = body if isinstance(body, str) else json.dumps(body) if body else None
        self._take(
            what, keep, method, path, content=content and self._filled(content), params=query
        )

    def upload(self, what, text, *, to="version", keep="", **query):
        """Upload a package as a version, or as a pipeline."""
        path = "/pipelines/upload" + ("_version" if to == "version" else "")
        file = {"uploadfile": ("chain.yaml", text.encode(), "application/yaml")}
        self._take(what, keep, "POST", path, files=file, params=query)

    def _take(self, what, keep, method, path, *, params, **content):
        query = {key: self._filled(str(value)) for key, value in params.items()}
        answer = self._http.request(method, self._filled(path), params=query, **content)
        body = answer.json()
        kind = keep.rstrip("2")
        if keep and answer.is_success:
            self._known[keep] = body[f"{KINDS.get(kind, kind)}_id"]
        self.answers[what] = answer.status_code, self._masked(_essence(body))

    def _filled(self, text):
        for name, value in {"tag": self._tag, **self._known}.items():
            text = text.replace(f"<{name}>", value)
        return text

    def _masked(self, essence):
        text = json.dumps(essence, sort_keys=True, ensure_ascii=False)
        for name, value in {**self._known, "tag": self._tag}.items():
            text = text.replace(value, f"<{name}>")
        return json.loads(_TIME.sub("<time>", _UUID.sub("<id>", text)))


KINDS = {"version": "pipeline_version", "recurring": "recurring_run"}


def _essence(body):
    """Leave out what is worded for nobody: outer messages, the gateway's own, stack traces."""
    if "details" in body and body["code"] != INTERNAL:
        return {"code": body["code"], "message": body["details"][0]["message"]}
    if "code" in body:
        return {"code": body["code"]}
    return {key: value for key, value in body.items() if key not in _LOOSE}


_LOOSE = {"error_details", "next_page_token", "tag_name", "commit_sha"}


def interview(url, tag):
    """Ask a server everything; `tag` tells its objects from those of others."""
    with httpx.Client(base_url=url + ROOT, timeout=60) as http:
        one = Interview(http, tag)
        for part in (_experiments, _pipelines, _runs, _recurring, _removal):
            part(one)
    return one.answers


def _experiments(one):
    ask, name = one.ask, "poses<tag>"
    ask("health", "GET", "/healthz")
    ask("no experiment", "GET", "/experiments", filter=equals("display_name", NOBODY))
    ask("experiment", "POST", "/experiments", {"display_name": name}, keep="experiment")
    ask("experiment again", "POST", "/experiments", {"display_name": name})
    ask("experiment without name", "POST", "/experiments", {"description": "x"})
    ask("experiment with unknown field", "POST", "/experiments", {"colour": "red"})
    ask("no JSON", "POST", "/experiments", "{oops")
    ask("get experiment", "GET", "/experiments/<experiment>")
    ask("get no experiment", "GET", f"/experiments/{NOBODY}")
    for key, text in {"name": name, "other case": name.upper(), "half": "poses"}.items():
        ask(f"find by {key}", "GET", "/experiments", filter=equals("display_name", text))
    ask("find by part", "GET", "/experiments", filter=contains("display_name", "oses<tag>"))
    ask("find by no field", "GET", "/experiments", filter=equals("colour", "x"))
    ask("sorted by no field", "GET", "/experiments", sort_by="colour")
    ask("sorted by two", "GET", "/experiments", sort_by="display_name up down")
    ask("negative page", "GET", "/experiments", page_size=-1)
    ask("no token", "GET", "/experiments", page_token="oops")
    ask("no such path", "GET", "/colours")


def _pipelines(one):
    ask, upload, name = one.ask, one.upload, "chain<tag>"
    made = {"name": name, "display_name": name, "description": "words"}
    ask("no pipeline of a name", "GET", f"/pipelines/names/{NOBODY}")
    ask("pipeline", "POST", "/pipelines", made, keep="pipeline")
    ask("pipeline again", "POST", "/pipelines", made)
    ask("pipeline without name", "POST", "/pipelines", {"description": "x"})
    ask("pipeline of a name", "GET", f"/pipelines/names/{name}")
    ask("get pipeline", "GET", "/pipelines/<pipeline>")
    ask("get no pipeline", "GET", f"/pipelines/{NOBODY}")
    ask("no versions", "GET", "/pipelines/<pipeline>/versions")
    ask("versions of nothing", "GET", f"/pipelines/{NOBODY}/versions")
    query = {"name": "v1", "display_name": "v1", "pipelineid": "<pipeline>", "description": "x"}
    upload("version", PACKAGE, keep="version", **query)
    upload("version again", PACKAGE, **query)
    upload("no pipeline in a file", "a: 1\n", **query | {"name": "v2"})
    upload("no root in a file", "pipelineInfo: {name: a}\n", **query | {"name": "v3"})
    upload("version of nothing", PACKAGE, **query | {"pipelineid": NOBODY})
    ask("version without file", "POST", "/pipelines/upload_version", **query)
    ask("find version", "GET", "/pipelines/<pipeline>/versions", filter=equals("name", "v1"))
    ask("get version", "GET", "/pipelines/<pipeline>/versions/<version>")
    ask("get no version", "GET", f"/pipelines/<pipeline>/versions/{NOBODY}")
    upload("both at once", PACKAGE, to="pipeline", keep="pipeline2", name="both<tag>")
    upload("both again", PACKAGE, to="pipeline", name="both<tag>")


REFERENCE = {"pipeline_id": "<pipeline>", "pipeline_version_id": "<version>"}
RUN = {
    "display_name": NAME,
    "experiment_id": "<experiment>",
    "pipeline_version_reference": REFERENCE,
    "runtime_config": {"parameters": {"epochs": 3}},
}


def _without(body, key):
    return {name: value for name, value in body.items() if name != key}


def _with_parameters(body, **parameters):
    return body | {"runtime_config": {"parameters": parameters}}


def _runs(one):
    def ask(what, **changes):
        one.ask(what, "POST", "/runs", RUN | changes)

    one.ask("run", "POST", "/runs", RUN, keep="run")
    one.ask("run as somebody", "POST", "/runs", RUN | {"service_account": "trainer"}, keep="run2")
    ask("run of the latest", pipeline_version_reference={"pipeline_id": "<pipeline>"})
    ask("run of a version alone", pipeline_version_reference={"pipeline_version_id": "<version>"})
    ask("run of no version", pipeline_version_reference=REFERENCE | {"pipeline_version_id": NOBODY})
    ask("run of no pipeline", pipeline_version_reference={"pipeline_id": NOBODY})
    ask("run in no experiment", experiment_id=NOBODY)
    ask("run with unknown field", colour="red")
    for key in ("display_name", "pipeline_version_reference", "experiment_id"):
        one.ask(f"run without {key}", "POST", "/runs", _without(RUN, key))
    for parameters in ({"epochs": "three"}, {"config": 3}, {"epochs": 3, "hue": 1, "colour": 2}):
        what = f"run with {sorted(parameters)}"
        one.ask(what, "POST", "/runs", _with_parameters(RUN, **parameters))
    where = {"experiment_id": "<experiment>"}
    named = equals("display_name", NAME)
    one.ask("get run", "GET", "/runs/<run>")
    one.ask("get no run", "GET", f"/runs/{NOBODY}")
    one.ask("find run", "GET", "/runs", filter=equals("service_account", "trainer"), **where)
    one.ask("find run by case", "GET", "/runs", filter=equals("display_name", "x"), **where)
    one.ask("find ended", "GET", "/runs", filter=every(("EQUALS", "state", "FAILED")), **where)
    one.ask("filter not escaped", "GET", "/runs", filter='{"predicates": "100% x"}', **where)
    one.ask("runs of no experiment", "GET", "/runs", filter=named, experiment_id=NOBODY)
    one.ask("terminate", "POST", "/runs/<run>:terminate")
    one.ask("get terminated", "GET", "/runs/<run>")
    one.ask("terminate again", "POST", "/runs/<run>:terminate")
    one.ask("terminate nothing", "POST", f"/runs/{NOBODY}:terminate")
    one.ask("archive", "POST", "/runs/<run2>:archive")
    one.ask("get archived", "GET", "/runs/<run2>")
    one.ask("archive nothing", "POST", f"/runs/{NOBODY}:archive")
    one.ask("delete", "DELETE", "/runs/<run2>")
    one.ask("delete again", "DELETE", "/runs/<run2>")


def _recurring(one):
    path, trigger = "/recurringruns", {"cron_schedule": {"cron": "0 0 3 * * *"}}
    recurring = RUN | {
        "display_name": "nightly<tag>",
        "trigger": trigger,
        "max_concurrency": "1",
        "no_catchup": True,
        "mode": "DISABLE",
    }
    one.ask("recurring", "POST", path, recurring, keep="recurring")
    one.ask("recurring again", "POST", path, recurring, keep="recurring2")
    one.ask(
        "find recurring",
        "GET",
        path,
        filter=equals("display_name", "nightly<tag>"),
        sort_by="created_at",
    )
    one.ask("enable", "POST", f"{path}/<recurring>:enable")
    one.ask("get enabled", "GET", f"{path}/<recurring>")
    one.ask("disable", "POST", f"{path}/<recurring>:disable")
    one.ask("get disabled", "GET", f"{path}/<recurring>")
    for key in ("display_name", "max_concurrency", "mode", "trigger", "pipeline_version_reference"):
        one.ask(f"recurring without {key}", "POST", path, _without(recurring, key))
    one.ask("recurring too often", "POST", path, recurring | {"max_concurrency": "11"})
    for cron in ("0 3 *", "0 3 * * *"):
        trigger = {"trigger": {"cron_schedule": {"cron": cron}}}
        one.ask(f"recurring at {cron}", "POST", path, recurring | trigger)
    one.ask("recurring, wrong", "POST", path, _with_parameters(recurring, epochs="three"))
    nothing = REFERENCE | {"pipeline_version_id": NOBODY}
    one.ask(
        "recurring of no version", "POST", path, recurring | {"pipeline_version_reference": nothing}
    )
    for method, verb in (("GET", ""), ("POST", ":enable"), ("DELETE", "")):
        one.ask(f"{method} no recurring", method, f"{path}/{NOBODY}{verb}")
    one.ask("delete recurring", "DELETE", f"{path}/<recurring>")
    one.ask("delete recurring again", "DELETE", f"{path}/<recurring>")
    one.ask("delete the other", "DELETE", f"{path}/<recurring2>")


def _removal(one):
    one.ask("archive experiment", "POST", "/experiments/<experiment>:archive")
    one.ask("get archived experiment", "GET", "/experiments/<experiment>")
    one.ask("run in archived experiment", "POST", "/runs", RUN)
    one.ask("unarchive experiment", "POST", "/experiments/<experiment>:unarchive")
    one.ask("delete both", "DELETE", "/pipelines/<pipeline2>")
    one.ask("delete version", "DELETE", "/pipelines/<pipeline>/versions/<version>")
    one.ask("delete pipeline", "DELETE", "/pipelines/<pipeline>")
    one.ask("delete pipeline again", "DELETE", "/pipelines/<pipeline>")
