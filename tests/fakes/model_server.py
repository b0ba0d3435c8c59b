"""A server on the loopback that speaks OpenAI's and Gemini's language, and fails as it is told to.

What lives here: `ModelServer`, the faults of the wire and of HTTP, and the envelopes of both providers.
When to add here: a way in which a real server was seen to fail.
What to keep out: faults of a reply's content (`model_replies.py`), the clients under test.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

from tests.fakes.model_replies import DISTORTIONS, truncate

Provider = Literal["gemini", "openai"]
Answer = Callable[[str, str, dict[str, Any]], object]
Wire = Callable[["_Handler", "Call"], None]

MAX_HELD_S = 30.0
"""A server that keeps silent stops by itself after this, whether or not anybody stops it."""
USAGE = {"in": 1200, "cached": 1024, "out": 80, "thinking": 40}


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived.

    Args:
        number: from 0, in the order of arrival.
        key: as sent in the header.
        body: the whole request.
    """

    number: int
    provider: Provider
    model: str
    system: str
    user: str
    schema: dict[str, Any]
    key: str
    body: dict[str, Any]
    headers: dict[str, str]


Script = Sequence[str | None] | Callable[[Call], str | None]


def always(fault: str) -> Script:
    """The same fault for every call."""
    return lambda call: fault


