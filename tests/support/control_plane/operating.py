"""The operator as a process, with everything that it calls behind proxies that count and break."""

import contextlib
import copy
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import kubernetes
import urllib3
import yaml

from poseline.operator.api.rbac import OWN, SERVED
from support.seaweed import free_ports

ROOT = Path(__file__).parents[3]
EXPERIMENT = yaml.safe_load((ROOT / "examples/kubernetes/experiment.yaml").read_text())
SCHEDULE = yaml.safe_load((ROOT / "examples/kubernetes/schedule.yaml").read_text())
_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "host"}


class Calls:
    """What is called, in one order over several proxies; at one call something may happen."""

    def __init__(self):
        self._lock = threading.Lock()
        self.reset()

    def reset(self, at=None, when="before", action=lambda: None, only=""):
        """Count from 1; at call `at` do `action`, before its effect or after, and cut it off."""
        with self._lock:
            self.seen, self.happened = [], False
            self._at, self._when, self._action, self._only = at, when, action, only

    def enter(self, name, method, path):
        """Return what happens at this call: nothing, `before` or `after`."""
        with self._lock:
            if self._only and self._only not in f"{method} {path}":
                return ""
            self.seen.append(f"{name} {method} {path}")
            return self._when if len(self.seen) == self._at else ""

    def happen(self):
        self.happened = True
        self._action()


class Proxy(ThreadingHTTPServer):
    """Passes requests on to another server."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name, upstream, calls, ca=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name, self.upstream, self.calls = name, upstream, calls
        self.pool = urllib3.PoolManager(ca_certs=ca, maxsize=32, retries=False)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that was killed

    def close(self):
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        proxy = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        watch = "watch=true" in self.path
        what = "" if watch else proxy.calls.enter(proxy.name, self.command, self.path)
        if what == "before":
            proxy.calls.happen()
            return self._cut()
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
        answer = proxy.pool.request(
            self.command,
            proxy.upstream + self.path,
            body=body or None,
            headers=headers,
            preload_content=False,
            timeout=urllib3.Timeout(10, 400),
        )
        if what == "after":
            answer.read()
            proxy.calls.happen()
            return self._cut()
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            if key.lower() not in _HOP:
                self.send_header(key, value)
        if not watch:
            content = answer.read()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return None
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.closing(answer):
            while part := answer.read1():
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        return None

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one  # noqa: N815

    def _cut(self):
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(2)

    def log_message(self, *_):
        pass


class Kubeflow:
    """The double of Kubeflow as a process of its own, and its controls."""

    def __init__(self, *flags):
        command = [sys.executable, "-m", "support.kfp_double.server", *flags]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=ROOT / "tests"
        )
        self.url = json.loads(self._process.stdout.readline())["url"]
        self._http = urllib3.PoolManager()

    def call(self, path, content=None, method="POST"):
        answer = self._http.request(method, f"{self.url}{path}", json=content)
        assert answer.status == 200, answer.data
        return answer.json()

    def runs(self, prefix=""):
        found = self.call("/_state", method="GET").get("runs", [])
        return [run for run in found if run["display_name"].startswith(prefix)]

    def fail(self, kind, **settings):
        self.call("/_faults", [{"kind": kind, **settings}])

    def heal(self):
        self.call("/_faults", [])

    def put(self, run_id, state, **tasks):
        self.call(f"/_runs/{run_id}", {"state": state, **({"tasks": tasks} if tasks else {})})

    def stop(self):
        self._process.kill()
        self._process.wait(20)
        self._process.stdout.close()


class Operator:
    """A replica of the operator."""

    def __init__(self, folder, environment, **settings):
        self.folder, (self.port,) = folder, free_ports(1)
        allowed = folder / "allow.yaml"
        allowed.write_text('endpoints: ["http://127.0.0.1:*"]\n', encoding="utf-8")
        flags = {
            "listen": f"127.0.0.1:{self.port}",
            "allow_file": allowed,
            "poll_seconds": 1,
            "kubeflow_timeout": 1,
            "settle_seconds": 6,
            "deletion_seconds": 15,
            "lease_seconds": 20,
            "publish_pipelines": False,
            **settings,
        }
        self._environment = {
            **environment,
            **{f"POSELINE_{key.upper()}": str(value) for key, value in flags.items()},
            "NO_PROXY": "127.0.0.1,localhost",
            "POSELINE_LOG_JSON": "1",
        }
        self.log = folder / f"operator-{self.port}.log"
        self._process = None
        self._http = urllib3.PoolManager(retries=False)

    def start(self):
        command = [sys.executable, "-c", "from poseline.cli import main; main()"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "operator", "run"], stdout=log, stderr=log, env=self._environment
            )
        return self

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)

    def killed(self):
        return self._process.poll() is not None

    def wait_killed(self):
        self._process.wait(30)

    def wait_ended(self):
        return self._process.wait(60)

    @property
    def pid(self):
        return self._process.pid

    def terminate(self):
        self._process.terminate()
        return self._process.wait(40)

    def get(self, path):
        """Status and text of a page; 0 where nothing answers."""
        try:
            answer = self._http.request("GET", f"http://127.0.0.1:{self.port}{path}", timeout=5)
        except urllib3.exceptions.HTTPError:
            return 0, ""
        return answer.status, answer.data.decode()

    def ready(self, seconds=180):
        until(lambda: self.get("/readyz")[0] == 200, seconds, self.text)
        return self

    def leads(self):
        return "poseline_operator_leader 1.0" in self.get("/metrics")[1]

    def text(self):
        return self.log.read_text()[-6000:]

    def end(self):
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait(20)


def until(true, seconds=60.0, why=lambda: "", pause=0.1):
    """Wait until something holds, looking each `pause` seconds; return it."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"it did not happen\n{why()}"
        time.sleep(pause)
    return found


