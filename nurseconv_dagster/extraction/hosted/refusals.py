"""What a server means by refusing: one error of ours for every HTTP status and every provider's wording.

What lives here: `read_refusal()`, `read_wait_s()`, and the wordings of the servers that we know.
When to add here: a server that words a known refusal differently.
What to keep out: failures below HTTP (`bounded_http.py`), whether to try again (the caller).
Refusals may quote the prompt or the key, so nothing of them is ever repeated: they are only recognised.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from nurseconv_dagster.errors import (
    ContextTooLongError,
    NurseconvError,
    ProviderAuthError,
    ProviderQuotaError,
    ProviderRateLimitedError,
    ProviderRequestError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from nurseconv_dagster.extraction.hosted.envelopes import pick

MAX_WAIT_S = 7 * 24 * 3600.0
"""A longer wait than a week is a server's mistake."""

_BAD_KEY = {"api_key_invalid", "invalid_api_key"}  # Gemini says it with status 400
_NO_CREDIT = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_TOO_LONG = {"context_length_exceeded", "exceed_context_size_error"}  # OpenAI; llama.cpp
_TOO_LONG_WORDS = re.compile(
    r"maximum context length|maximum model length"  # OpenAI, vLLM
    r"|available context size|exceeds? the context"  # llama.cpp, LM Studio
    r"|input token count .{0,40}exceeds"  # Gemini
    r"|prompt is too long|prompt too long"  # gateways to other models, Ollama
)
_TOO_LARGE_FOR_LIMIT = re.compile(r"request too large")  # OpenAI, 429: more tokens than a minute allows, whenever asked


def read_refusal(provider: str, status: int, headers: Mapping[str, str], body: Mapping[str, Any]) -> NurseconvError:
    """The error to raise for a reply whose status is not 200.

    Args:
        provider: "gemini", "openai"; for messages and the names of its settings.
        status: HTTP status.
        headers: names in any case.
        body: the JSON object that came with it; may be empty.
    """
    codes, words = _codes(body), _words(body)
    told = f"(HTTP {status})"
    if status in (401, 403) or codes & _BAD_KEY:
        return ProviderAuthError(f"{provider} refuses the key {told}; check {provider.upper()}_API_KEY")
    if _is_used_up(status, codes, body):
        message = f"{provider}'s quota or credit is used up {told}; see its billing page"
        return ProviderQuotaError(message, retry_after_s=read_wait_s(headers, body))
    if _is_too_long(status, codes, words):
        return ContextTooLongError(f"{provider}'s model does not take a prompt of this length {told}")
    if status == 429:
        message = f"{provider} asks for fewer calls {told}"
        return ProviderRateLimitedError(message, retry_after_s=read_wait_s(headers, body))
    return _read_status(provider, status)


def _read_status(provider: str, status: int) -> NurseconvError:
    """What the status alone says."""
    told = f"(HTTP {status})"
    if status == 408:
        return ProviderTimeoutError(f"{provider} gave up waiting {told}")
    if status >= 500 or status in (409, 425):
        return ProviderUnavailableError(f"{provider} fails on its side {told}")
    return ProviderRequestError(
        f"{provider} refuses the request {told}; check {provider.upper()}_MODEL and the address of the server"
    )


def read_wait_s(headers: Mapping[str, str], body: Mapping[str, Any]) -> float | None:
    """Seconds to wait, 0 to `MAX_WAIT_S`, as the server told; null where it did not.

    Args:
        headers: `Retry-After` as seconds or as a date (RFC 9110, 10.2.3).
        body: Gemini's `google.rpc.RetryInfo` among the details of the error ("34.07s").
    """
    named = {name.lower(): value for name, value in headers.items()}
    told = named.get("retry-after", "").strip()
    wait_s = _seconds(told) if told else None
    if told and wait_s is None:
        wait_s = _seconds_until(told)
    if wait_s is None:
        delays = [detail.get("retryDelay") for detail in _details(body, "RetryInfo")]
        wait_s = next((_seconds(delay[:-1]) for delay in delays if isinstance(delay, str) and delay[-1:] == "s"), None)
    return None if wait_s is None else min(max(wait_s, 0.0), MAX_WAIT_S)


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _seconds_until(text: str) -> float | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (at - datetime.now(UTC)).total_seconds()


def _error(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part that tells what is wrong: under `error`, or (older vLLM) the body itself."""
    told = body.get("error")
    return told if isinstance(told, dict) else body


def _details(body: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """Google's typed details of this kind."""
    details = _error(body).get("details")
    found = [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    return [detail for detail in found if str(detail.get("@type", "")).endswith(f".{kind}")]


def _codes(body: Mapping[str, Any]) -> set[str]:
    """Everything in it that is a name for what happened rather than a sentence."""
    error = _error(body)
    named = [error.get("code"), error.get("type"), error.get("status")]
    named += [detail.get("reason") for detail in _details(body, "ErrorInfo")]
    return {name.lower() for name in named if isinstance(name, str)}


def _words(body: Mapping[str, Any]) -> str:
    """The sentence in it, in lower case, white space evened out."""
    told = [_error(body).get("message"), body.get("error"), body.get("message"), body.get("detail")]
    return " ".join(next((text for text in told if isinstance(text, str)), "").lower().split())


def _is_used_up(status: int, codes: set[str], body: Mapping[str, Any]) -> bool:
    """Credit, or a quota of the day; a quota of the minute is a rate limit."""
    violations = [pick(detail, "violations") for detail in _details(body, "QuotaFailure")]
    ids = [str(pick(each, "quotaId")) for several in violations if isinstance(several, list) for each in several]
    return status == 402 or bool(codes & _NO_CREDIT) or (status == 429 and any("PerDay" in name for name in ids))


def _is_too_long(status: int, codes: set[str], words: str) -> bool:
    if status == 429:  # elsewhere in such a refusal "tokens" and "context" only name the limit
        return bool(_TOO_LARGE_FOR_LIMIT.search(words))
    return bool(codes & _TOO_LONG or _TOO_LONG_WORDS.search(words))
