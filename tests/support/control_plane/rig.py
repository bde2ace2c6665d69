"""A Kubernetes API for tests: a real control plane on loopback, or the cluster at hand."""

import json
import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.control_plane import programs
from support.seaweed import free_ports

# Every request of a service account or user is logged once; the plane's own are noise.
AUDIT_POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: None, users: ["system:apiserver", "system:kube-controller-manager"]}
  - {level: None, userGroups: ["system:serviceaccounts:kube-system", "system:nodes"]}
  - {level: Metadata}
"""
# Name and group of each client of the API server that has a token from the start.
USERS = {
    "admin": ("admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kubelet": ("system:node:localhost", "system:nodes"),
}
RBAC = "rbac.authorization.k8s.io"


class Cluster:
    """Any cluster that an admin's kubeconfig leads to.

    Attributes:
        kubeconfig: The admin's.
        folder: Where kubeconfigs of others are written.
        kubectl_program: Path of kubectl.
        audit_log: The API server's audit log (one JSON event a line), None where it is not ours.
        bare: Whether it came without poseline's definitions, so that tests may take them away.
    """

    audit_log: Path | None = None
    bare = True

    def __init__(self, kubeconfig, folder, kubectl_program):
        self.kubeconfig = Path(kubeconfig)
        self.folder = Path(folder)
        self.kubectl_program = str(kubectl_program)

    @property
    def environment(self):
        """For commands as a user types them: KUBECONFIG, and a PATH with kubectl."""
        path = f"{Path(self.kubectl_program).parent}:{os.environ['PATH']}"
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "PATH": path}

    def kubectl(self, *arguments, stdin=None, kubeconfig=None, timeout=60):
        """Run kubectl (as admin, or with another `kubeconfig`) and give its stdout.

        Raises:
            AssertionError: kubectl failed; the text is its stderr.
        """
        command = [self.kubectl_program, f"--kubeconfig={kubeconfig or self.kubeconfig}"]
        done = subprocess.run(
            [*command, *arguments], input=stdin, capture_output=True, text=True, timeout=timeout
        )
        if done.returncode:
            raise AssertionError(done.stderr.strip())
        return done.stdout

    def get(self, *arguments, kubeconfig=None):
        """`kubectl get ... -o json`, parsed."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json", kubeconfig=kubeconfig))

    def apply(self, *objects, server_side=False, dry_run=False, kubeconfig=None):
        """Apply objects (dicts) or YAML texts; `dry_run` is the server's."""
        texts = [text if isinstance(text, str) else yaml.safe_dump(text) for text in objects]
        flags = ["--server-side"] * server_side + ["--dry-run=server"] * dry_run
        text = "\n---\n".join(texts)
        return self.kubectl("apply", *flags, "-f", "-", stdin=text, kubeconfig=kubeconfig)

    def service_account(self, namespace, name, rules=(), cluster_rules=()):
        """Make a service account with a Role and a ClusterRole of these rules; its kubeconfig."""
        account = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        objects = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _named(account)}]
        for prefix, allowed in (("", rules), ("Cluster", cluster_rules)):
            if not allowed:
                continue
            place = _named(account) if not prefix else {"name": f"{namespace}-{name}"}
            role = {"apiVersion": f"{RBAC}/v1", "kind": f"{prefix}Role", "metadata": place}
            reference = {"apiGroup": RBAC, "kind": f"{prefix}Role", "name": place["name"]}
            binding = {**role, "kind": f"{prefix}RoleBinding", "roleRef": reference}
            objects += [{**role, "rules": list(allowed)}, {**binding, "subjects": [account]}]
        self.apply(*objects)
        return self.kubeconfig_of(namespace, name)

    def kubeconfig_of(self, namespace, name):
        """A kubeconfig with a fresh token (1 h) of a service account that is there."""
        token = self.kubectl("create", "token", name, "-n", namespace, "--duration=1h").strip()
        shown = self.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
        cluster = json.loads(shown)["clusters"][0]["cluster"]
        path = self.folder / f"{namespace}-{name}.kubeconfig"
        _write_kubeconfig(path, cluster, token, namespace)
        return path

    def audit(self, user="", namespace=None):
        """The audit events of users whose name begins with `user`, oldest first."""
        if self.audit_log is None:
            return []
        events = [json.loads(line) for line in self.audit_log.read_text().splitlines()]
        return [
            event
            for event in events
            if event["user"]["username"].startswith(user)
            and (namespace is None or event.get("objectRef", {}).get("namespace") == namespace)
        ]


