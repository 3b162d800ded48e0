"""What providers refuse with, by their own pages on errors, has one name each."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from opsintel.llm.call import Fault
from opsintel_pipeline.llm.faults import LONGEST_WAIT, fault_of
from opsintel_pipeline.llm.reply import Reply


def openai(code: str, message: str = "") -> dict[str, Any]:
    return {"error": {"message": message or code, "type": code, "param": None, "code": code}}


def anthropic(kind: str, message: str = "") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message or kind}}


def gemini(status: str, message: str = "", *details: Any) -> dict[str, Any]:
    return {"error": {"code": 400, "message": message or status, "status": status, "details": list(details)}}


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (401, openai("invalid_api_key", "Incorrect API key provided"), Fault.CREDENTIAL),
        (403, anthropic("permission_error"), Fault.CREDENTIAL),
        (400, gemini("INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), Fault.CREDENTIAL),
        (429, openai("insufficient_quota", "You exceeded your current quota"), Fault.QUOTA),
        (400, anthropic("invalid_request_error", "Your credit balance is too low"), Fault.QUOTA),
        (402, {"error": "payment required"}, Fault.QUOTA),
        (
            429,
            gemini("RESOURCE_EXHAUSTED", "quota", {"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}),
            Fault.QUOTA,
        ),
        (429, openai("rate_limit_exceeded"), Fault.LIMITED),
        (429, anthropic("rate_limit_error"), Fault.LIMITED),
        (429, gemini("RESOURCE_EXHAUSTED", "per minute"), Fault.LIMITED),
        (404, openai("model_not_found", "The model `x` does not exist"), Fault.MODEL),
        (404, anthropic("not_found_error", "model: x"), Fault.MODEL),
        (404, {"error": 'model "x" not found, try pulling it first'}, Fault.MODEL),
        (400, openai("context_length_exceeded", "This model's maximum context length is 8192"), Fault.LENGTH),
        (400, anthropic("invalid_request_error", "prompt is too long: 200001 tokens > 200000 maximum"), Fault.LENGTH),
        (400, gemini("INVALID_ARGUMENT", "The input token count exceeds the maximum number"), Fault.LENGTH),
        (413, anthropic("request_too_large"), Fault.LENGTH),
        (400, openai("invalid_request_error", "'response_format' of type 'json_schema' is not supported"), Fault.WAY),
        (422, {"error": "Unprocessable"}, Fault.WAY),
        (400, openai("content_policy_violation"), Fault.REFUSED),
        (500, {}, Fault.UNREACHABLE),
        (503, gemini("UNAVAILABLE"), Fault.UNREACHABLE),
        (529, anthropic("overloaded_error"), Fault.UNREACHABLE),
        (302, {}, Fault.UNREACHABLE),
    ],
)
def test_a_refusal_has_one_name(status: int, body: dict[str, Any], fault: Fault) -> None:
    error = fault_of(Reply(status, {}, json.dumps(body).encode()))
    assert error.fault is fault
    assert str(status) in error.message


def test_what_the_server_says_is_not_repeated() -> None:
    error = fault_of(Reply(400, {}, b'{"error": "canary: the text of the message"}'))
    assert "canary" not in error.line()


class TestHowLongToWait:
    @pytest.mark.parametrize(
        ("headers", "body", "seconds"),
        [
            ({"retry-after": "7"}, {}, 7.0),
            ({"retry-after": "0.5"}, {}, 0.5),
            ({"retry-after": "999999"}, {}, LONGEST_WAIT),
            ({"retry-after": "soon"}, {}, None),
            ({}, {}, None),
            ({}, gemini("RESOURCE_EXHAUSTED", "", {"@type": "RetryInfo", "retryDelay": "21.5s"}), 21.5),
        ],
    )
    def test_is_what_the_provider_says(self, headers: dict[str, str], body: Any, seconds: float | None) -> None:
        assert fault_of(Reply(429, headers, json.dumps(body).encode())).seconds == seconds

    def test_may_be_a_date(self) -> None:
        until = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
        assert fault_of(Reply(503, {"retry-after": until}, b"")).seconds == LONGEST_WAIT
        past = format_datetime(datetime.now(UTC) - timedelta(hours=2), usegmt=True)
        assert fault_of(Reply(503, {"retry-after": past}, b"")).seconds == 0