def through(kubeconfig, url, path):
    """Write a kubeconfig that goes through a proxy; return the upstream and its authority."""
    document = yaml.safe_load(Path(kubeconfig).read_text())
    cluster = document["clusters"][0]["cluster"]
    upstream, authority = cluster["server"], cluster.get("certificate-authority")
    if data := cluster.get("certificate-authority-data"):
        import base64

        authority = f"{path}.crt"
        Path(authority).write_bytes(base64.b64decode(data))
    document["clusters"][0]["cluster"] = {"server": url}
    path.write_text(yaml.safe_dump(document))
    return upstream, authority


class Stage:
    """A namespace with an operator that may do what its role says, and nothing else."""

    def __init__(self, plane, namespace, folder, *, cluster_wide=False, kubeflow=None):
        self.plane, self.namespace, self.folder = plane, namespace, folder
        self.served = "" if cluster_wide else namespace
        self._double = None if kubeflow else Kubeflow()
        self.kubeflow, self.calls = kubeflow or self._double, Calls()
        rules = (
            {"rules": OWN, "cluster_rules": SERVED} if cluster_wide else {"rules": [*SERVED, *OWN]}
        )
        account = plane.service_account(namespace, "operator", **rules)
        self.kubeconfig = folder / "operator.kubeconfig"
        self.api = Proxy("kubernetes", "", self.calls)
        upstream, authority = through(account, self.api.url, self.kubeconfig)
        self.api.upstream = upstream
        if authority:
            self.api.pool.connection_pool_kw["ca_certs"] = authority
        self.pipelines = Proxy("kubeflow", self.kubeflow.url, self.calls)
        self.operators = []

    def operator(self, environment=None, **settings):
        """Start a replica, with more of an environment and other settings than usual."""
        own = {**self.plane.environment, "KUBECONFIG": str(self.kubeconfig)}
        made = Operator(
            self.folder,
            {**own, **(environment or {})},
            kubeflow_host=self.pipelines.url,
            namespaces=self.served,
            own_namespace=self.namespace,
            kubeflow_ui="http://kfp.example",
            **settings,
        )
        self.operators.append(made)
        return made.start()

    def close(self):
        for operator in self.operators:
            operator.end()
        for name in ("poseexperiments", "poseschedules"):
            for each in self.plane.get(name, "-n", self.namespace)["items"]:
                patch = '{"metadata": {"finalizers": null}}'
                self.plane.kubectl(
                    "patch",
                    name,
                    each["metadata"]["name"],
                    "-n",
                    self.namespace,
                    "--type=merge",
                    f"--patch={patch}",
                )
        self.api.close()
        self.pipelines.close()
        if self._double:
            self._double.stop()

    def apply(self, name, **spec):
        made = copy.deepcopy(EXPERIMENT)
        made["metadata"] = {"name": name, "namespace": self.namespace}
        made["spec"] |= spec
        self.plane.apply(made)

    def schedule(self, name, **spec):
        made = copy.deepcopy(SCHEDULE)
        made["metadata"] = {"name": name, "namespace": self.namespace}
        spec = made["spec"] | spec
        made["spec"] = {key: value for key, value in spec.items() if value is not None}
        self.plane.apply(made)

    def children(self, schedule):
        label = f"poseline.dev/schedule={schedule}"
        return self.plane.get("pose", "-n", self.namespace, "-l", label)["items"]

    def patch(self, name, patch, kind="pose"):
        self.plane.kubectl(
            "patch",
            kind,
            name,
            "-n",
            self.namespace,
            "--type=merge",
            f"--patch={yaml.safe_dump(patch)}",
        )

    def get(self, name, kind="pose"):
        """An experiment, or a schedule, as it is; None: there is none."""
        plural = "poseschedules" if "sched" in kind else "poseexperiments"
        found = self._listed("poseline.dev", "v1alpha1", plural)
        return next((each for each in found if each["metadata"]["name"] == name), None)

    def _listed(self, group, version, plural):
        """What is there of a kind; not by kubectl, whose start costs more than all that it asks."""
        admin = kubernetes.config.new_client_from_config(str(self.plane.kubeconfig))
        try:
            objects = kubernetes.client.CustomObjectsApi(admin)
            found = objects.list_namespaced_custom_object(group, version, self.namespace, plural)
        finally:  # the API server may be gone by the next time
            admin.rest_client.pool_manager.clear()
        return found["items"]

    def status(self, name, kind="pose"):
        return (self.get(name, kind) or {}).get("status", {})

    def delete(self, name, kind="pose"):
        self.plane.kubectl("delete", kind, name, "-n", self.namespace, "--wait=false")

    def runs(self, name):
        return self.kubeflow.runs(f"{self.namespace}-{name}-")

    def run(self, name, seconds=90):
        """The experiment's one run, once the status knows it."""

        def known():
            run_id = self.status(name).get("runID")
            return next((run for run in self.runs(name) if run["run_id"] == run_id), None)

        return until(known, seconds, self.log)

    def phase(self, name, phase, seconds=90):
        return until(
            lambda: self.status(name).get("phase") == phase and self.status(name), seconds, self.log
        )

    def conditions(self, name, kind="pose"):
        return {each["type"]: each for each in self.status(name, kind).get("conditions", [])}

    def events(self, name):
        found = self._listed("events.k8s.io", "v1", "events")
        mine = [each for each in found if each["regarding"]["name"] == name]
        return [each["reason"] for each in sorted(mine, key=lambda each: each["eventTime"])]

    def log(self):
        return "\n".join(operator.text() for operator in self.operators)
