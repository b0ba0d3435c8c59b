"""Laws of the two SDK clients, kept by the real SDKs against a server that fails in every way we know."""

from __future__ import annotations

import json
import logging
import math
import pickle
import socket
import ssl
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.errors import (
    ContextTooLongError,
    NurseconvError,
    ProviderAuthError,
    ProviderQuotaError,
    ProviderRateLimitedError,
    ProviderReplyError,
    ProviderRequestError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from nurseconv_dagster.extraction.hosted.bounded_http import MAX_REPLY_BYTES
from nurseconv_dagster.extraction.hosted.calls import Completion, ModelClient, Prompt, Usage
from nurseconv_dagster.extraction.hosted.envelopes import pick, pick_count, pick_model
from nurseconv_dagster.extraction.hosted.gemini import GeminiClient
from nurseconv_dagster.extraction.hosted.openai_compatible import OpenAIClient
from nurseconv_dagster.extraction.hosted.refusals import MAX_WAIT_S, read_refusal, read_wait_s
from nurseconv_dagster.extraction.hosted.windows import prompt_tokens
from tests.fakes.model_replies import DISTORTIONS
from tests.fakes.model_server import FAULTS, USAGE, WIRE_FAULTS, ModelServer, always

PROVIDERS = ("gemini", "openai")
KEY = "sk-CANARYKEY-0123456789"
WORDS = "CANARYWORDS Mrs. Delacroix takes metoprolol"
RULES = "CANARYRULES answer in JSON"
REPLY = {"allergies": {"evidence": [{"segment_ids": [3], "quote": "CANARYQUOTE no allergies"}], "state": "denied"}}
ITEM = {
    "type": "object",
    "properties": {"segment_ids": {"type": "array", "items": {"type": "integer"}}, "quote": {"type": "string"}},
    "required": ["segment_ids", "quote"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "properties": {
        "evidence": {"type": "array", "items": ITEM, "maxItems": 30},
        "state": {"type": "string", "enum": ["answered", "denied"]},
    },
    "required": ["evidence", "state"],
    "additionalProperties": False,
}
PROMPT = Prompt(RULES, WORDS, SCHEMA, "answers", 4000)

ERRORS: dict[str, type[NurseconvError]] = {
    "rate_limited": ProviderRateLimitedError,
    "rate_limited_until": ProviderRateLimitedError,
    "rate_limited_untold": ProviderRateLimitedError,
    "rate_limited_retry_info": ProviderRateLimitedError,
    "quota_exhausted": ProviderQuotaError,
    "payment_required": ProviderQuotaError,
    "server_error": ProviderUnavailableError,
    "server_error_once": ProviderUnavailableError,
    "overloaded": ProviderUnavailableError,
    "bad_gateway": ProviderUnavailableError,
    "flapping": ProviderUnavailableError,
    "reset_before_headers": ProviderUnavailableError,
    "reset_mid_body": ProviderUnavailableError,
    "closed_mid_body": ProviderUnavailableError,
    "no_http": ProviderUnavailableError,
    "silence": ProviderTimeoutError,
    "slow_drip": ProviderTimeoutError,
    "slow_headers": ProviderTimeoutError,
    "stall_mid_body": ProviderTimeoutError,
    "huge_body": ProviderReplyError,
    "html_with_200": ProviderReplyError,
    "no_content": ProviderReplyError,
    "no_utf8": ProviderReplyError,
    "deep_nesting": ProviderReplyError,
    "compressed": ProviderReplyError,
    "other_envelope": ProviderReplyError,
    "moved": ProviderRequestError,
    "unfinished": ProviderReplyError,
    "unauthorized": ProviderAuthError,
    "forbidden": ProviderAuthError,
    "bad_key_as_400": ProviderAuthError,
    "model_not_found": ProviderRequestError,
    "too_large": ProviderRequestError,
    "bad_request": ProviderRequestError,
    "context_too_long": ContextTooLongError,
    "half_a_surrogate": ProviderReplyError,
}
FINISHES = {"truncated": "length", "safety_block": "refused", "filtered": "refused", "refusal_message": "refused"}
ENDLESS = ("silence", "slow_drip", "slow_headers", "stall_mid_body")
NEGOTIATED = ("temperature_refused", "max_tokens_refused", "max_items_refused")
UNDISTORTED = ("wrong_content_type", *NEGOTIATED)

Connect = Callable[..., tuple[ModelClient, ModelServer]]


@pytest.fixture(scope="module", autouse=True)
def _imported() -> Iterator[None]:
    """The first call imports the SDK, which takes longer than the shortest deadline here; and this machine's
    certificates, which no test needs, are read once instead of for every client.
    """
    import google.genai
    import httpx2
    import openai

    assert google.genai
    assert openai
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx2, "create_ssl_context", cache(httpx2.create_ssl_context))
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A client of the provider and its server, which fails by the script."""
    servers: list[ModelServer] = []

    def make(provider: str, script: Any = (), **options: Any) -> tuple[ModelClient, ModelServer]:
        server = ModelServer(lambda system, user, schema: REPLY, script)
        servers.append(server.__enter__())
        if provider == "gemini":
            return GeminiClient(KEY, "model-g", base_url=server.gemini_url, **options), server
        return OpenAIClient(KEY, "model-o", base_url=server.openai_url, **options), server

    yield make
    for server in servers:
        server.__exit__()


def try_it(client: ModelClient, timeout_s: float = 5.0, prompt: Prompt = PROMPT) -> Completion | NurseconvError:
    """How the call ended; an exception that is not ours goes on and fails the test."""
    try:
        return client.complete(prompt, timeout_s)
    except NurseconvError as error:
        return error


def everything_told(error: BaseException) -> str:
    """All that a log, a tracker or a pickled failure could show of an exception."""
    chain, seen = [error], []
    while chain:
        one = chain.pop()
        seen += [repr(one), repr(vars(one)), *traceback.format_exception(one)]
        chain += [each for each in (one.__cause__, one.__context__) if each is not None]
    return "\n".join([*seen, repr(pickle.dumps(error.args))])


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_ends_as_one_of_our_errors_or_as_a_finish(
    fault: str, provider: str, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Each within its deadline, in one request, and nothing of key, prompt or reply is told to anybody."""
    caplog.set_level(logging.DEBUG)
    client, server = connect(provider, always(fault))
    started = time.monotonic()
    outcome = try_it(client, 1.0 if fault in ENDLESS else 5.0)
    assert time.monotonic() - started < (1.5 if fault in ENDLESS else 5.0)
    assert type(outcome) is ERRORS.get(fault, Completion)
    if isinstance(outcome, Completion):
        assert outcome.finish == FINISHES.get(fault, "stop")
    else:
        told = everything_told(outcome)
        assert outcome.__context__ is None
        assert "CANARY" not in told
        assert "Please sign in" not in told
    assert "CANARY" not in caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert server.n_calls == (2 if fault in NEGOTIATED and provider == "openai" else 1)


def test_every_fault_has_a_verdict() -> None:
    """A fault without one would pass the test above as a whole reply."""
    assert set(ERRORS) | set(FINISHES) | set(UNDISTORTED) | set(DISTORTIONS) == set(FAULTS)
    assert len(WIRE_FAULTS) + len(DISTORTIONS) == len(FAULTS)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", [None, *UNDISTORTED])
def test_a_whole_reply_comes_back_as_sent(fault: str | None, provider: str, connect: Connect) -> None:
    client, _ = connect(provider, always(fault))
    reply = client.complete(PROMPT, 5.0)
    assert json.loads(reply.text) == REPLY
    assert reply.usage == Usage(USAGE["in"], USAGE["out"], USAGE["cached"], USAGE["thinking"])
    assert reply.model_name == f"{client.model_name}-001"


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", sorted(set(DISTORTIONS) - {"half_a_surrogate"}))
def test_a_distorted_reply_is_handed_on_untouched(fault: str, provider: str, connect: Connect) -> None:
    """Whether it can be used is not for the client to say."""
    client, _ = connect(provider, always(fault))
    assert client.complete(PROMPT, 5.0).text == DISTORTIONS[fault](REPLY)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_prompt_arrives_as_it_was_given(provider: str, connect: Connect) -> None:
    """The schema above all: whoever drops `additionalProperties` lets a model add what nobody asked for."""
    client, server = connect(provider)
    client.complete(PROMPT, 5.0)
    call = server.calls[0]
    assert (call.system, call.user, call.key, call.model) == (RULES, WORDS, KEY, client.model_name)
    assert json.dumps(call.schema) == json.dumps(SCHEMA)


def test_gemini_is_asked_for_json_without_tools(connect: Connect) -> None:
    client, server = connect("gemini")
    client.complete(PROMPT, 5.0)
    assert set(server.calls[0].body) == {"contents", "systemInstruction", "generationConfig"}
    config = server.calls[0].body["generationConfig"]
    assert {name: value for name, value in config.items() if name != "responseJsonSchema"} == {
        "temperature": 0.0, "maxOutputTokens": 4000, "responseMimeType": "application/json",
    }  # fmt: skip


def test_an_own_server_is_asked_in_the_words_that_old_ones_know(connect: Connect) -> None:
    client, server = connect("openai")
    client.complete(PROMPT, 5.0)
    body = server.calls[0].body
    assert set(body) == {"model", "messages", "response_format", "max_tokens", "temperature"}
    assert (body["max_tokens"], body["temperature"]) == (4000, 0.0)
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["response_format"]["json_schema"]["name"] == "answers"


def test_openai_itself_is_asked_in_the_words_that_new_models_know(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, server = connect("openai")
    monkeypatch.setattr("nurseconv_dagster.extraction.hosted.openai_compatible._ADDRESS", server.openai_url)
    OpenAIClient(KEY, "model-o").complete(PROMPT, 5.0)
    assert server.calls[0].body["max_completion_tokens"] == 4000
    assert "max_tokens" not in server.calls[0].body


def test_a_parameter_refused_as_unsupported_is_never_sent_again(connect: Connect) -> None:
    client, server = connect("openai", always("temperature_refused"))
    for _ in range(3):
        client.complete(PROMPT, 5.0)
    assert ["temperature" in call.body for call in server.calls] == [True, False, False, False]


def test_a_refused_token_limit_is_sent_under_its_other_name(connect: Connect) -> None:
    client, server = connect("openai", always("max_tokens_refused"))
    client.complete(PROMPT, 5.0)
    assert server.calls[-1].body["max_completion_tokens"] == 4000


def test_a_limit_in_the_schema_that_is_refused_is_never_sent_again(connect: Connect) -> None:
    """Fine-tuned models and some servers do not know it."""
    client, server = connect("openai", always("max_items_refused"))
    for _ in range(2):
        client.complete(PROMPT, 5.0)
    assert ["maxItems" in json.dumps(call.schema) for call in server.calls] == [True, False, False]
    assert server.calls[-1].schema["properties"]["evidence"] == {"type": "array", "items": ITEM}


def test_a_small_server_is_asked_for_no_more_than_its_context_leaves(connect: Connect) -> None:
    client, server = connect("openai", context_tokens=2048)
    client.complete(PROMPT, 5.0)
    asked = server.calls[0].body["max_tokens"]
    assert client.max_input_tokens == 1024
    assert asked + prompt_tokens(PROMPT) == 2048


def test_a_server_without_a_key_is_asked_with_a_placeholder(connect: Connect) -> None:
    _, server = connect("openai")
    OpenAIClient("", "model-o", base_url=server.openai_url).complete(PROMPT, 5.0)
    assert server.calls[0].key == "none"


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("fault", "shortest_s", "longest_s"), [("rate_limited", 7, 7), ("rate_limited_until", 55, 60)])
def test_a_server_that_says_how_long_to_wait_is_believed(
    fault: str, shortest_s: float, longest_s: float, provider: str, connect: Connect
) -> None:
    outcome = try_it(connect(provider, always(fault))[0])
    assert isinstance(outcome, ProviderRateLimitedError)
    assert outcome.retry_after_s is not None
    assert shortest_s <= outcome.retry_after_s <= longest_s


def test_gemini_says_in_its_own_way_how_long_to_wait(connect: Connect) -> None:
    limited = try_it(connect("gemini", always("rate_limited_retry_info"))[0])
    used_up = try_it(connect("gemini", always("quota_exhausted"))[0])
    untold = try_it(connect("gemini", always("rate_limited_untold"))[0])
    assert [getattr(error, "retry_after_s", -1) for error in (limited, used_up, untold)] == [34.5, 34.5, None]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_reply_is_read_up_to_the_cap_and_no_further(provider: str, connect: Connect) -> None:
    size = {"n": MAX_REPLY_BYTES - 20_000}
    client, server = connect(provider)
    server.answer = lambda system, user, schema: "x" * size["n"]
    assert len(client.complete(PROMPT, 5.0).text) == size["n"] + 2
    size["n"] = MAX_REPLY_BYTES
    outcome = try_it(client)
    assert isinstance(outcome, ProviderReplyError)
    assert outcome.code == "provider_reply_too_long"


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", ["html_with_200", "no_content", "compressed", "deep_nesting"])
def test_a_reply_that_is_no_json_is_told_apart(fault: str, provider: str, connect: Connect) -> None:
    outcome = try_it(connect(provider, always(fault))[0])
    assert isinstance(outcome, NurseconvError)
    assert outcome.code == "provider_reply_not_json"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_slip_of_the_library_tells_nothing_of_the_prompt(provider: str, connect: Connect) -> None:
    """Half a surrogate pair cannot be sent as UTF-8, and Python's error for that holds the whole text."""
    outcome = try_it(connect(provider)[0], prompt=replace(PROMPT, user=WORDS + "\ud83d"))
    if isinstance(outcome, NurseconvError):
        assert outcome.code == "provider_library"
        assert "CANARY" not in everything_told(outcome)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_server_that_is_not_there_is_unavailable(provider: str, connect: Connect) -> None:
    client, server = connect(provider)
    server.__exit__()
    assert isinstance(try_it(client), ProviderUnavailableError)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_deadline_that_has_passed_sends_nothing(provider: str, connect: Connect) -> None:
    client, server = connect(provider)
    for timeout_s in (0.0, -1.0):
        assert isinstance(try_it(client, timeout_s), ProviderTimeoutError)
    assert server.n_calls == 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_name_look_up_that_hangs_keeps_to_the_deadline(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's look-up knows no timeout; a broken resolver holds a caller for half a minute."""
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **kwargs: time.sleep(3) or [])
    address = "https://model.invalid/v1"
    client = (
        GeminiClient(KEY, "m", base_url=address) if provider == "gemini" else OpenAIClient(KEY, "m", base_url=address)
    )
    assert client._library  # made before: reading this machine's certificates is not what is timed here
    started = time.monotonic()
    assert isinstance(try_it(client, 0.5), ProviderTimeoutError)
    assert time.monotonic() - started < 1.0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_handshake_that_hangs_keeps_to_the_deadline(provider: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"https://127.0.0.1:{mute.getsockname()[1]}"
        client = (GeminiClient if provider == "gemini" else OpenAIClient)(KEY, "m", base_url=address)
        assert client._library
        started = time.monotonic()
        assert isinstance(try_it(client, 0.5), ProviderTimeoutError)
        assert time.monotonic() - started < 1.0


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second loopback address")
def test_a_dead_address_of_a_name_leaves_time_for_the_next(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where IPv6 is announced and goes nowhere, every connection would else wait there until its time is over."""
    _, server = connect("openai")
    port = server._server.server_port
    client = OpenAIClient(KEY, "m", base_url=f"http://two.example:{port}/v1")
    real = socket.getaddrinfo
    with socket.socket() as dead, socket.socket() as first, socket.socket() as second:
        dead.bind(("127.0.0.2", port))
        dead.listen(0)
        for waiting in (first, second):  # its queue is full: whoever knocks now hears nothing
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.2", port))
        entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in ("127.0.0.2", "127.0.0.1")]
        monkeypatch.setattr(
            "socket.getaddrinfo",
            lambda host, *args, **kwargs: entries if host == "two.example" else real(host, *args, **kwargs),
        )
        started = time.monotonic()
        assert isinstance(try_it(client, 1.0), Completion)
        assert 0.3 < time.monotonic() - started < 1.0


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("key", ["", " \n", "sk-CANARY\nx: y", "sk-CANARYé"])
def test_a_key_that_is_none_is_told_before_anything_is_sent(provider: str, key: str, connect: Connect) -> None:
    """An HTTP library quotes the header it cannot send."""
    _, server = connect(provider)
    if provider == "openai" and not key:
        pytest.skip("an own server may want none")
    made = GeminiClient(key, "m", base_url=server.gemini_url) if provider == "gemini" else OpenAIClient(
        key, "m", base_url=server.openai_url
    )  # fmt: skip
    outcome = try_it(made)
    assert isinstance(outcome, ProviderAuthError)
    assert "CANARY" not in everything_told(outcome)
    assert server.n_calls == 0


@pytest.mark.parametrize("address", ["ftp://127.0.0.1:1", "http://[", "no address", "http://127.0.0.1:99999999"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_address_that_is_none_is_a_refused_request_or_unreachable(provider: str, address: str) -> None:
    made = (GeminiClient if provider == "gemini" else OpenAIClient)(KEY, "m", base_url=address)
    outcome = try_it(made)
    assert isinstance(outcome, ProviderRequestError | ProviderUnavailableError)
    assert outcome.__context__ is None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_proxy_named_by_the_environment_carries_the_call(
    provider: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many hospitals let nothing out but through one; the loopback is never behind it."""
    client, server = connect(provider)
    monkeypatch.setenv("http_proxy", server.gemini_url)
    monkeypatch.setenv("no_proxy", "spared.example")
    through: Any = type(client)(
        KEY, "m", base_url="http://model.example/v1" if provider == "openai" else "http://model.example"
    )
    through.complete(PROMPT, 5.0)
    assert server.calls[0].headers["host"] == "model.example"
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    client.complete(PROMPT, 5.0)
    assert server.n_calls == 2


@pytest.mark.parametrize("provider", PROVIDERS)
def test_threads_share_a_client_and_no_call_waits_for_another(provider: str, connect: Connect) -> None:
    client, server = connect(provider, lambda call: "silence" if call.number % 2 else None)
    with ThreadPoolExecutor(8) as pool:
        started = time.monotonic()
        outcomes = list(pool.map(lambda _: try_it(client, 1.0), range(8)))
        assert time.monotonic() - started < 2.0
    assert sum(isinstance(outcome, Completion) for outcome in outcomes) == 4
    assert server.n_calls == 8


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_server_that_recovers_is_heard_on_the_next_call(provider: str, connect: Connect) -> None:
    for script in (always("server_error_once"), always("flapping"), ["reset_mid_body", None]):
        client, _ = connect(provider, script)
        assert isinstance(try_it(client), ProviderUnavailableError)
        assert isinstance(try_it(client), Completion)


def test_a_credential_changes_with_key_and_address_and_shows_neither() -> None:
    made = [
        OpenAIClient("k1", "m"), OpenAIClient("k2", "m"), OpenAIClient("k1", "m", base_url="http://x/v1"),
        GeminiClient("k1", "m"),
    ]  # fmt: skip
    assert len({client.credential for client in made}) == 4
    assert OpenAIClient("k1", "other").credential == made[0].credential
    assert all(len(client.credential) == 12 and int(client.credential, 16) >= 0 for client in made)
    assert all("k1" not in repr(client) for client in made)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"message": "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens."}),
        (400, {"message": "The decoder prompt (length 9000) is longer than the maximum model length of 8192."}),
        (400, {"type": "exceed_context_size_error", "message": "request (9000 tokens) too big"}),
        (500, {"message": "the request exceeds the available context size, try increasing it"}),
        (400, {"message": "The input token count (9) exceeds the maximum number of tokens allowed (8)."}),
        (413, {"message": "Prompt is too long"}),
        (429, {"message": "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000"}),
    ],
)  # fmt: skip
def test_a_prompt_that_is_too_long_is_known_in_every_servers_words(status: int, error: dict[str, Any]) -> None:
    assert isinstance(read_refusal("openai", status, {}, {"error": error}), ContextTooLongError)
    assert isinstance(read_refusal("openai", status, {}, {"object": "error", **error}), ContextTooLongError)


