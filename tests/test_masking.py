"""No secret is shown: in URIs, from the environment, in any output of a config that holds one."""

import json
import logging
import os
import string

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from poseline import log, masking
from poseline.cli import main
from poseline.config.loading import load
from poseline.config.models.config import Config
from poseline.errors import BackendError, ConfigError, Problem
from poseline.kubeflow.validation import check_no_secrets
from poseline.masking import HIDDEN, mask, masked, secrets_in
from poseline.tracking.client import tracking_uri
from poseline.tracking.outbox import Address, Entry, Outbox
from poseline.tracking.sender import brief

CONFIG = """\
general: {project_name: people, model_path: model.h5}
operation_mode: evaluation
dataset: {name: people, keypoints: 17, test_path: test}
"""


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(masking, "_known", {})


@pytest.mark.parametrize(
    "text",
    [
        "http://user:{}@host/path",
        "HTTPS://user:{}@host:5000",
        "http://{}@host",
        "http://user:a@{}@host",
        "postgresql+psycopg2://user:{}/b@host:5432/db",
        "postgresql://user:{} b@host/db",
        "http://user:{}@[::1]:80/",
        "http:///user:{}@host",
        "//user:{}@host/x",
        "cannot reach 'http://user:{}@host/x': refused",
        "see s3://key:{}@bucket/x and http://a:{}@b",
        "https://b.s3.amazonaws.com/k?X-Amz-Signature={}&X-Amz-Expires=3",
        "https://b/k?a=1&X-Amz-Security-Token={}",
        "https://b/k?a=1&X-Amz-Credential={}",
        "https://b/k?sv=1&sig={}",
        "https://b/k?TOKEN={}#x",
        "https://b/k#access_token={}",
        "https://b/k?a=1&amp;api_key={}",
        "https://b/k?X-Goog-Signature={}",
        "https://b/k?AWSAccessKeyId={}&Signature={}",
        "Authorization: Basic {}",
        "sent 'Bearer {}'",
    ],
)
def test_credentials_in_uris_are_hidden(text):
    shown = mask(text.replace("{}", "hunter2hunter2"))
    assert "hunter2" not in shown and HIDDEN in shown
    assert mask(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "http://host:5000/a@b",
        "s3://bucket/a@b/c?d=e",
        "poseline-ml:0.1.0@sha256:abc",
        "http://host:80?q=a@b",
        "person@example.com",
        "key: value, token: 5 of 6",
        "https://host/x?design=1",
        "models:/people@champion",
        "./experiments_outputs/mlruns",
    ],
)
def test_what_is_no_secret_stays(text):
    assert mask(text) == text


def test_what_says_itself_where_it_comes_from_stays_to_be_read_again():
    assert mask("http://u:${env:PW}@h") == "http://u:${env:PW}@h"


@pytest.mark.parametrize("value", ["3", "true", "/tmp/x", "http://host:5000", "s3://bucket/x", ""])
def test_evident_settings_from_the_environment_are_shown(value):
    masking.remember("PLACE", value)
    assert mask(f"it is {value}") == f"it is {value}"


def test_the_environments_own_credentials_are_hidden_everywhere(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "abcd/efgh+ijkl")
    assert "efgh" not in mask("signed with abcd/efgh+ijkl")
    assert "efgh" not in mask("signed with abcd%2Fefgh%2Bijkl")


SECRETS = st.text(string.printable + "äß€\u2028😀", min_size=6, max_size=120).filter(
    lambda text: (
        text.strip() == text
        and len(set(text)) > 4
        and not text.isdigit()
        and "${" not in text
        and not masking._open(text)
    )
)
KEYS = [
    "training.epochs",
    "dataset.keypoints",
    "general.project_name",
    "mlflow.uri",
    "tools",
    "general.deterministic_ops",
    "data_augmentation",
    "training.model.input_shape",
    "unknown_key",
    "general.model_type",
    "dataset",
    "gate.max_flash_kb",
    "general.unknown.deeper",
]


