"""Sign-in to the developer cloud: OpenID Connect's code flow, through the page made for people."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from poseline.answers import BoundedClient, read_as, read_json
from poseline.boards.cloud.account import TOKEN, Account, Servers
from poseline.boards.cloud.answers import Tokens
from poseline.errors import BackendError
from poseline.origin import origin

_CLIENT = "oidc_prod_client_app_stm32ai"
"""Public id of ST's own Python interface at the provider."""
_MOST_HOPS, _MOST_BYTES, _TIMEOUT_S = 15, 4 << 20, 30.0
_CHANGED = (
    f"sign in at the cloud's own page, copy the access token from its settings, and set {TOKEN}; "
    "the sign-in may have changed since poseline was made"
)


def sign_in(servers: Servers, account: Account) -> str:
    """Return an access token.

    The password is posted once: ST locks an account after five wrong ones.

    Raises:
        BackendError: The sign-in is refused, has changed, or does not answer.
    """
    if account.token:
        return account.token
    verify = any(url.startswith("https:") for url in vars(servers).values())
    with BoundedClient(most_bytes=_MOST_BYTES, timeout=_TIMEOUT_S, verify=verify) as http:
        try:
            return _Visit(http, servers).token(account)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise BackendError(f"the sign-in to ST's developer cloud: {why}", _CHANGED) from None


class _Visit:
    """One visit of the sign-in's pages, with its cookies."""

    def __init__(self, http: BoundedClient, servers: Servers) -> None:
        self._http, self._servers = http, servers
        self._callback = f"{servers.cloud}/callback"
        self._trusted = {origin(servers.sign_in), origin(servers.password)}

    def token(self, account: Account) -> str:
        page = self._page()
        form = _Form()
        form.feed(page.text)
        to = urljoin(str(page.url), form.action)
        if not form.has_password:
            raise BackendError(f"{_place(to)} shows no form for a password", _CHANGED)
        # The form's own fields go back with it; the password goes to no server but ST's.
        fields = form.hidden | {
            "username": account.username,
            "password": account.password,
            "_eventId": "Login",
        }
        answer = self._send("POST", to, data=fields)
        if not answer.is_redirect:
            raise _refused(answer)
        return self._exchange(self._code(answer))

    def _page(self) -> httpx.Response:
        """Follow the provider to the page with the form."""
        asked = {
            "response_type": "code",
            "client_id": _CLIENT,
            "scope": "openid",
            "redirect_uri": self._callback,
            "response_mode": "query",
        }
        answer = self._send("GET", f"{self._servers.sign_in}/as/authorization.oauth2", params=asked)
        for _ in range(_MOST_HOPS):
            if not answer.is_redirect:
                return answer
            answer = self._send("GET", _target(answer))
        raise BackendError("the sign-in to ST's developer cloud leads in circles", _CHANGED)

    def _code(self, answer: httpx.Response) -> str:
        """Follow the answer to the form back to the cloud, and return the code that it brings."""
        for _ in range(_MOST_HOPS):
            if not answer.is_redirect:
                raise _refused(answer)
            target = _target(answer)
            if target.partition("?")[0] == self._callback:
                found = parse_qs(urlsplit(target).query).get("code")
                if not found:
                    raise BackendError("the sign-in to ST's developer cloud gave no code", _CHANGED)
                return found[0]
            answer = self._send("GET", target)
        raise BackendError("the sign-in to ST's developer cloud leads in circles", _CHANGED)

    def _exchange(self, code: str) -> str:
        url = f"{self._servers.cloud}/api/user_service/login/callback"
        answer = self._http.request(
            "POST", url, data={"redirect_url": self._callback, "code": code}
        )
        try:
            if not answer.is_success:
                raise ValueError(f"it answers {answer.status_code}")
            return read_as(Tokens, read_json(answer.content)).access_token
        except ValueError as error:
            # The answer may hold a token, and is not shown.
            shown = error if not answer.is_success else "no access token"
            raise BackendError(f"{_place(url)} gives no token: {shown}", _CHANGED) from None

    def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        if origin(url) not in self._trusted:
            servers = f"{self._servers.sign_in} and {self._servers.password}"
            raise BackendError(
                f"the sign-in leads to {_place(url)}, which is not asked: credentials go to "
                f"{servers} alone",
                _CHANGED,
            )
        return self._http.request(method, url, **options)


class _Form(HTMLParser):
    """The form with the password: where it is sent, and its hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.action, self.has_password = "", False
        self.hidden: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read a tag; part of HTMLParser's protocol."""
        found = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.has_password:
            self.action, self.hidden = found.get("action", ""), {}
        elif tag == "input":
            kind, name = found.get("type", "text").lower(), found.get("name", "")
            self.has_password = self.has_password or kind == "password"
            if kind == "hidden" and name:
                self.hidden[name] = found.get("value", "")


def _target(answer: httpx.Response) -> str:
    return urljoin(str(answer.url), str(answer.headers.get("location", "")))


def _refused(answer: httpx.Response) -> BackendError:
    said = answer.text
    if "exceeded 5 login attempts" in said:
        return BackendError(
            "ST has locked the account after five wrong passwords",
            "set a new password at my.st.com",
        )
    if "wrong password" in said:
        return BackendError(
            "ST's developer cloud refused the password; it locks an account after five wrong ones",
            "check STM32AI_USERNAME and STM32AI_PASSWORD at my.st.com before you try again",
        )
    return BackendError(
        f"the sign-in to ST's developer cloud ended with {answer.status_code} at "
        f"{_place(str(answer.url))}",
        _CHANGED,
    )


def _place(url: str) -> str:
    """Return a URL without its query, which may hold a code."""
    return url.partition("?")[0]
