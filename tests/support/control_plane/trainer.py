"""Kubeflow Trainer on the control plane: its controllers and JobSet's, with their webhooks.

They are built from their Go modules like the control plane (programs.py) and run on loopback, where
the API server reaches their webhooks; the certificates, which an installation has made in the
cluster, are made here.
"""

import base64
import datetime
import ipaddress
import subprocess

import httpx
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from support.control_plane import programs
from support.control_plane.operating import until
from support.seaweed import free_ports

CERTIFICATES = "k8s-webhook-server/serving-certs"
"""Where both look for them, below the folder for temporary files."""
CONFIGS = {
    "trainer-controller-manager": {
        "apiVersion": "config.trainer.kubeflow.org/v1alpha1",
        "kind": "Configuration",
        "certManagement": {"enable": False},
    },
    "jobset": {
        "apiVersion": "config.jobset.x-k8s.io/v1alpha1",
        "kind": "Configuration",
        "internalCertManagement": {"enable": False},
    },
}
DEFINITIONS = {
    "trainer-controller-manager": "manifests/base/crds/trainer*.yaml",
    "jobset": "config/components/crd/bases/*.yaml",
}
WEBHOOKS = {
    "trainer-controller-manager": "manifests/base/webhook/manifests.yaml",
    "jobset": "config/components/webhook/manifests.yaml",
}


class Trainer:
    """What `start` starts and makes in the cluster, `stop` ends and removes, but for the kinds.

    Args:
        plane: The control plane.
        folder: For certificates, configs and logs.
    """

    def __init__(self, plane, folder):
        self.plane, self.folder = plane, folder
        self._processes, self._hooks = {}, []

    def start(self):
        """Start both, and wait until they answer."""
        sources = {name: programs.source_of(name) for name in CONFIGS}
        for name, source in sources.items():
            define(self.plane, sorted(source.glob(DEFINITIONS[name])))
        ports = {name: self._run(name) for name in CONFIGS}
        for name, (hook, probe) in ports.items():
            until(lambda probe=probe: _ready(probe), 120, lambda name=name: self.log(name), 0.5)
            self._register(sources[name] / WEBHOOKS[name], name, hook)

    def stop(self):
        """End both."""
        for kind, name in self._hooks:
            self.plane.kubectl("delete", kind, name)
        for process in self._processes.values():
            process.kill()
            process.wait(20)

    def log(self, name=None):
        """The ends of their logs."""
        names = [name] if name else list(CONFIGS)
        return "\n".join((self.folder / n / "log").read_text()[-3000:] for n in names)

    def _run(self, name):
        home = self.folder / name
        _make_certificate(home / CERTIFICATES)
        hook, probe = free_ports(2)
        webhook = {"port": hook, "host": "127.0.0.1"}
        if name == "jobset":
            webhook["certDir"] = str(home / CERTIFICATES)
        config = CONFIGS[name] | {
            "webhook": webhook,
            "metrics": {"bindAddress": "0"},
            "health": {"healthProbeBindAddress": f"127.0.0.1:{probe}"},
            "leaderElection": {"leaderElect": False},
        }
        (home / "config.yaml").write_text(yaml.safe_dump(config))
        with (home / "log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [programs.FOLDER / name, f"--config={home / 'config.yaml'}"],
                env=self.plane.environment | {"TMPDIR": str(home)},
                stdout=log,
                stderr=log,
            )
        return hook, probe

    def _register(self, path, name, port):
        """Tell the API server of the webhooks of a program."""
        authority = (self.folder / name / CERTIFICATES / "tls.crt").read_bytes()
        for made in yaml.safe_load_all(path.read_text()):
            made["metadata"]["name"] = f"{name}-{made['metadata']['name']}"
            for hook in made["webhooks"]:
                where = hook["clientConfig"]["service"]["path"]
                hook["clientConfig"] = {
                    "url": f"https://127.0.0.1:{port}{where}",
                    "caBundle": base64.b64encode(authority).decode(),
                }
            self.plane.apply(made)
            self._hooks.append((made["kind"], made["metadata"]["name"]))


def define(plane, paths):
    """Apply definitions of kinds, and wait until they are served."""
    texts = [path.read_text() for path in paths]
    plane.apply(*texts, server_side=True)
    names = [f"crd/{yaml.safe_load(text)['metadata']['name']}" for text in texts]
    plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)


def _ready(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _make_certificate(folder):
    """Write `tls.crt` and `tls.key` of 127.0.0.1, which is its own authority."""
    folder.mkdir(parents=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "webhooks")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    (folder / "tls.crt").write_bytes(certificate.public_bytes(pem))
    (folder / "tls.key").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
