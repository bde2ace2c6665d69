"""What is made is made once, whatever happens to requests and answers."""

import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.kfp_double.package import PACKAGE
from support.kfp_double.server import serving

from poseline.errors import ConfigError
from poseline.kubeflow.auth import Bearer, find_token
from poseline.kubeflow.client import Kubeflow
from poseline.kubeflow.errors import DeniedError, NotFoundError, RefusedError, UnreachableError

NAME = "poseline-chain-tqe"


def submit(kubeflow, name="run-1", parameters=None, experiment="poses"):
    version = kubeflow.pipeline_version(NAME, PACKAGE)
    return kubeflow.submit(name, version, parameters or {"epochs": 2}, experiment)


def test_a_package_is_uploaded_once_and_a_changed_one_is_a_new_version(kubeflow, server):
    first = kubeflow.pipeline_version(NAME, PACKAGE, "words")
    assert kubeflow.pipeline_version(NAME, PACKAGE) == first
    second = kubeflow.pipeline_version(NAME, PACKAGE.replace("image: a", "image: b"))
    assert second.pipeline_id == first.pipeline_id and second.id != first.id
    assert {v["name"] for v in server.objects.versions.values()} == {first.name, second.name}
    assert [p["name"] for p in kubeflow.pipelines()] == [NAME]
    assert next(kubeflow.pipelines())["description"] == "words"


def test_a_run_of_a_name_is_made_once(kubeflow, server):
    run = submit(kubeflow)
    assert run.state == "PENDING" and run.finished is None and not run.over
    assert submit(kubeflow).id == run.id
    server.objects.settle(run.id, {"state": "FAILED"})
    assert submit(kubeflow).id == run.id  # an ended one counts, too
    assert submit(kubeflow, "run-2").id != run.id
    assert submit(kubeflow, experiment="others").id != run.id
    assert server.count("POST", ".*/runs") == 3


FAULTS = [
    ("/runs$", {"kind": "cut_before"}),
    ("/runs$", {"kind": "cut_before", "count": 2}),
    ("/runs$", {"kind": "slow", "delay": 0.8}),
    ("/runs$", {"kind": "status", "status": 503}),
    ("/runs$", {"kind": "plain", "status": 502}),
    *(
        (path, {"kind": kind, "delay": 0.02})
        for kind in ("cut_after", "late")
        for path in ("/experiments$", "/pipelines$", "/upload_version$", "/runs$")
    ),
]


@pytest.mark.parametrize(("path", "fault"), FAULTS)
def test_a_lost_request_makes_nothing_twice(server, path, fault):
    server.fail(**fault, method="POST", path=path)
    with Kubeflow(server.url, timeout=0.6, patience=5) as kubeflow:
        run = submit(kubeflow)
    objects = server.objects
    assert list(objects.runs) == [run.id]
    assert len(objects.pipelines) == len(objects.versions) == 1
    assert [e["display_name"] for e in objects.experiments.values()] == ["Default", "poses"]


def test_a_run_that_comes_after_the_look_is_ended(server):
    server.fail("held", method="POST", path="/runs$")
    with Kubeflow(server.url, timeout=5) as kubeflow:
        first = submit(kubeflow)
        server.release()
        assert len(server.objects.runs) == 2
        kept = submit(kubeflow)  # whoever asks again leaves one
        states = {run.id: run.state for run in kubeflow.runs("poses")}
    assert sorted(states.values()) == ["CANCELING", "PENDING"]
    assert states[kept.id] == "PENDING" and first.id in states


def test_a_server_that_stays_away_is_told_and_the_next_call_goes_on(server):
    server.fail("status", method="POST", path="/runs$", count=3)
    with Kubeflow(server.url, timeout=1, patience=1) as kubeflow:
        with pytest.raises(UnreachableError, match="503") as error:
            submit(kubeflow)
        assert "try again" in error.value.remedy
        submit(kubeflow)
    assert len(server.objects.runs) == 1


def test_what_the_server_refuses_is_not_repeated(kubeflow, server):
    with pytest.raises(RefusedError, match="not required by pipeline: colour"):
        submit(kubeflow, parameters={"colour": "red"})
    with pytest.raises(RefusedError, match="epochs requires type double or integer"):
        submit(kubeflow, parameters={"epochs": "two"})
    assert server.count("POST", ".*/runs") == 2 and not server.objects.runs
    with pytest.raises(RefusedError, match="unknown template format"):
        kubeflow.pipeline_version("other", "no: pipeline")


def test_the_cause_of_an_internal_error_is_told(kubeflow):
    body = {"display_name": "one", "pipeline_version_reference": {"pipeline_version_id": "gone"}}
    with pytest.raises(UnreachableError, match="PipelineVersion gone not found"):
        kubeflow.api.send("POST", "/runs", body=body)


