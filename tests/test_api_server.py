"""What an answer of the API server means."""

import json

import pytest
from kubernetes.client.rest import ApiException

from poseline.api_server import AwayError, explained

DENIED = 'admission webhook "validator.example.com" denied the request: no such runtime'
FORBIDDEN = 'trainjobs is forbidden: User "a" cannot create resource "trainjobs"'


def answer(status, body):
    error = ApiException(status=status, reason="Refused")
    error.body = body
    return explained(error)


@pytest.mark.parametrize(("message", "advised"), [(DENIED, False), (FORBIDDEN, True)])
def test_a_refusal_is_told_in_its_own_words(message, advised):
    error = answer(403, json.dumps({"kind": "Status", "message": message, "code": 403}))
    assert error.message == f"the API server answers 403: {message}"
    assert ("role" in error.remedy) is advised, "a webhook asks for no role"


@pytest.mark.parametrize("body", ["<html>", "[]", '{"message":', "[" * 100_000, None])
def test_any_other_answer_is_shown_as_it_is(body):
    error = answer(502, body)
    assert isinstance(error, AwayError)
    assert (body or "Refused")[:20] in error.message and len(error.message) < 1100
