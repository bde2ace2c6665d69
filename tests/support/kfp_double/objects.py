"""What a Kubeflow Pipelines server knows, and how it answers, by the facts of KFP 2.17.

Written from the API's swagger and the server's behaviour: field names, states, filters, page
tokens, gRPC codes, what is unique, what is refused. Held against a real server by the questions of
kfp_questions.py (`make test-kubeflow`), and against KFP's own client in
test_double.py. Runs progress by the clock, their tasks in the order of the pipeline's graph.
"""

import re
import time
import uuid

from support.kfp_double.facts import (
    EXISTS,
    FINAL,
    INTERNAL,
    INVALID,
    NEVER,
    ApiError,
    checked,
    missing,
    now,
)
from support.kfp_double.nodes import Nodes
from support.kfp_double.specs import check_parameters, order


class Objects:
    """Everything that the server stores; `pace` is the seconds of a task, None: nothing moves."""

    def __init__(self, pace=None, multi_user=False, page=20):
        self.pace, self.multi_user, self.page = pace, multi_user, page
        self.pipelines, self.versions, self.experiments = {}, {}, {}
        self.runs, self.recurring, self.plans, self.logs = {}, {}, {}, {}
        if not multi_user:
            about = "All runs created without specifying an experiment will be grouped here."
            self.create_experiment({"display_name": "Default", "description": about})

    # -- experiments -------------------------------------------------------------------------
    def create_experiment(self, body):
        body = checked(body, "experiment")
        space = self.space(body.get("namespace", ""), "An experiment")
        name = body.get("display_name", "")
        if not name:
            raise ApiError(INTERNAL, "Experiment must have a non-empty name")
        if any(
            e["display_name"] == name and e.get("namespace", "") == space
            for e in self.experiments.values()
        ):
            raise ApiError(
                EXISTS,
                f"Failed to create a new experiment. The name {name} already "
                "exists. Please specify a new name",
            )
        made = {
            "experiment_id": str(uuid.uuid4()),
            "display_name": name,
            "namespace": space,
            "description": body.get("description", ""),
            "created_at": now(),
            "last_run_created_at": NEVER,
            "storage_state": "AVAILABLE",
        }
        self.experiments[made["experiment_id"]] = made
        return made

    # -- pipelines ---------------------------------------------------------------------------
    def create_pipeline(self, body):
        body = checked(body, "pipeline")
        name = body.get("name") or body.get("display_name", "")
        space = self.shared(body.get("namespace", ""))
        if not name:
            raise ApiError(INVALID, "name is required")
        if self.pipeline_by_name(name, space):
            raise ApiError(
                EXISTS,
                f"Failed to create a new pipeline. The name {name} already "
                "exist. Please specify a new name",
            )
        made = {
            "pipeline_id": str(uuid.uuid4()),
            "name": name,
            "namespace": space,
            "display_name": body.get("display_name") or name,
            "created_at": now(),
            "description": body.get("description", ""),
        }
        self.pipelines[made["pipeline_id"]] = made
        return made

    def pipeline_by_name(self, name, space):
        return next(
            (p for p in self.pipelines.values() if p["name"] == name and p["namespace"] == space),
            None,
        )

    def create_version(self, pipeline_id, name, display, description, spec, platform):
        if any(
            v["pipeline_id"] == pipeline_id and v["name"] == name for v in self.versions.values()
        ):
            raise ApiError(EXISTS, "Failed to create a pipeline version")
        whole = {"pipeline_spec": spec, "platform_spec": platform} if platform else spec
        made = {
            "pipeline_id": pipeline_id,
            "pipeline_version_id": str(uuid.uuid4()),
            "name": name,
            "display_name": display or name,
            "description": description,
            "created_at": now(),
            "pipeline_spec": whole,
        }
        self.versions[made["pipeline_version_id"]] = made
        return made

    # -- runs --------------------------------------------------------------------------------
    def create_run(self, body):
        body = checked(body, "run")
        if not body.get("display_name"):
            raise ApiError(INTERNAL, "Run name cannot be empty")
        experiment = self._experiment(body.get("experiment_id"))
        version, spec = self._source(body)
        parameters = body.get("runtime_config", {}).get("parameters", {})
        check_parameters(spec, parameters)
        moment = now()
        made = {
            "run_id": str(uuid.uuid4()),
            "experiment_id": experiment["experiment_id"],
            "display_name": body["display_name"],
            "description": body.get("description", ""),
            "service_account": body.get("service_account") or "pipeline-runner",
            "runtime_config": {"parameters": parameters} if parameters else {},
            "recurring_run_id": body.get("recurring_run_id", ""),
            "storage_state": "AVAILABLE",
            "state": "PENDING",
            "state_history": [{"update_time": moment, "state": "PENDING"}],
            "created_at": moment,
            "scheduled_at": moment,
            "finished_at": NEVER,
            "pipeline_version_reference": version,
        }
        self.runs[made["run_id"]] = made
        steps = order(spec)
        self.plans[made["run_id"]] = {
            "born": time.time(),
            "steps": steps,
            "fails": None,
            "ended": None,
            "set": {},
            "lost": False,
        }
        experiment["last_run_created_at"] = moment
        return made

    def look(self, run_id):
        """Return a run as it is by now."""
        run = self.runs.get(run_id) or self._no("Run", run_id)
        self._progress(run)
        return run | self._details(run)

    def terminate(self, run_id):
        run = self.look(run_id)
        if run["state"] not in ("PENDING", "RUNNING", "PAUSED", "RUNTIME_STATE_UNSPECIFIED"):
            raise ApiError(INVALID, f"Failed to terminate a run {run_id}. Row not found")
        self.runs[run_id]["state"] = "CANCELING"
        self.plans[run_id]["ended"] = time.time()
        if self.plans[run_id]["lost"]:
            raise ApiError(
                INTERNAL, f"Failed to terminate run {run_id} due to error terminating its workflow"
            )

    def settle(self, run_id, changes):
        """Put a run, or some of its tasks, into a state: what the workflow's agent reports."""
        run, plan = self.runs[run_id], self.plans[run_id]
        if tasks := changes.pop("tasks", None):
            plan["set"].update(tasks)
        plan.update({k: changes.pop(k) for k in ("fails",) if k in changes})
        if state := changes.pop("state", None):
            self._enter(run, state)
        run.update(changes)

    def age(self, run_id, tasks):
        """Make a run older by the time of so many tasks."""
        self.plans[run_id]["born"] -= tasks * self.pace

    def _progress(self, run):
        plan = self.plans[run["run_id"]]
        if run["state"] in FINAL or self.pace is None or plan["lost"]:
            return
        if run["state"] == "CANCELING":
            if time.time() - plan["ended"] >= self.pace:
                self._enter(run, "FAILED")  # as Argo ends what it terminates
            return
        done = int((time.time() - plan["born"]) / self.pace) - 1
        fails = plan["fails"]
        if fails in plan["steps"][: max(done, 0)]:
            self._enter(run, "FAILED")
        elif done >= len(plan["steps"]):
            self._enter(run, "SUCCEEDED")
        elif done >= 0:
            self._enter(run, "RUNNING")

    def _enter(self, run, state):
        if run["state"] == state:
            return
        run["state"] = state
        run["state_history"].append({"update_time": now(), "state": state})
        if state in FINAL:
            run["finished_at"] = now()

    def _details(self, run):
        """Return the nodes of the workflow as task details: graphs, drivers, launchers, tasks."""
        plan = self.plans[run["run_id"]]
        if not plan["set"] and (run["state"] == "PENDING" or len(run["state_history"]) == 1):
            return {}  # nothing was reported of it
        flow = f"{re.sub('[^a-z0-9]+', '-', run['display_name'].lower())[:40]}-{run['run_id'][:5]}"
        nodes = Nodes(flow, plan["born"], self.pace or 1)
        nodes.add(flow, run["state"], 0)
        nodes.add(f"{flow}(0).root-driver", "SUCCEEDED", 1)
        nodes.add(f"{flow}(0).root", run["state"], 2)
        for index, step in enumerate(plan["steps"]):
            state = self._step_state(run, plan, index)
            if state == "PENDING":
                continue
            at = f"{flow}(0).root(0).{step}"
            nodes.add(f"{at}-driver", "SUCCEEDED", index)
            nodes.add(at, state, index)
            nodes.add(f"{at}(0).executor", state, index)
        return {"run_details": {"task_details": nodes.details(run["run_id"])}}

    def _step_state(self, run, plan, index):
        step = plan["steps"][index]
        if step in plan["set"]:
            return plan["set"][step]
        if self.pace is None:
            return "PENDING"
        end = plan["ended"] or time.time()
        done = (end - plan["born"]) / self.pace - 1 - index
        before = plan["steps"][:index]
        if done < 0 or plan["fails"] in before:
            return "PENDING"
        if done < 1:
            return "FAILED" if run["state"] in FINAL else "RUNNING"
        return "FAILED" if step == plan["fails"] else "SUCCEEDED"

    # -- recurring runs ----------------------------------------------------------------------
    def create_recurring(self, body):
        body = checked(body, "recurring_run")
        if not body.get("display_name"):
            raise ApiError(INTERNAL, "Recurring run's name cannot be empty")
        experiment = self._experiment(body.get("experiment_id"))
        most = int(body.get("max_concurrency") or 0)
        if not 1 <= most <= 10:
            raise ApiError(
                INVALID,
                "Max concurrency of a recurring run must be at least 1 and at "
                f"most 10. Received {most}",
            )
        trigger = body.get("trigger", {})
        cron = trigger.get("cron_schedule", {}).get("cron", "")
        if "cron_schedule" in trigger and len(cron.split()) not in (5, 6):
            raise ApiError(
                INVALID,
                "Schedule cron is not a supported format(https://godoc.org/"
                f"github.com/robfig/cron). Error: Expected 5 to 6 fields, found "
                f"{len(cron.split())}: {cron}",
            )
        version, spec = self._source(body)
        parameters = body.get("runtime_config", {}).get("parameters", {})
        check_parameters(spec, parameters)
        enabled = body.get("mode") == "ENABLE"
        made = {
            "recurring_run_id": str(uuid.uuid4()),
            "display_name": body["display_name"],
            "description": body.get("description", ""),
            "service_account": body.get("service_account") or "pipeline-runner",
            "experiment_id": experiment["experiment_id"],
            "namespace": experiment["namespace"] or "kubeflow",
            "pipeline_version_reference": version,
            "runtime_config": {"parameters": parameters} if parameters else {},
            "max_concurrency": str(most),
            "no_catchup": bool(body.get("no_catchup")),
            "trigger": trigger,
            "created_at": now(),
            "updated_at": now(),
            "status": "ENABLED" if enabled else "DISABLED",
            "mode": "ENABLE" if enabled else "DISABLE",
        }
        self.recurring[made["recurring_run_id"]] = made
        return made

    def delete_recurring(self, recurring_id):
        """Delete a recurring run, and with it the workflows of its runs that go on."""
        del self.recurring[recurring_id]
        for run in self.runs.values():
            if run["recurring_run_id"] == recurring_id:
                self.plans[run["run_id"]]["lost"] = True

    def enable(self, recurring_id, on):
        one = self.recurring.get(recurring_id) or self._no("Job", recurring_id)
        one |= {
            "status": "ENABLED" if on else "DISABLED",
            "mode": "ENABLE" if on else "DISABLE",
            "updated_at": now(),
        }

    # -- what all have in common -------------------------------------------------------------
    def space(self, namespace, what):
        """Return the namespace that something is in; nothing where there are no profiles."""
        if self.multi_user and not namespace:
            raise ApiError(INVALID, f"{what} cannot have an empty namespace in multi-user mode")
        return self.shared(namespace)

    def shared(self, namespace):
        """Return the namespace of a pipeline, which may be in none for the use of all."""
        return namespace if self.multi_user else ""

    def _experiment(self, experiment_id):
        if not experiment_id:
            if self.multi_user:
                raise ApiError(INVALID, "Experiment id can not be empty in multi-user mode")
            return next(e for e in self.experiments.values() if e["display_name"] == "Default")
        return self.experiments.get(experiment_id) or self._no("Experiment", experiment_id)

    def _source(self, body):
        """Return the version that is meant, the latest where only a pipeline is named."""
        if "pipeline_spec" in body:
            spec = body["pipeline_spec"]
            return {}, spec.get("pipeline_spec", spec)
        reference = body.get("pipeline_version_reference")
        if not reference:
            raise ApiError(
                INTERNAL, "Failed to fetch a template with an empty pipeline spec manifest"
            )
        pipeline, named = (reference.get(f"pipeline_{key}") for key in ("id", "version_id"))
        version = self.versions.get(named)
        if not named:
            of_it = [v for v in self.versions.values() if v["pipeline_id"] == pipeline]
            version = of_it[-1] if of_it else None
        if not version:
            kind = "PipelineVersion" if named or pipeline in self.pipelines else "Pipeline"
            raise ApiError(INTERNAL, f"ResourceNotFoundError: {kind} {named or pipeline} not found")
        spec = version["pipeline_spec"]
        ids = {key: version[key] for key in ("pipeline_id", "pipeline_version_id")}
        return ids, spec.get("pipeline_spec", spec)

    def _no(self, kind, name):
        raise missing(kind, name)