class ControlPlane(Cluster):
    """etcd, kube-apiserver and kube-controller-manager, on free ports of 127.0.0.1.

    RBAC, default admission and service-account tokens are on, as in a real cluster; what is
    missing is a scheduler and nodes, so pods stay Pending.
    """

    def __init__(self, folder):
        super().__init__(folder / "admin.kubeconfig", folder, programs.FOLDER / "kubectl")
        self.audit_log = folder / "audit.log"
        self._processes = {}
        self._etcd, self._peer, self.port, self._manager = free_ports(4)
        self._tokens = {name: secrets.token_hex(16) for name in USERS}

    @property
    def url(self):
        """The API server's address."""
        return f"https://127.0.0.1:{self.port}"

    def start(self):
        """Start all three and wait until the default namespace and service account are there."""
        self._write_files()
        self._start_etcd()
        self.start_api_server()
        authority = (self.folder / "certs" / "apiserver.crt").read_bytes()
        (self.folder / "ca.crt").write_bytes(authority)
        cluster = {"server": self.url, "certificate-authority": str(self.folder / "ca.crt")}
        for name, token in self._tokens.items():
            _write_kubeconfig(self.folder / f"{name}.kubeconfig", cluster, token)
        self._start_controller_manager()
        self._wait("controller manager", lambda: self.get("serviceaccount", "default"))

    def stop(self):
        """End every program."""
        for name in reversed(list(self._processes)):
            self.end(name)

    def run(self, name, *flags):
        """Start one of the programs (programs.py); `stop` ends it."""
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [str(programs.FOLDER / name), *flags]
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        self._processes[name] = process

    def stop_api_server(self):
        """Kill the API server, as a failing master does; `start_api_server` brings it back."""
        self.end("kube-apiserver")

    def start_api_server(self):
        """Start the API server on the same port, and wait until it is ready."""
        folder = self.folder
        self.run(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--cert-dir={folder / 'certs'}",
            f"--token-auth-file={folder / 'tokens.csv'}",
            "--authorization-mode=Node,RBAC",
            "--allow-privileged",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder / 'accounts.key'}",
            f"--service-account-signing-key-file={folder / 'accounts.key'}",
            f"--audit-policy-file={folder / 'audit-policy.yaml'}",
            f"--audit-log-path={self.audit_log}",
            # Loopback is not an address for the endpoints of the service `kubernetes`.
            "--endpoint-reconciler-type=none",
            # A kubelet of ours is called localhost (node.py).
            "--kubelet-preferred-address-types=Hostname",
            "--profiling=false",
        )
        self._wait("kube-apiserver", lambda: self._ready())

    def _ready(self):
        token = self._tokens["admin"]
        authority = f"--certificate-authority={self.folder / 'certs' / 'apiserver.crt'}"
        flags = ["--kubeconfig=/dev/null", f"--server={self.url}", f"--token={token}", authority]
        command = [self.kubectl_program, *flags, "get", "--raw=/readyz"]
        return subprocess.run(command, capture_output=True, timeout=20, check=True)

    def _write_files(self):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = serialization.PrivateFormat.TraditionalOpenSSL
        pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        (self.folder / "accounts.key").write_bytes(pem)
        (self.folder / "audit-policy.yaml").write_text(AUDIT_POLICY)
        lines = [
            f"{self._tokens[name]},{user},{name},{group}\n" for name, (user, group) in USERS.items()
        ]
        (self.folder / "tokens.csv").write_text("".join(lines))

    def _start_etcd(self):
        client, peer = f"http://127.0.0.1:{self._etcd}", f"http://127.0.0.1:{self._peer}"
        self.run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            # The data live as long as the tests.
            "--unsafe-no-fsync",
        )

    def _start_controller_manager(self):
        self.run(
            "kube-controller-manager",
            f"--kubeconfig={self.folder / 'kube-controller-manager.kubeconfig'}",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={self.folder / 'accounts.key'}",
            f"--root-ca-file={self.folder / 'ca.crt'}",
            f"--secure-port={self._manager}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={self.folder / 'manager-certs'}",
            "--leader-elect=false",
        )

    def end(self, name):
        """Kill a program and wait until it is gone."""
        process = self._processes.pop(name)
        process.kill()
        process.wait(20)

    def _wait(self, name, ready, seconds=120):
        deadline = time.monotonic() + seconds
        while True:
            try:
                return ready()
            except (AssertionError, subprocess.SubprocessError):
                pass
            ended = [each for each, run in self._processes.items() if run.poll() is not None]
            if ended or time.monotonic() > deadline:
                culprit = ended[0] if ended else name
                log = (self.folder / f"{culprit}.log").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{culprit} does not run:\n{log}")
            time.sleep(0.2)


def at_hand(kubeconfig, folder):
    """The cluster that KUBECONFIG names, with the kubectl of PATH or else the built one."""
    program = shutil.which("kubectl") or programs.FOLDER / "kubectl"
    cluster = Cluster(kubeconfig, folder, program)
    cluster.kubectl("get", "--raw=/readyz")
    return cluster


def _named(account):
    return {"name": account["name"], "namespace": account["namespace"]}


def _write_kubeconfig(path, cluster, token, namespace="default"):
    context = {"cluster": "tests", "user": "user", "namespace": namespace}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{"name": "tests", "context": context}],
        "current-context": "tests",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document))
