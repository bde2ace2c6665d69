"""A whole Kubeflow backend on one node: Argo runs the workflows, and their pods are real.

What is not Kubeflow's own: services are reached through proxies on this machine's loopback and a
small name server (node.py), the object storage is a SeaweedFS of the tests, and what
`metadata-server` is, whoever made the folder knows. The cluster's other parts are a control plane
and a node of ours. See kubeflow_server.py for what KUBEFLOW_PROGRAMS must hold.
"""

import json
import os
from types import MappingProxyType

from poseline import __version__
from support.control_plane import kubeflow_server, node
from support.control_plane.kubeflow_server import NAMESPACE, VERSION, KubeflowServer, program
from support.seaweed import ADMIN, free_ports

ARGO = "4.0.5"
DRIVER, LAUNCHER = f"kfp-driver:{VERSION}", f"kfp-launcher:{VERSION}"
EXECUTOR = f"argoexec:v{ARGO}"
OURS = (f"poseline-ml:{__version__}", f"poseline-pipelines:{__version__}")
BUCKET = "mlpipeline"
PROGRAMS = ("workflow-controller", "metadata-server")
FOLDERS = {"images": "*.tar", "manifests": "*.yaml"}
# As Kubeflow's own deployment of the controller has it.
TRANSIENT = "(?i)(imminent node shutdown|node is shutting down|preempt|evict|spot|pod deleted)"


def missing():
    """Why there can be no backend here; empty: there can."""
    if reason := kubeflow_server.missing() or node.missing():
        return reason
    absent = [name for name in PROGRAMS if not os.access(program(name), os.X_OK)]
    absent += [f"{at}/{what}" for at, what in FOLDERS.items() if not list(program(at).glob(what))]
    return f"{program('')} has no {', '.join(absent)}" if absent else ""


class Backend(KubeflowServer):
    """The API server with everything that its runs need.

    Attributes:
        node: Where the pods run.
    """

    bucket = BUCKET  # that of the artifacts, too, as Kubeflow's own installation has it
    environment = MappingProxyType(
        {
            "V2_DRIVER_IMAGE": DRIVER,
            "V2_LAUNCHER_IMAGE": LAUNCHER,
            "PUBLISH_LOGS": "true",
            "CLUSTER_DOMAIN": "cluster.local",
        }
    )

    def __init__(self, node, storage_port, folder):
        super().__init__(node.plane, storage_port, folder)
        self.node = node

    def start(self):
        """Start everything: images first, the controller last."""
        for archive in sorted(program("images").glob("*.tar")):
            self.node.load_archive(archive)
        for image in OURS:
            self.node.load(image)
        super().start()
        self.plane.kubectl("apply", "-n", NAMESPACE, "-f", str(program("manifests")))
        self.plane.apply(_secret())
        (metadata,) = free_ports(1)
        (self.folder / "metadata").mkdir()
        self._run("metadata-server", str(metadata), str(self.folder / "metadata"))
        for name, ports in {
            "ml-pipeline": self.ports,
            "metadata-grpc-service": {8080: metadata},
            "seaweedfs": {9000: self._storage},
        }.items():
            self.node.expose(ports, f"{name}.{NAMESPACE}")
        self._run(
            "workflow-controller",
            f"--kubeconfig={self.plane.kubeconfig}",
            "--configmap=workflow-controller-configmap",
            f"--executor-image={EXECUTOR}",
            "--namespaced",
            f"--namespace={NAMESPACE}",
            LEADER_ELECTION_DISABLE="true",
            TRANSIENT_ERROR_PATTERN=TRANSIENT,
        )

    def pods(self, run_id, task=""):
        """The pods of a run's task of ours that run; of all tasks where it is empty."""
        label = f"pipeline/runid={run_id}"
        if task:
            label += f",app.kubernetes.io/component={task}"
        found = self.plane.get("pods", "-n", NAMESPACE, "-l", label)["items"]
        return [pod for pod in found if pod["status"].get("phase") == "Running"]

    def logs(self, pod):
        """What a pod's containers wrote last."""
        try:
            return self.plane.kubectl(
                "logs", pod, "-n", NAMESPACE, "--all-containers", "--prefix", "--tail=30"
            )
        except AssertionError as reason:
            return f"{pod}: {reason}"

    def size(self, run_id):
        """Bytes of a run's workflow, as Argo's controller counts them; whether it compressed it."""
        found = self.workflow(run_id)
        found["metadata"].pop("managedFields", None)
        text = json.dumps(found, separators=(",", ":"))
        return len(text), "compressedNodes" in found["status"]


def _secret():
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "mlpipeline-minio-artifact", "namespace": NAMESPACE},
        "stringData": {
            "accesskey": ADMIN["AWS_ACCESS_KEY_ID"],
            "secretkey": ADMIN["AWS_SECRET_ACCESS_KEY"],
        },
    }
