"""A node for the control plane: scheduler, containerd and kubelet on this machine, as root.

Debian's containerd and runc run the pods; their images come from the Docker engine at hand. The
node is named localhost, since its kubelet serves on loopback alone.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import yaml

from poseline import __version__
from support.control_plane import programs
from support.control_plane.names import Names
from support.seaweed import Proxy, free_ports

IMAGE = f"poseline-ml:{__version__}"
OPERATOR = f"poseline-operator:{__version__}"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
"""Label of a namespace under the strictest level of Pod Security."""
CNI = Path("/usr/lib/cni")  # where Debian puts the plugins
CONTAINERD = """
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/poseline-pause:1"
  # Without CAP_SYS_RESOURCE, which root in a sandbox may lack, no score is lowered.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{folder}/cni"
"""
NETWORK = """
{"cniVersion": "0.4.0", "name": "poseline", "plugins": [
  {"type": "ptp", "ipam": {
    "type": "host-local", "subnet": "10.244.0.0/24", "routes": [{"dst": "10.96.0.0/16"}]}}]}
"""
DNS = "10.96.0.10"
KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "address": "127.0.0.1",
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "cgroupDriver": "cgroupfs",
    "failCgroupV1": False,
    "failSwapOn": False,
    "makeIPTablesUtilChains": False,
    "healthzPort": 0,
    "oomScoreAdj": 0,
    "registerNode": True,
    "syncFrequency": "2s",
    "clusterDomain": "cluster.local",
    "clusterDNS": [DNS],
    # The disk is this machine's: how full it is says nothing of the tests.
    "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "1%"},
    "imageGCHighThresholdPercent": 100,
}


def missing():
    """What this machine lacks to be a node; empty: nothing."""
    if os.geteuid():
        return "not root"
    if lacking := programs.missing(programs.NODE_PROGRAMS):
        return f"not built: {', '.join(lacking)}; `make test-node` builds them with Go"
    needed = ("containerd", "runc", "ctr", "docker", "ip")
    absent = [name for name in needed if not shutil.which(name)]
    absent += [name for name in ("loopback", "ptp", "host-local") if not (CNI / name).exists()]
    return f"not installed: {', '.join(absent)}" if absent else ""


class Node:
    """What `start` starts, `stop` ends, pods included.

    Args:
        plane: The control plane.
        pause: Image with `sleep`, on the Docker engine, for what holds a pod's namespaces.
    """

    def __init__(self, plane, pause):
        self.plane = plane
        self.pause = pause
        # Not under the tests' folder: the path of a socket may have 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="node-"))
        self.socket = self.folder / "containerd.sock"
        self._services, self._images = {}, set()

    def start(self):
        """Start all three, and wait until the node is Ready."""
        self._start_containerd()
        self._make_pause_image()
        _add_address(DNS)
        self.names = Names(DNS, self._pod_address)
        # Pods find the API server by the address of its service, without kube-proxy.
        assert self.expose({443: self.plane.port}, "kubernetes.default") == "10.96.0.1"
        self._start_scheduler()
        self._start_kubelet()
        _within(90, lambda: self.plane.kubectl("get", "node", "localhost"))
        ready = ["--for=condition=Ready", "node/localhost", "--timeout=90s"]
        self.plane.kubectl("wait", *ready, timeout=99)

    def stop(self):
        """End every pod, then the programs."""
        try:
            self._release_pods()
            self.plane.kubectl("delete", "pods", "-A", "--all", "--grace-period=1", timeout=120)
            _within(60, self._nothing_runs)
        finally:
            self._end()

    def _pod_address(self, hostname, subdomain, namespace):
        """The address of a pod that has one, as the headless service of its subdomain gives it."""
        for pod in self.plane.get("pods", "-n", namespace)["items"]:
            named = (pod["spec"].get("hostname"), pod["spec"].get("subdomain"))
            ending = "deletionTimestamp" in pod["metadata"]
            if named == (hostname, subdomain) and not ending and "podIP" in pod["status"]:
                return pod["status"]["podIP"]
        return None

    def _release_pods(self):
        """Take the finalizers off pods: Argo's controller, which does that, may be gone by now."""
        for pod in self.plane.get("pods", "-A")["items"]:
            about = pod["metadata"]
            if about.get("finalizers"):
                where = ["-n", about["namespace"], "--type=merge"]
                patch = '--patch={"metadata": {"finalizers": null}}'
                self.plane.kubectl("patch", "pod", about["name"], *where, patch)

    def _end(self):
        for name in ("kubelet", "kube-scheduler"):
            self.plane.end(name)
        for address, proxies in self._services.items():
            for proxy in proxies:
                proxy.close()
            _delete_address(address)
        self.names.close()
        _delete_address(DNS)
        self._containerd.terminate()
        self._containerd.wait(30)
        # The kubelet mounts its own folder, and the tokens of pods.
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted(mounts, reverse=True):
            if Path(mount).is_relative_to(self.folder):
                subprocess.run(["umount", mount], check=True)
        shutil.rmtree(self.folder)

    def load(self, image):
        """Bring an image from the Docker engine into containerd, once."""
        if image in self._images:
            return
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            self._ctr("images", "import", "-", stdin=saved.stdout)
        assert saved.returncode == 0
        self._images.add(image)

    def load_archive(self, path):
        """Bring the images of an archive that `docker save` wrote into containerd."""
        with path.open("rb") as archive:
            self._ctr("images", "import", "-", stdin=archive)

    def expose(self, ports, name=""):
        """Let pods reach ports of this machine's loopback, as those of a service.

        Args:
            ports: Port of the service to port of the loopback.
            name: The service's, as `service.namespace`; empty: it has an address alone.

        Returns:
            The address.
        """
        address = f"10.96.0.{len(self._services) + 1}"
        assert address != DNS, "that is the address of the name server"
        _add_address(address)
        proxies = [Proxy(target, (address, port)) for port, target in ports.items()]
        self._services[address] = proxies
        if name:
            self.names.add(name, address)
        return address

    def available(self, namespace):
        """Wait until each deployment has its pods."""
        wanted = ["--for=condition=Available", "deployment", "--all", "-n", namespace]
        try:
            self.plane.kubectl("wait", *wanted, "--timeout=150s", timeout=160)
        except AssertionError as reason:
            raise AssertionError(f"{reason}\n{self.description(namespace)}") from None

    def description(self, namespace):
        """What the cluster says about the pods."""
        return self.plane.kubectl("describe", "pods", "-n", namespace)[-6000:]

    def _start_containerd(self):
        folder = self.folder
        (folder / "cni").mkdir()
        (folder / "cni" / "10-poseline.conflist").write_text(NETWORK)
        (folder / "containerd.toml").write_text(CONTAINERD.format(folder=folder, plugins=CNI))
        flags = [f"--root={folder / 'root'}", f"--state={folder / 'state'}"]
        flags += [f"--config={folder / 'containerd.toml'}", f"--address={self.socket}"]
        with (folder / "containerd.log").open("wb") as log:
            self._containerd = subprocess.Popen(["containerd", *flags], stdout=log, stderr=log)
        _within(30, lambda: self._ctr("version"))

    def _make_pause_image(self):
        text = f'FROM {self.pause}\nENTRYPOINT ["sleep", "infinity"]\n'
        build = ["docker", "build", "--quiet", "--tag=poseline-pause:1", "-"]
        subprocess.run(build, input=text, text=True, check=True, capture_output=True)
        self.load("poseline-pause:1")

    def _start_scheduler(self):
        (port,) = free_ports(1)
        self.plane.run(
            "kube-scheduler",
            f"--kubeconfig={self.plane.folder / 'kube-scheduler.kubeconfig'}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={self.folder / 'scheduler'}",
            "--leader-elect=false",
        )

    def _start_kubelet(self):
        (port,) = free_ports(1)
        endpoint = f"unix://{self.socket}"
        config = {**KUBELET, "port": port, "containerRuntimeEndpoint": endpoint}
        (self.folder / "kubelet.yaml").write_text(yaml.safe_dump(config))
        self.plane.run(
            "kubelet",
            f"--config={self.folder / 'kubelet.yaml'}",
            f"--kubeconfig={self.plane.folder / 'kubelet.kubeconfig'}",
            f"--root-dir={self.folder / 'kubelet'}",
            f"--cert-dir={self.folder / 'kubelet-certs'}",
            "--hostname-override=localhost",
        )

    def _nothing_runs(self):
        tasks = self._ctr("tasks", "list", "--quiet")
        assert not tasks.strip()

    def _ctr(self, *arguments, stdin=None):
        command = ["ctr", f"--address={self.socket}", "--namespace=k8s.io", *arguments]
        done = subprocess.run(command, stdin=stdin, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout


def _add_address(address):
    subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)


def _delete_address(address):
    subprocess.run(["ip", "address", "delete", f"{address}/32", "dev", "lo"], check=True)


def _within(seconds, try_it):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return try_it()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