def test_a_run_whose_workflow_is_gone_is_terminated_all_the_same(kubeflow, server):
    run = submit(kubeflow)
    server.objects.plans[run.id]["lost"] = True
    assert kubeflow.terminate(run.id)
    assert kubeflow.run(run.id).ending and not kubeflow.terminate(run.id)


def test_two_at_once_leave_one_run(server):
    def one(_):
        with Kubeflow(server.url, timeout=5) as kubeflow:
            return submit(kubeflow).id

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))
    with Kubeflow(server.url) as kubeflow:
        kept = submit(kubeflow)
        alive = [run.id for run in kubeflow.runs("poses") if run.state == "PENDING"]
    assert alive == [kept.id]


@pytest.mark.parametrize("name", ["100% a+b", 'quo"ted\\', "Ünï 日本", "a" * 255, "RUN-1"])
def test_names_are_taken_literally(kubeflow, name):
    submit(kubeflow, "run-1")
    run = submit(kubeflow, name)
    assert run.name == name and submit(kubeflow, name).id == run.id


def test_what_the_database_does_not_take_is_not_sent(kubeflow, server):
    for name, parameters, experiment in (
        ("a" * 256, {}, "poses"),
        ("run \N{RUNNER}", {}, "poses"),
        ("run", {"config": "a: \N{RUNNER}"}, "poses"),
        ("run", {}, "a" * 129),
    ):
        with pytest.raises(RefusedError, match=r"has (256|129) characters|cannot store"):
            submit(kubeflow, name, experiment=experiment, parameters=parameters)
    with pytest.raises(RefusedError, match="129 characters"):
        kubeflow.pipeline_version("a" * 129, PACKAGE)
    assert server.count("POST", ".*/(runs|experiments)") == 0


def test_lists_are_read_to_their_end_and_newest_first(kubeflow, server):
    server.objects.page = 2
    ids = [submit(kubeflow, f"run-{number}").id for number in range(5)]
    assert {run.id for run in kubeflow.runs("poses")} == set(ids)
    listed = list(kubeflow.api.pages("/runs", "runs", {"page_size": 2}))
    assert sorted(run["run_id"] for run in listed) == sorted(ids)
    assert len(kubeflow.runs(limit=3)) == 3 and kubeflow.runs("nothing") == []


def test_terminate_is_content_with_a_run_that_is_over_or_gone(kubeflow, server):
    run = submit(kubeflow)
    assert kubeflow.terminate(run.id)
    assert kubeflow.run(run.id).canceled
    server.objects.settle(run.id, {"state": "FAILED"})
    assert not kubeflow.terminate(run.id) and not kubeflow.terminate("nobody")
    other = submit(kubeflow, "run-2")
    kubeflow.run = lambda _, look=kubeflow.run: _ended_meanwhile(look, server, other.id)
    assert not kubeflow.terminate(other.id)


def _ended_meanwhile(look, server, run_id):
    run = look(run_id)
    server.objects.settle(run_id, {"state": "SUCCEEDED"})
    return run


def test_tasks_are_told_from_what_argo_makes_of_them():
    with serving(pace=100) as server, Kubeflow(server.url) as kubeflow:
        run = submit(kubeflow)
        server.objects.settle(run.id, {"fails": "quantize"})
        server.objects.age(run.id, 1.5)
        (task,) = kubeflow.run(run.id).tasks
        assert (task.name, task.state, task.ended) == ("train", "RUNNING", None) and task.pods
        server.objects.age(run.id, 2)
        run = kubeflow.run(run.id)
    assert [(t.name, t.state) for t in run.tasks] == [
        ("train", "SUCCEEDED"),
        ("quantize", "FAILED"),
    ]
    assert run.state == "FAILED" and run.finished and not run.canceled


def test_gets_are_repeated_while_the_server_is_away(kubeflow, server):
    run = submit(kubeflow)
    for kind in ("cut_before", "status", "plain"):
        server.fail(kind, method="GET", path=f"/runs/{run.id}$")
    assert kubeflow.run(run.id).id == run.id
    server.fail("cut_before", method="GET", count=100)
    with Kubeflow(server.url, patience=1) as hasty, pytest.raises(UnreachableError):
        hasty.run(run.id)


def test_a_wrong_address_is_not_taken_for_a_lost_run(kubeflow, server):
    run = submit(kubeflow)
    server.fail("plain", status=404, path=f"/runs/{run.id}$")
    with pytest.raises(RefusedError, match="404") as error:
        kubeflow.run(run.id)
    assert "ml-pipeline" in error.value.remedy
    with pytest.raises(NotFoundError, match="Run nobody not found"):
        kubeflow.run("nobody")
    with pytest.raises(NotFoundError):
        kubeflow.run("../experiments")


