"""Build a Kubernetes control plane from Go modules into the user's cache: `make control-plane`.

No module of Kubernetes can be built by `go install`: its go.mod points into its own source tree.
So the build has a module of its own, which takes those parts from where they are published.
Kubeflow Pipelines has no published module that can be built: its programs are taken as they are
from the folder that KUBEFLOW_PROGRAMS names, see kubeflow_server.py.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

KUBERNETES = "1.34.4"
ETCD = "3.6.5"
HELM = "4.2.3"
TRAINER = "2.3.0"
JOBSET = "0.12.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "poseline"
FOLDER = CACHE / f"kubernetes-{KUBERNETES}"

PROGRAMS = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "helm": f"helm.sh/helm/v4@v{HELM}/cmd/helm",
}
NODE_PROGRAMS = {
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
}
TRAINER_PROGRAMS = {
    "trainer-controller-manager": (
        f"github.com/kubeflow/trainer/v2@v{TRAINER}/cmd/trainer-controller-manager"
    ),
    "jobset": f"sigs.k8s.io/jobset@v{JOBSET}/",
}


class UnavailableError(Exception):
    """This machine has nothing to build with; the text says what is missing."""


def missing(programs=PROGRAMS, folder=FOLDER):
    """The programs that are not built yet."""
    return [name for name in programs if not (folder / name).exists()]


def build(programs=PROGRAMS):
    """Build what is missing; two builds at a time wait for each other.

    Raises:
        UnavailableError: Go or its module proxy is not there.
        subprocess.CalledProcessError: The compiler failed.
    """
    with _building(programs, FOLDER) as (work, todo):
        if todo:
            _write_module(work)
        for name in todo:
            _compile(work, name, programs[name])


def source_of(name):
    """The folder with the source, and the manifests, of one of TRAINER_PROGRAMS.

    Raises:
        UnavailableError: Go or its module proxy is not there.
    """
    if not shutil.which("go"):
        raise UnavailableError("Go is not installed")
    with tempfile.TemporaryDirectory() as work:
        (Path(work) / "go.mod").write_text("module source\n")
        return _download(work, _module(TRAINER_PROGRAMS[name])[0])


@contextlib.contextmanager
def _building(programs, folder):
    """Give a folder to build in, and the names of what is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        todo = missing(programs, folder)
        if todo and not shutil.which("go"):
            raise UnavailableError("Go is not installed")
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            yield Path(work), todo


def _write_module(work):
    minor = KUBERNETES.split(".", 1)[1]
    source = _download(work, f"k8s.io/kubernetes@v{KUBERNETES}")
    text = (source / "go.mod").read_text()
    version = re.search(r"^go (\S+)", text, re.MULTILINE)[1]
    staged = re.findall(r"^\t(k8s\.io/\S+) => \./staging/", text, re.MULTILINE)
    replaced = "".join(f"\t{name} => {name} v0.{minor}\n" for name in staged)
    (work / "go.mod").write_text(
        f"module controlplane\n\ngo {version}\n\nrequire (\n\tk8s.io/kubernetes v{KUBERNETES}\n"
        f"\tgo.etcd.io/etcd/server/v3 v{ETCD}\n)\n\nreplace (\n{replaced})\n"
    )


def _download(work, module):
    command = ["go", "mod", "download", "-json", module]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True)
    if done.returncode:
        raise UnavailableError(f"the Go module proxy does not give {module}: {done.stderr.strip()}")
    return Path(json.loads(done.stdout)["Dir"])


def _module(package):
    """The module with its version, and the package in it, of `module@version/package`."""
    module, version, folder = re.fullmatch(r"(.+)@([^/]+)/(.*)", package).groups()
    return f"{module}@{version}", f"./{folder}"


def _compile(work, name, package):
    sys.stderr.write(f"building {name} ...\n")
    if "@" in package:  # a module that is built by its own go.mod
        module, package = _module(package)
        folder, flags = _download(work, module), ["-ldflags=-s -w"]
    else:
        major, minor, _ = KUBERNETES.split(".")
        version = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor}
        told = [f"-X k8s.io/component-base/version.{key}={value}" for key, value in version.items()]
        folder, flags = work, ["-mod=mod", "-ldflags", " ".join(["-s", "-w", *told])]
    subprocess.run(
        ["go", "build", "-trimpath", *flags, "-o", str(work / name), package],
        cwd=folder,
        env={**os.environ, "CGO_ENABLED": "0"},
        check=True,
    )
    # A rename: whoever finds the program finds all of it.
    (work / name).rename(FOLDER / name)


if __name__ == "__main__":
    os.nice(19)
    try:
        more = {**NODE_PROGRAMS, **TRAINER_PROGRAMS} if "--node" in sys.argv else {}
        build({**PROGRAMS, **more})
    except UnavailableError as reason:
        sys.stderr.write(f"not built: {reason}\n")
