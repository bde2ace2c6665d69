"""A real Kubeflow Pipelines API server on loopback: database, agent and schedules with it.

Alone, nothing runs its workflows: they stay as they are made, until `report` writes what Argo's
controller would write into their status. kubeflow_backend.py adds what runs them.

The programs are not built here. KUBEFLOW_PROGRAMS names a folder with Kubeflow Pipelines 2.17.0
and Argo Workflows 4.0.5, ready to run on this machine:

    apiserver             backend/src/apiserver of Kubeflow Pipelines
    persistence           backend/src/agent/persistence
    scheduledworkflow     backend/src/crd/controller/scheduledworkflow

and, for whole chains:

    workflow-controller   cmd/workflow-controller of Argo
    metadata-server       `metadata-server PORT FOLDER` serves ML Metadata's gRPC
                          (ml_metadata.MetadataStoreService) on PORT of 127.0.0.1 until it is
                          killed, and keeps its data in FOLDER
    images/*.tar          what `docker save` writes of these images, whose static program is the
                          entry point's or lies in PATH:
                            kfp-driver:2.17.0     `driver` of Kubeflow Pipelines, user 65532
                            kfp-launcher:2.17.0   `launcher-v2`, user 65532
                            argoexec:v4.0.5       `argoexec` of Argo, user 8737
    manifests/*.yaml      what `kubectl apply -n kubeflow` brings of their manifests: Argo's minimal
                          definitions; service account, role and binding of pipeline-runner;
                          the config maps metadata-grpc-configmap and workflow-controller-configmap
                          (with its artifacts in the bucket mlpipeline)

What is missing is said, and its tests are skipped; so they are without MariaDB, root or `unshare`.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import httpx

from poseline.kubeflow.client import Kubeflow
from support.seaweed import ADMIN, free_ports

NAMESPACE = "kubeflow"
VERSION = "2.17.0"
PROGRAMS = ("apiserver", "persistence", "scheduledworkflow")
# What apt installs where make test-kubeflow runs.
DATABASE = "/usr/sbin/mariadbd"
DEFINITIONS = {
    "argoproj.io/v1alpha1": ("Workflow", "wf"),
    "kubeflow.org/v1beta1": ("ScheduledWorkflow", "swf"),
}
WORKFLOWS = "workflows.argoproj.io"
SCHEDULES = "scheduledworkflows.kubeflow.org"
# The agent reads its token from a fixed path; here it gets a /run of its own with one.
TOKENS = "/run/secrets/kubeflow/tokens"
OWN_RUN = (
    f"mount -t tmpfs none /run && mkdir -p {TOKENS} && "
    f'printf none > {TOKENS}/persistenceagent-sa-token && exec "$@"'
)


def missing():
    """Why the server cannot be started here; empty: it can."""
    if not os.environ.get("KUBEFLOW_PROGRAMS"):
        return f"KUBEFLOW_PROGRAMS names no folder with the programs of Kubeflow {VERSION}"
    if absent := [name for name in PROGRAMS if not os.access(program(name), os.X_OK)]:
        return f"{program('')} has no {', '.join(absent)} of Kubeflow {VERSION}"
    if not Path(DATABASE).exists():
        return "MariaDB is not installed"
    return "" if shutil.which("unshare") and os.geteuid() == 0 else "not root"


def program(name):
    """The path of a program of Kubeflow."""
    return Path(os.environ["KUBEFLOW_PROGRAMS"]).absolute() / name


class KubeflowServer:
    """The API server, its persistence agent and its controller of recurring runs.

    Attributes:
        url: Of the REST API.
        folder: With the logs, one a program.
    """

    def __init__(self, plane, storage_port, folder):
        self.plane, self.folder, self._storage = plane, folder, storage_port
        self._processes = {}
        self._database, self._http, self._rpc, self._metrics = free_ports(4)
        self.url = _url(self._http)

    bucket = "apiserver"
    """Where the API server keeps the pipelines; it makes the bucket."""
    environment: Mapping[str, str] = MappingProxyType({})
    """More of the API server's environment."""

    @property
    def ports(self):
        """Ports of its services: of the service to that of the loopback."""
        return {8888: self._http, 8887: self._rpc}

    def start(self):
        """Start everything; its tables, its namespace and Argo's definition are made first."""
        self.plane.apply(*map(_definition, DEFINITIONS))
        self.plane.kubectl(
            "wait",
            "--for=condition=Established",
            "--timeout=30s",
            f"crd/{WORKFLOWS}",
            f"crd/{SCHEDULES}",
        )
        self.plane.kubectl("create", "namespace", NAMESPACE)
        self._start_database()
        self._start_api_server("apiserver", self._http, self._rpc, self.bucket, **self.environment)
        where = [
            "-mlPipelineAPIServerName=127.0.0.1",
            f"-mlPipelineServiceGRPCPort={self._rpc}",
            f"-namespace={NAMESPACE}",
            f"-kubeconfig={self.plane.kubeconfig}",
        ]
        self._run(
            "persistence",
            *where,
            f"-mlPipelineServiceHttpPort={self._http}",
            before=["unshare", "--mount", "sh", "-c", OWN_RUN, "sh"],
        )
        self._run("scheduledworkflow", *where, f"-metricsPort={self._metrics}")

    def start_multi_user(self):
        """Start an API server of a multi-user installation beside it; return its URL.

        It knows its callers by tokens for the audience `pipelines.kubeflow.org`, and asks the
        cluster what they may do in a namespace.
        """
        http, rpc = free_ports(2)
        self._start_api_server("profiles", http, rpc, "profiles", MULTIUSER="true")
        return _url(http)

    def stop(self):
        """End every program, and remove what was put into the cluster."""
        for process in reversed(self._processes.values()):
            process.kill()
            process.wait(20)
        flags = ("--wait=false", "--ignore-not-found")
        self.plane.kubectl("delete", "crd", WORKFLOWS, SCHEDULES, *flags)
        self.plane.kubectl("delete", "namespace", NAMESPACE, *flags)

    def workflow(self, run_id):
        """The workflow of a run, None where it is gone."""
        found = self.plane.get(WORKFLOWS, "-n", NAMESPACE, "-l", f"pipeline/runid={run_id}")
        return next(iter(found["items"]), None)

    def workflows(self):
        """The names of all workflows."""
        found = self.plane.get(WORKFLOWS, "-n", NAMESPACE)["items"]
        return {each["metadata"]["name"] for each in found}

    def report(self, run_id, phase, message="", **tasks):
        """Write a workflow's phase, and those of its tasks, as Argo's controller does."""
        name = self.workflow(run_id)["metadata"]["name"]
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        over = phase in ("Succeeded", "Failed", "Error")
        status = {"phase": phase, "startedAt": moment, "message": message}
        status["nodes"] = _nodes(name, phase, tasks, moment)
        labels = {"workflows.argoproj.io/phase": phase}
        if over:
            status["finishedAt"] = moment
            labels["workflows.argoproj.io/completed"] = "true"
        patch = {"metadata": {"labels": labels}, "status": status}
        self.plane.kubectl(
            "patch",
            WORKFLOWS,
            name,
            "-n",
            NAMESPACE,
            "--type=merge",
            f"--patch={json.dumps(patch)}",
        )

    def delete_workflow(self, run_id):
        """Delete a run's workflow, as somebody does with kubectl."""
        name = self.workflow(run_id)["metadata"]["name"]
        self.plane.kubectl("delete", WORKFLOWS, name, "-n", NAMESPACE)

    def runs(self, prefix=""):
        """Every run whose name begins so, as the API shows it."""
        with Kubeflow(self.url) as kubeflow:
            found = list(kubeflow.api.pages("/runs", "runs"))
        return [run for run in found if run["display_name"].startswith(prefix)]

    def log(self, name="apiserver"):
        return (self.folder / f"{name}.log").read_text(errors="replace")[-4000:]

    def _start_database(self):
        data = self.folder / "database"
        data.mkdir()
        # An empty folder is enough, as long as nobody asks who may do what.
        flags = [
            "--no-defaults",
            "--skip-grant-tables",
            "--bind-address=127.0.0.1",
            f"--datadir={data}",
            f"--port={self._database}",
            f"--socket={data / 'socket'}",
            "--character-set-server=utf8mb4",
            "--user=root",
            "--innodb-flush-log-at-trx-commit=0",
        ]
        self._run("mariadbd", *flags, path=DATABASE)

    def _start_api_server(self, name, http, rpc, bucket, **environment):
        local = "127.0.0.1"
        config = {
            "DBDriverName": "mysql",
            "DBConfig": {
                "ConMaxLifeTime": "120s",
                "MySQLConfig": {
                    "Host": local,
                    "Port": str(self._database),
                    "User": "root",
                    "DBName": name,
                    "GroupConcatMaxLen": "4194304",
                },
            },
            "ObjectStoreConfig": {
                "Host": local,
                "Port": str(self._storage),
                "Secure": "false",
                "BucketName": bucket,
                "PipelinePath": "pipelines",
                "AccessKey": ADMIN["AWS_ACCESS_KEY_ID"],
                "SecretAccessKey": ADMIN["AWS_SECRET_ACCESS_KEY"],
            },
            "InitConnectionTimeout": "60s",
            "DEFAULTPIPELINERUNNERSERVICEACCOUNT": "pipeline-runner",
            "CacheEnabled": "true",
            # It must be named, though nothing here asks it.
            "ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_HOST": local,
            "ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_PORT": "1",
        }
        folder = self.folder / f"{name}-config"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config))
        self._run(
            name,
            f"-config={folder}",
            f"-httpPortFlag=127.0.0.1:{http}",
            f"-rpcPortFlag=:{rpc}",
            "-logtostderr",
            path=program("apiserver"),
            **environment,
        )
        end = time.monotonic() + 120
        while not _answers(_url(http)):
            ended = [name for name, each in self._processes.items() if each.poll() is not None]
            if ended or time.monotonic() > end:
                culprit = ended[0] if ended else name
                raise RuntimeError(f"{culprit} does not run:\n{self.log(culprit)}")
            time.sleep(0.2)

    def _run(self, name, *flags, path=None, before=(), **environment):
        environment = {
            **self.plane.environment,
            "POD_NAMESPACE": NAMESPACE,
            "CRON_SCHEDULE_TIMEZONE": "UTC",
            "NO_PROXY": "127.0.0.1,localhost",
            "TAG_NAME": VERSION,
            **environment,
        }
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [*before, str(path or program(name)), *flags],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
            )