class ModelServer:
    """Keeps count of calls and prompts; use it as a context manager.

    Args:
        answer: makes the reply's content from system, user and schema; its JSON is the reply.
        script: the fault of each call by name, one of `FAULTS`, or null for none: a list (none after its end), or a
            function of the call.
    """

    def __init__(self, answer: Answer = lambda system, user, schema: {}, script: Script = ()) -> None:
        self.answer = answer
        self.script = script
        self.calls: list[Call] = []
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.model = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def gemini_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def openai_url(self) -> str:
        return f"{self.gemini_url}/v1"

    @property
    def n_calls(self) -> int:
        return len(self.calls)

    @property
    def prompts(self) -> list[str]:
        """What stood in each prompt for the user."""
        return [call.user for call in self.calls]

    def take(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> tuple[Call, str | None]:
        """The call, remembered, and the fault it meets."""
        with self._lock:
            call = _read_call(len(self.calls), path, headers, body)
            self.calls.append(call)
        if callable(self.script):
            return call, self.script(call)
        return call, self.script[call.number] if call.number < len(self.script) else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    model: ModelServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is what half of the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    """One connection. Every reply quotes the key in a header, as a careless gateway may."""

    server: _Server
    key = ""

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        call, fault = self.server.model.take(self.path, headers, body)
        self.key = call.key
        if fault in WIRE_FAULTS:
            WIRE_FAULTS[fault](self, call)
        else:
            self.send(200, json.dumps(self.envelope(call, fault)))

    def envelope(self, call: Call, fault: str | None = None) -> dict[str, Any]:
        """A whole reply, its content distorted as the fault says."""
        content = self.server.model.answer(call.system, call.user, call.schema)
        text = DISTORTIONS[fault](content) if fault else json.dumps(content)
        return _wrap(call, text, "cut" if fault == "truncated" else "whole")

    def send(self, status: int, body: str | bytes, **headers: str) -> None:
        raw = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in {"Content_Type": "application/json", "Content_Length": str(len(raw)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("X-Gateway-Saw", self.key)
        self.end_headers()
        self.wfile.write(raw)

    def trickle(self, pieces: Iterable[bytes], pause_s: float) -> None:
        """Piece after piece until the client hangs up, the server stops or `MAX_HELD_S` are over."""
        ends_at = time.monotonic() + MAX_HELD_S
        with suppress(OSError):
            for piece in pieces:
                if self.server.model.stopped.wait(pause_s) or time.monotonic() > ends_at:
                    return
                self.wfile.write(piece)

    def reset(self) -> None:
        """The connection ends with a reset, not with an orderly goodbye."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.wfile.close()
        self.connection.close()


def _read_call(number: int, path: str, headers: dict[str, str], body: dict[str, Any]) -> Call:
    if path.endswith(":generateContent"):
        system, user = (
            "".join(part["text"] for content in contents for part in content["parts"])
            for contents in ([body["systemInstruction"]], body["contents"])
        )
        model = path.removeprefix("/v1beta/models/").removesuffix(":generateContent")
        schema = body["generationConfig"].get("responseJsonSchema", {})
        return Call(number, "gemini", model, system, user, schema, headers.get("x-goog-api-key", ""), body, headers)
    told = {message["role"]: message["content"] for message in body["messages"]}
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    key = headers.get("authorization", "").removeprefix("Bearer ")
    return Call(number, "openai", body["model"], told["system"], told["user"], schema, key, body, headers)


_FINISHES = {
    "openai": {"whole": "stop", "cut": "length", "filtered": "content_filter", "odd": "tool_calls"},
    "gemini": {"whole": "STOP", "cut": "MAX_TOKENS", "filtered": "SAFETY", "odd": "MALFORMED_FUNCTION_CALL"},
}


def _wrap(call: Call, text: str, finish: str) -> dict[str, Any]:
    """The provider's envelope around a reply."""
    told = _FINISHES[call.provider].get(finish, finish)
    if call.provider == "gemini":
        thought = {"text": "the model's thoughts", "thought": True}
        usage = {
            "promptTokenCount": USAGE["in"],
            "candidatesTokenCount": USAGE["out"],
            "cachedContentTokenCount": USAGE["cached"],
            "thoughtsTokenCount": USAGE["thinking"],
        }
        content = {"role": "model", "parts": [thought, {"text": text[:9]}, {"text": text[9:]}]}
        candidate = {"content": content, "finishReason": told, "index": 0}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": f"{call.model}-001"}
    usage = {
        "prompt_tokens": USAGE["in"],
        "completion_tokens": USAGE["out"] + USAGE["thinking"],
        "prompt_tokens_details": {"cached_tokens": USAGE["cached"]},
        "completion_tokens_details": {"reasoning_tokens": USAGE["thinking"]},
    }
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": told}
    named = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": f"{call.model}-001"}
    return {**named, "choices": [choice], "usage": usage}


def _refuse(
    status: int,
    openai: dict[str, Any] | None = None,
    gemini: dict[str, Any] | None = None,
    headers: Callable[[], dict[str, str]] = dict,
) -> Wire:
    """A refusal in the provider's form. As real ones may, it quotes key and prompt: none of that may get anywhere.

    Args:
        openai: fields of the error that differ from the plain one; a `{}` in `message` is the quotation's place.
        gemini: the same for Gemini.
    """

    def answer(handler: _Handler, call: Call) -> None:
        quotation = f"key {call.key}, prompt {call.user}, {call.system}"
        plain = {"message": "no: {}", "type": "error", "param": None, "code": None}
        if call.provider == "gemini":
            plain = {"code": status, "message": "no: {}", "status": "NO", "details": []}
        error = {**plain, **((gemini if call.provider == "gemini" else openai) or {})}
        error["message"] = error["message"].format(quotation)
        handler.send(status, json.dumps({"error": error}), **headers())

    return answer


def _google(kind: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", **fields}


def _hold_silence(handler: _Handler, call: Call) -> None:
    handler.server.model.stopped.wait(MAX_HELD_S)


def _drip(handler: _Handler, call: Call) -> None:
    body = json.dumps(handler.envelope(call)).encode()
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    handler.trickle((bytes([byte]) for byte in body + b" " * (100000 - len(body))), 0.05)


def _drip_headers(handler: _Handler, call: Call) -> None:
    handler.trickle((bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 50_000), 0.05)


def _send_half(handler: _Handler, call: Call) -> None:
    body = json.dumps(handler.envelope(call)).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()


def _stall_mid_body(handler: _Handler, call: Call) -> None:
    _send_half(handler, call)
    _hold_silence(handler, call)


def _reset_mid_body(handler: _Handler, call: Call) -> None:
    _send_half(handler, call)
    time.sleep(0.05)  # a reset overtakes what was sent just before
    handler.reset()


def _send_huge(handler: _Handler, call: Call) -> None:
    envelope = handler.envelope(call)
    body = json.dumps({**envelope, "padding": "x" * 30_000_000}).encode()
    with suppress(OSError):
        handler.send(200, body)


def _block(handler: _Handler, call: Call) -> None:
    """Refused before a word was written: Gemini leaves the candidates out, OpenAI filters the content."""
    envelope = _wrap(call, "", "filtered")
    if call.provider == "gemini":
        envelope = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": "blocker"}
    handler.send(200, json.dumps(envelope))


def _finish(openai: str, gemini: str) -> Wire:
    """Words, and an end that says they are not to be used."""

    def answer(handler: _Handler, call: Call) -> None:
        text = json.dumps(handler.server.model.answer(call.system, call.user, call.schema))
        handler.send(200, json.dumps(_wrap(call, truncate(text), openai if call.provider == "openai" else gemini)))

    return answer


def _refuse_in_words(handler: _Handler, call: Call) -> None:
    envelope = _wrap(call, "", "RECITATION" if call.provider == "gemini" else "whole")
    if call.provider == "openai":
        envelope["choices"][0]["message"] = {"role": "assistant", "content": None, "refusal": "I cannot help."}
    handler.send(200, json.dumps(envelope))


def _refuse_limits(handler: _Handler, call: Call) -> None:
    """400 as long as the schema limits how long a list may be, as OpenAI's fine-tuned models do."""
    message = "Invalid schema for response_format 'answers': 'maxItems' is not permitted."
    if "maxItems" in json.dumps(call.body.get("response_format")):
        handler.send(400, json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": None}}))
    else:
        handler.send(200, json.dumps(handler.envelope(call)))


def _refuse_parameter(name: str) -> Wire:
    """400 as long as the parameter is sent, as newer models do."""
    refusal = {
        "message": f"Unsupported parameter: '{name}' is not supported with this model.",
        "type": "invalid_request_error",
        "param": name,
        "code": "unsupported_parameter",
    }

    def answer(handler: _Handler, call: Call) -> None:
        if name in call.body:
            handler.send(400, json.dumps({"error": refusal}))
        else:
            handler.send(200, json.dumps(handler.envelope(call)))

    return answer


def _fail_then_answer(fails: Callable[[int], bool], status: int) -> Wire:
    def answer(handler: _Handler, call: Call) -> None:
        if fails(call.number):
            _refuse(status)(handler, call)
        else:
            handler.send(200, json.dumps(handler.envelope(call)))

    return answer


def _send(status: int, body: str | bytes, **headers: str) -> Wire:
    return lambda handler, call: handler.send(status, body, **headers)


_PAGE = "<html><body>Please sign in to the network</body></html>"
_PER_DAY = _google("QuotaFailure", violations=[{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}])
_PER_MINUTE = _google("QuotaFailure", violations=[{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}])
_RETRY = _google("RetryInfo", retryDelay="34.5s")

WIRE_FAULTS: dict[str, Wire] = {
    "rate_limited": _refuse(429, headers=lambda: {"Retry_After": "7"}),
    "rate_limited_until": _refuse(429, headers=lambda: {"Retry_After": formatdate(time.time() + 60, usegmt=True)}),
    "rate_limited_untold": _refuse(429),
    "rate_limited_retry_info": _refuse(429, gemini={"details": [_PER_MINUTE, _RETRY]}),
    "quota_exhausted": _refuse(429, {"code": "insufficient_quota"}, {"details": [_PER_DAY, _RETRY]}),
    "payment_required": _refuse(402),
    "server_error": _refuse(500),
    "server_error_once": _fail_then_answer(lambda number: number == 0, 500),
    "overloaded": _refuse(503, gemini={"status": "UNAVAILABLE"}),
    "bad_gateway": _send(502, _PAGE, Content_Type="text/html"),
    "flapping": _fail_then_answer(lambda number: number % 2 == 0, 503),
    "reset_before_headers": lambda handler, call: handler.reset(),
    "reset_mid_body": _reset_mid_body,
    "closed_mid_body": _send_half,
    "no_http": lambda handler, call: handler.trickle([f"SSH-2.0 {call.user}\r\n".encode()], 0.0),
    "silence": _hold_silence,
    "slow_drip": _drip,
    "slow_headers": _drip_headers,
    "stall_mid_body": _stall_mid_body,
    "huge_body": _send_huge,
    "html_with_200": _send(200, _PAGE, Content_Type="text/html"),
    "no_content": _send(200, b""),
    "no_utf8": _send(200, b'{"choices": "\xff\xfe\xfa"}'),
    "deep_nesting": _send(200, "[" * 200_000),
    "compressed": lambda handler, call: handler.send(
        200, gzip.compress(json.dumps(handler.envelope(call)).encode()), Content_Encoding="gzip"
    ),
    "other_envelope": _send(200, '{"choices": {"0": 1}, "candidates": "none", "usage": [], "usageMetadata": 3}'),
    "wrong_content_type": lambda handler, call: handler.send(
        200, json.dumps(handler.envelope(call)), Content_Type="text/plain; charset=utf-16"
    ),
    "moved": _send(302, b"", Location="http://127.0.0.1:9/v1/chat/completions"),
    "safety_block": _block,
    "filtered": _finish("content_filter", "SAFETY"),
    "unfinished": _finish("tool_calls", "MALFORMED_FUNCTION_CALL"),
    "refusal_message": _refuse_in_words,
    "unauthorized": _refuse(401, {"code": "invalid_api_key"}),
    "forbidden": _refuse(403, gemini={"status": "PERMISSION_DENIED"}),
    "bad_key_as_400": _refuse(
        400, {"code": "invalid_api_key"}, {"details": [_google("ErrorInfo", reason="API_KEY_INVALID")]}
    ),
    "model_not_found": _refuse(404, {"code": "model_not_found"}, {"status": "NOT_FOUND"}),
    "too_large": _refuse(413),
    "bad_request": _refuse(400, gemini={"status": "INVALID_ARGUMENT"}),
    "context_too_long": _refuse(
        400,
        {"code": "context_length_exceeded"},
        {"message": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576). {}"},
    ),
    "temperature_refused": _refuse_parameter("temperature"),
    "max_tokens_refused": _refuse_parameter("max_tokens"),
    "max_items_refused": _refuse_limits,
}  # fmt: skip
FAULTS: tuple[str, ...] = (*WIRE_FAULTS, *DISTORTIONS)