@pytest.mark.parametrize("kind", ["html", "redirect"])
def test_a_login_page_asks_for_a_token(kubeflow, server, kind):
    server.fail(kind, path="/healthz$")
    with pytest.raises(DeniedError) as error:
        kubeflow.api.get("/healthz")
    assert "--token-file" in error.value.remedy


def test_nobody_there():
    there = pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9 does not answer")
    with Kubeflow("127.0.0.1:9", timeout=1, patience=0.5) as kubeflow, there:
        kubeflow.api.get("/healthz")


@pytest.mark.parametrize("host", ["ftp://a", "http://", "http://u:p@a", "http://[", "a b", ""])
def test_a_host_that_is_none(host):
    with pytest.raises(ConfigError, match="a URL such as"):
        Kubeflow(host)


@pytest.mark.parametrize("end", ["/", "/apis/v2beta1", "/apis/v2beta1/"])
def test_the_end_of_a_host_does_not_matter(server, end):
    with Kubeflow(server.url + end) as kubeflow:
        assert kubeflow.api.get("/healthz")["tag_name"] == "2.17.0"


def test_a_rotated_token_is_read_again(server, tmp_path, capfd):
    path = tmp_path / "token"
    path.write_text("first-secret\n")
    server.tokens = {"first-secret"}
    with Kubeflow(server.url, auth=find_token(path=path), patience=1) as kubeflow:
        submit(kubeflow)
        server.tokens = {"second-secret"}
        path.write_text("second-secret\n")
        submit(kubeflow, "run-2")
        server.tokens = {"third-secret"}
        rotate = threading.Timer(0.1, path.write_text, ("third-secret",))
        rotate.start()
        server.fail("slow", path="/healthz$", delay=0.3)  # the token changes under way
        assert kubeflow.api.get("/healthz")
        assert server.seen[-2:] == ["second-secret", "third-secret"]
        server.tokens = {"fourth-secret"}
        with pytest.raises(DeniedError, match="authenticate") as error:
            submit(kubeflow, "run-3")
    assert "KF_PIPELINES_TOKEN" in error.value.remedy
    assert "secret" not in "".join(capfd.readouterr()) + str(error.value) + repr(kubeflow.api)


def test_where_a_token_comes_from(tmp_path, monkeypatch):
    file = tmp_path / "t"
    file.write_text("from-file")
    assert find_token() is None
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(file))
    assert find_token()._read() == "from-file"
    monkeypatch.setenv("KF_PIPELINES_TOKEN", "from-env ")
    assert find_token()._read() == "from-env"
    assert find_token(path=file)._read() == "from-file"
    assert "from" not in repr(find_token()) and isinstance(find_token(), Bearer)
    for text in ("", "two words", "schlüssel"):
        file.write_text(text)
        with pytest.raises(ConfigError, match="no token"):
            find_token(path=file)
    with pytest.raises(ConfigError, match="No such file"):
        find_token(path=tmp_path / "missing")


def test_a_namespace_goes_with_everything():
    with serving(multi_user=True) as server:
        with Kubeflow(server.url, "alice") as alice, Kubeflow(server.url, "bob") as bob:
            run = submit(alice)
            assert [r.id for r in alice.runs()] == [run.id] and bob.runs() == []
            assert submit(bob).id != run.id and len(server.objects.pipelines) == 2
        with Kubeflow(server.url) as nobody, pytest.raises(RefusedError, match="namespace"):
            nobody.runs()


def test_the_end_of_a_run_is_read_with_that_of_its_tasks(kubeflow, server):
    run = submit(kubeflow)
    server.objects.settle(run.id, {"state": "FAILED", "tasks": {"train": "RUNNING"}})

    def observe(objects):  # what the server writes down after the run itself
        objects.settle(run.id, {"tasks": {"train": "FAILED", "quantize": "FAILED"}})

    server.observe = observe
    assert {task.state for task in kubeflow.run(run.id).tasks} == {"FAILED"}


def test_an_archived_experiment(kubeflow):
    kubeflow.api.send("POST", f"/experiments/{kubeflow.experiment('old')}:archive")
    with pytest.raises(RefusedError, match="old is archived"):
        submit(kubeflow, experiment="old")


def test_certificates(server, tmp_path):
    cert = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http:", "https:")
    with Kubeflow(url, ca=cert) as kubeflow:
        assert kubeflow.api.get("/healthz")
    with Kubeflow(url, patience=0) as kubeflow, pytest.raises(UnreachableError, match="--ca"):
        kubeflow.api.get("/healthz")
    for wrong in (tmp_path / "none", tmp_path / "text"):
        (tmp_path / "text").write_text("text")
        with pytest.raises(ConfigError, match="PEM"):
            Kubeflow(url, ca=wrong)


def _certificate(folder):
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "cert.pem"
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    path.write_bytes(
        key.private_bytes(*kinds, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path