def _url(port):
    return f"http://127.0.0.1:{port}"


def _answers(url):
    try:
        return httpx.get(f"{url}/apis/v2beta1/healthz", timeout=5).is_success
    except httpx.HTTPError:
        return False


def _definition(version):
    """A definition of any object of a kind: its schema is not what is tested."""
    kind, short = DEFINITIONS[version]
    group, _, version = version.partition("/")
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "shortNames": [short]}
    served = {
        "name": version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [served]},
    }


def _nodes(flow, phase, tasks, moment):
    """The nodes that Argo makes of KFP's templates: a driver beside each graph, a pod in a task."""
    nodes = {}

    def add(name, kind, template, state, *children):
        key = f"{flow}-{1000000000 + len(nodes)}" if name != flow else flow
        nodes[key] = {
            "id": key,
            "name": f"{flow}.{name}",
            "displayName": name,
            "type": kind,
            "templateName": template,
            "phase": state,
            "startedAt": moment,
            "children": list(children),
        }
        if state not in ("Pending", "Running"):
            nodes[key]["finishedAt"] = moment
        return key

    made = []
    for task, state in tasks.items():
        pod = add("executor", "Pod", "system-container-impl", state)
        node = add(task, "DAG", "system-container-executor", state, pod)
        made.append(add(f"{task}-driver", "Pod", "system-container-driver", "Succeeded", node))
    root = add("root", "DAG", "root", phase, *made)
    driver = add("root-driver", "Pod", "system-dag-driver", "Succeeded", root)
    add(flow, "DAG", "entrypoint", phase, driver)
    return nodes
