"""Requests to the developer cloud: files, boards, benchmarks and generated code."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from poseline.answers import Answer, AnswerError, BoundedClient, read_as, read_json
from poseline.boards.cloud import answers
from poseline.errors import BackendError
from poseline.log import get_logger
from poseline.retry import retrying

_log = get_logger(__name__)
_AWAY = (429, 500, 502, 503, 504)
_LATER = "try again later; what was measured before is kept"
_OTHER = "the cloud's API may have changed since poseline was made"
_SHOWN = 300


class _AwayError(BackendError):
    """No answer, or one that says to come back; the same request may work later."""


@dataclass(frozen=True)
class Patience:
    """How long the cloud is waited for.

    Attributes:
        timeout_s: For an answer or a part of one.
        attempts: The most times that a request is sent, where it may be sent twice.
        poll_s: Between two looks at a benchmark.
        benchmark_s: For a benchmark from its queue to its end, as ST's model zoo has it.
        tool_s: For a run of the tool.
    """

    timeout_s: float = 60
    attempts: int = 8
    poll_s: float = 4
    benchmark_s: float = 2500
    tool_s: float = 900


class Service:
    """The cloud, signed in to.

    Args:
        url: Of the cloud; the token goes there and nowhere else, since no redirection is followed.
        token: An access token.
        patience: How long to wait.
    """

    def __init__(self, url: str, token: str, patience: Patience) -> None:
        self._url, self._patience = url, patience
        self._http = BoundedClient(
            base_url=url,
            verify=url.startswith("https:"),
            timeout=patience.timeout_s,
            headers={"Accept": "application/json", "Authorization": f"Bearer {token}"},
        )

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def versions(self) -> list[answers.Version]:
        """Return the versions of ST Edge AI Core that the cloud has."""
        return self._get(answers.Versions, "/assets/versions.json").root

    def boards(self) -> list[str]:
        """Return the names of the boards of the farm."""
        return sorted(self._get(answers.Boards, "/api/benchmark/boards").root)

    def upload(self, name: str, content: bytes) -> None:
        """Put a model there; one of the same name is replaced."""
        path = "/api/file/files/models"
        files = {"file": (name, content, "application/octet-stream")}
        done = _read(answers.Uploaded, self._send("POST", path, again=True, files=files))
        if not done.upload:
            raise BackendError(f"{self._url} did not take {name}", _LATER)

    def delete(self, name: str) -> None:
        """Remove a model."""
        self._send("DELETE", f"/api/file/files/models/{quote(name, safe='')}", again=True)

    def benchmark(self, board: str, asked: Mapping[str, Any], *, linux: bool) -> answers.Progress:
        """Put a benchmark into the queue of a board, and wait for its end.

        A benchmark that was not waited for to its end is deleted, so that it takes no board.
        """
        queue = f"{'mpu/' if linux else ''}{quote(board.lower(), safe='')}"
        # Sent once: a second one would wait in the queue, too.
        answer = self._send("POST", f"/api/benchmark/benchmark/{queue}", json=asked)
        path = (
            f"/api/benchmark/benchmark/{quote(_read(answers.Started, answer).benchmarkId, safe='')}"
        )
        try:
            return self._followed(path, board)
        except BaseException:
            self._forget(path)
            raise

    def generate(self, version: str, asked: Mapping[str, Any]) -> bytes:
        """Have the C code generated, and return it as .zip."""
        root = f"/api/{quote(version, safe='')}/stm32ai"
        answer = self._send("POST", f"{root}/generate", data={"args": json.dumps(asked)})
        number = quote(_read(answers.Running, answer).runtimeId, safe="")

        def over() -> answers.Run | None:
            run = self._get(answers.Run, f"{root}/run/{number}")
            if (run.state or "").lower() == "error":
                raise BackendError(f"the cloud generated no C code: {_said(run.message)}")
            return run if run.result else None

        run = self._wait(over, self._patience.tool_s, "the C code")
        name = (run.result.url if run.result else "").rpartition("/")[2]
        return self._send(
            "GET", f"/api/file/files/generated/{quote(name, safe='')}", again=True
        ).content

    def _followed(self, path: str, board: str) -> answers.Progress:
        seen = ""

        def over() -> answers.Progress | None:
            nonlocal seen
            progress = self._get(answers.Progress, path)
            state = progress.state.lower()
            if state != seen:
                seen = state
                _log.info("benchmark in ST's developer cloud", board=board, state=state)
            if state == "error":
                raise BackendError(
                    f"the benchmark on {board} failed in ST's developer cloud: "
                    f"{_said(progress.message)}"
                )
            return progress if state == "done" else None

        return self._wait(over, self._patience.benchmark_s, f"the benchmark on {board}")

    def _wait(self, over: Callable[[], Answer | None], most_s: float, what: str) -> Answer:
        end = time.monotonic() + most_s
        while (found := over()) is None:
            if time.monotonic() > end:
                raise BackendError(f"{what} did not end within {most_s:.0f} s in the cloud", _LATER)
            time.sleep(self._patience.poll_s)
        return found

    def _forget(self, path: str) -> None:
        try:
            self._send("DELETE", path, again=True)
        except BackendError as error:
            _log.warning("the benchmark may still wait in the cloud", reason=error.message)

    def _get(self, kind: type[Answer], path: str) -> Answer:
        return _read(kind, self._send("GET", path, again=True))

    def _send(
        self, method: str, path: str, *, again: bool = False, **options: Any
    ) -> httpx.Response:
        """Send a request; `again`: once more where it got lost or the cloud is away."""
        patiently = retrying(_AwayError, attempts=self._patience.attempts if again else 1)
        return patiently(self._send_once)(method, path, options)

    def _send_once(self, method: str, path: str, options: Mapping[str, Any]) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.RequestError as error:
            kind = BackendError if isinstance(error, AnswerError) else _AwayError
            why = str(error) or type(error).__name__
            raise kind(f"{self._url}{path} does not answer: {why}", _LATER) from None
        if answer.is_success:
            return answer
        raise self._refused(path, answer)

    def _refused(self, path: str, answer: httpx.Response) -> BackendError:
        code = answer.status_code
        if code in (401, 403):
            return BackendError(
                f"{self._url} does not accept the sign-in ({code})",
                "sign in at its page once and accept its license; a token of one's own expires",
            )
        said = "" if answer.is_redirect else f": {_said(answer.text)}"
        text = f"{self._url}{path} answers {code}{said}"
        return _AwayError(text, _LATER) if code in _AWAY else BackendError(text, _OTHER)


def _read(kind: type[Answer], answer: httpx.Response) -> Answer:
    try:
        return read_as(kind, read_json(answer.content))
    except ValueError as error:
        place = str(answer.url).partition("?")[0]
        raise BackendError(f"{place} does not answer as expected: {error}", _OTHER) from None


def _said(text: str) -> str:
    return " ".join(text.split())[:_SHOWN] or "it did not say why"
