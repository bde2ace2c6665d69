import pytest
from support import developer_cloud as double

from poseline.boards.cloud.account import Account, Servers, find_account, find_servers
from poseline.boards.cloud.sign_in import sign_in
from poseline.errors import BackendError

RIGHT = Account(double.USER, double.PASSWORD)


@pytest.fixture
def cloud():
    with double.serving() as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in (
        "STM32AI_USERNAME",
        "STM32AI_PASSWORD",
        "STM32AI_TOKEN",
        "POSELINE_STEDGEAI_SECRET",
        "stmai_username",
        "stmai_password",
    ):
        monkeypatch.delenv(name, raising=False)


def servers(cloud, **others):
    return Servers(**{"cloud": cloud.url, "sign_in": cloud.url, "password": cloud.url} | others)


def test_the_password_makes_a_token(cloud):
    assert sign_in(servers(cloud), RIGHT) == double.TOKEN
    (sent,) = cloud.asked("POST", "/cas/login")
    assert b"_eventId=Login" in sent["body"]


def test_a_token_of_ones_own_needs_no_sign_in(cloud):
    assert sign_in(servers(cloud), Account(token="mine")) == "mine"
    assert cloud.requests == []


def test_a_wrong_password_is_sent_once(cloud):
    with pytest.raises(BackendError, match="refused the password") as error:
        sign_in(servers(cloud), Account(double.USER, "wrong password 1"))
    assert len(cloud.asked("POST", "/cas/login")) == 1
    assert "wrong password 1" not in str(error.value)


def test_credentials_go_to_no_other_server(cloud):
    with double.serving() as other:
        cloud.password_url = other.url
        with pytest.raises(BackendError, match="is not asked: credentials go to"):
            sign_in(servers(cloud), RIGHT)
        assert other.requests == []
        cloud.password_url = cloud.url
        cloud.form = double.FORM.replace('action="/cas', f'action="{other.url}/cas')
        with pytest.raises(BackendError, match="is not asked: credentials go to"):
            sign_in(servers(cloud), RIGHT)
        assert other.requests == []
        cloud.form = double.FORM
        cloud.password_url, other.home = other.url, cloud.url
        assert sign_in(servers(cloud, password=other.url), RIGHT) == double.TOKEN


@pytest.mark.parametrize("status", [0, 500])
def test_a_sign_in_that_breaks_is_told_without_secrets(cloud, status):
    cloud.fail("/api/user_service/login/callback", status)
    with pytest.raises(BackendError) as error:
        sign_in(servers(cloud), RIGHT)
    for secret in (double.PASSWORD, double.CODE, double.TOKEN):
        assert secret not in str(error.value)
    assert "STM32AI_TOKEN" in error.value.remedy


def test_the_account_is_in_the_environment_or_in_a_mounted_secret(monkeypatch, tmp_path):
    with pytest.raises(BackendError, match="there is no account"):
        find_account()
    monkeypatch.setenv("stmai_username", "zoo")
    with pytest.raises(BackendError, match="stmai_password is not set"):
        find_account()
    monkeypatch.setenv("stmai_password", "secret of the zoo")
    assert find_account() == Account("zoo", "secret of the zoo")
    monkeypatch.setenv("STM32AI_USERNAME", "a")
    monkeypatch.setenv("STM32AI_PASSWORD", "b c")
    assert find_account() == Account("a", "b c")
    monkeypatch.setenv("STM32AI_TOKEN", "t")
    assert find_account() == Account(token="t")
    monkeypatch.setenv("POSELINE_STEDGEAI_SECRET", str(tmp_path))
    with pytest.raises(BackendError, match="is incomplete"):
        find_account()
    (tmp_path / "username").write_text("u\n")
    (tmp_path / "password").write_text("p\n")
    assert find_account() == Account("u", "p")
    assert "p" not in repr(find_account()).replace("password", "").replace("Account", "")


@pytest.mark.parametrize(
    "url",
    ["http://example.com", "no url", "ftp://127.0.0.1", "https://", "http://127.0.0.1.nip.io"],
)
def test_credentials_are_not_sent_without_tls(monkeypatch, url):
    monkeypatch.setenv("STEDGEAI_SIGN_IN_URL", url)
    with pytest.raises(BackendError, match="STEDGEAI_SIGN_IN_URL is"):
        find_servers()


def test_the_servers_are_those_of_st(monkeypatch):
    for name in ("CLOUD", "SIGN_IN", "PASSWORD"):
        monkeypatch.delenv(f"STEDGEAI_{name}_URL", raising=False)
    found = find_servers()
    assert found == Servers()
    assert all(url.endswith(".st.com") for url in vars(found).values())