def test_a_limit_on_tokens_a_minute_is_no_long_prompt() -> None:
    quota = "Quota exceeded for metric: generate_content_free_tier_input_token_count, limit: 250000; context length"
    assert isinstance(read_refusal("gemini", 429, {}, {"error": {"message": quota}}), ProviderRateLimitedError)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["error", "details", "message", "@type", "retryDelay", "violations", "code", "choices"]), inner
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.integers(100, 599), st.dictionaries(st.just("Retry-After"), st.text()), json_values)
def test_whatever_a_server_refuses_with_is_one_error_of_ours(status: int, headers: dict[str, str], told: Any) -> None:
    body = {"error": told, "details": [{"@type": "a.RetryInfo", "retryDelay": told}]}
    for each in (body, told if isinstance(told, dict) else {}):
        assert isinstance(read_refusal("openai", status, headers, each), NurseconvError)


@given(
    st.one_of(st.text(), st.floats().map(str), st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT")))
)
def test_a_wait_is_a_number_of_seconds_that_somebody_could_wait(told: str) -> None:
    body = {"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": told + "s"}]}}
    for wait_s in (read_wait_s({"retry-after": told}, {}), read_wait_s({}, body)):
        assert wait_s is None or (math.isfinite(wait_s) and 0 <= wait_s <= MAX_WAIT_S)


@given(json_values)
def test_an_envelope_of_any_shape_is_read_without_harm(envelope: Any) -> None:
    assert pick(envelope, "choices", 0, "message", "nothing of this name") is None
    count = pick_count(envelope, "code")
    assert count is None or count >= 0
    assert " " not in pick_model(envelope, "message", "asked")


def test_the_server_stops_by_itself_while_it_is_silent() -> None:
    with ModelServer(script=always("silence")) as server, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(try_it, OpenAIClient(KEY, "m", base_url=server.openai_url), 10.0)
        while not server.n_calls:
            time.sleep(0.01)
        started = time.monotonic()
        server.__exit__()
        assert isinstance(waiting.result(), ProviderUnavailableError)
        assert time.monotonic() - started < 1.0