def visible(secret, text):
    """Whether a piece of a secret that nobody else wrote is in a text."""
    pieces = [secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]]
    pieces += [repr(secret)[1:-1][:30]] if len(secret) > 40 else []
    return any(piece in text for piece in pieces)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    SECRETS,
    st.sampled_from(KEYS),
    st.sampled_from(["{}", "pre-{}", "{}/post", "a{}b"]),
    st.sampled_from(["env", "oc.env"]),
)
@example('it\'s "quoted"\\x', "training.epochs", "{}", "env")
@example("p" + "abcdefghij" * 12, "dataset.keypoints", "a{}b", "oc.env")
@example("12345678", "training.epochs", "{}", "env")
def test_no_config_with_a_secret_shows_it(secret, key, around, resolver):
    os.environ["POSELINE_TEST_SECRET"] = secret
    masking._known.clear()
    value = around.replace("{}", f"${{{resolver}:POSELINE_TEST_SECRET}}")
    try:
        config = load.parse(CONFIG, [f"{key}={json.dumps(value)}"])
    except ConfigError as error:
        shown = "\n".join([str(error), repr(error), repr(error.problems)])
    else:
        data = config.model_dump(mode="json")
        shown = load.dump(config) + json.dumps(masked(data)) + repr(masked(data))
        again = load.parse(load.dump(config))
        assert again.model_dump(exclude={"hydra"}) == config.model_dump(exclude={"hydra"})
        with pytest.raises(ConfigError) as refused:
            check_no_secrets(data, "config")
        shown += str(refused.value)
    finally:
        del os.environ["POSELINE_TEST_SECRET"]
    assert not visible(secret, shown), shown


def test_a_password_is_used_and_shown_nowhere(tmp_path, capsys):
    uri = "http://user:hunter2hunter2@localhost:9/x?token=hunter2hunter2"
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG + f"mlflow: {{uri: '{uri}'}}\n")
    with pytest.raises(SystemExit) as ended:
        main(["validate", str(file)])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    config = load.load(file)
    assert config.mlflow.uri == uri, "it is what connects"
    outbox = Outbox(tmp_path / "outbox")
    outbox.address = Address(uri, "people", "c1")
    outbox.add(Entry("chain", "params", 1, config.model_dump(mode="json")))
    outbox.reject(Entry("chain", "tags", 1), f"{uri} says no")
    assert outbox.address.uri == uri
    shown += "".join(path.read_text() for path in outbox.folder.iterdir())
    shown += load.dump(config) + brief(OSError(f"{uri}: refused")) + str(BackendError(uri, uri))
    shown += repr(Problem("a", uri, uri, uri)) + str(list(secrets_in({"a": [uri]})))
    assert "hunter2" not in shown and "localhost:9" in shown
    # Another process connects with MLflow's own variables.
    kept = Outbox(outbox.folder).address
    assert tracking_uri(kept.uri).startswith("http://localhost:9/x")
    assert load.parse(load.dump(config)).mlflow.uri.startswith("http://***@localhost:9")


@pytest.mark.parametrize("as_json", [True, False])
def test_logs_and_traces_hide_secrets(as_json, capsys):
    log.configure("DEBUG", as_json)
    secret = "http://u:hunter2hunter2@h"
    logger = log.get_logger("x")
    logger.warning(f"at {secret}", uri=secret, nested={"a": [secret]}, error=OSError(secret))
    try:
        password = "hunter2hunter2"
        raise OSError(f"http://u:{password}@h")
    except OSError:
        logger.exception("broken")
        logging.getLogger("other").error("at %s", secret, exc_info=True)
    shown = capsys.readouterr().err
    assert "hunter2" not in shown and "broken" in shown and "OSError" in shown


def test_an_uncaught_trace_hides_secrets(capsys):
    log.configure()
    import sys

    try:
        raise OSError("http://u:hunter2hunter2@h")
    except OSError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    shown = capsys.readouterr().err
    assert "OSError" in shown and "hunter2" not in shown


def test_every_text_of_a_config_is_masked_alike():
    data = yaml.safe_load(load.dump(Config()))
    assert masked(data) == data
