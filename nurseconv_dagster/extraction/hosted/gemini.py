"""Google Gemini behind `ModelClient`, through google-genai.

What lives here: `GeminiClient`: what is sent, and where in Google's envelope the reply, its end and its tokens stand.
When to add here: a parameter or a finish reason of Gemini.
What to keep out: the network (`bounded_http.py`), refusals (`refusals.py`), what a reply means (`replies.py`).
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nurseconv_dagster.errors import NurseconvError, ProviderReplyError, ProviderRequestError, ProviderTimeoutError
from nurseconv_dagster.extraction.hosted.calls import Completion, Finish, Prompt, Usage
from nurseconv_dagster.extraction.hosted.deadline import Deadline
from nurseconv_dagster.extraction.hosted.envelopes import (
    check_finish,
    check_key,
    check_text,
    name_credential,
    pick,
    pick_count,
    pick_model,
)
from nurseconv_dagster.extraction.hosted.refusals import read_refusal

if TYPE_CHECKING:
    from google import genai
    from google.genai.types import GenerateContentConfig

_ADDRESS = "https://generativelanguage.googleapis.com"
_FINISHES: dict[str, Finish] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "refused",
    "RECITATION": "refused",
    "BLOCKLIST": "refused",
    "PROHIBITED_CONTENT": "refused",
    "SPII": "refused",
    "MODEL_ARMOR": "refused",
}


class GeminiClient:
    """Keeps the `ModelClient` protocol. Threads may share it: nothing of a call outlives it.

    Args:
        api_key: `GEMINI_API_KEY`.
        model: `GEMINI_MODEL`.
        base_url: scheme and host of another server that speaks the same language; Google's own when empty.
        max_input_tokens: what the model takes.
    """

    name = "gemini"

    def __init__(self, api_key: str, model: str, *, base_url: str = "", max_input_tokens: int = 1_000_000) -> None:
        self._key = api_key
        self._address = base_url or _ADDRESS
        self.model_name = model
        self.max_input_tokens = max_input_tokens
        self.credential = name_credential(api_key, self._address)

    def complete(self, prompt: Prompt, timeout_s: float) -> Completion:
        """See `ModelClient.complete`."""
        deadline = Deadline.after(timeout_s)
        from google.genai.errors import APIError

        from nurseconv_dagster.extraction.hosted.bounded_http import LIBRARY_FAULTS

        failure: NurseconvError
        try:
            return self._read(self._ask(prompt, deadline))
        except APIError as error:
            response: Any = error.response
            failure = read_refusal(self.name, error.code, response.headers, response.json())
        except LIBRARY_FAULTS as error:
            failure = ProviderRequestError(f"google-genai failed ({type(error).__name__})", code="provider_library")
        raise failure  # not inside `except`: the library's exception quotes the reply and is not tied to ours

    @cached_property
    def _library(self) -> genai.Client:
        """The SDK's client, made at the first call since importing it takes a second."""
        from google import genai
        from google.genai.types import HttpOptions

        from nurseconv_dagster.extraction.hosted.bounded_http import bounded_client

        # Everything that the SDK would else take from the environment is said; without retry options it never retries.
        options = HttpOptions(base_url=self._address, api_version="v1beta", httpx_client=bounded_client(self.name))
        return genai.Client(vertexai=False, api_key=check_key(self._key, self.name), http_options=options)

    def _ask(self, prompt: Prompt, deadline: Deadline) -> Any:
        """The envelope as sent."""
        models = self._library.models
        timeout_ms = int(deadline.left_s() * 1000)
        if timeout_ms == 0:  # the SDK would take it for no limit at all
            raise ProviderTimeoutError(f"{self.name} was left no time to answer")
        config = _config(prompt, timeout_ms)
        raw: Any = models.generate_content(model=self.model_name, contents=prompt.user, config=config)
        return json.loads(raw.sdk_http_response.body)

    def _read(self, envelope: Any) -> Completion:
        candidate = pick(envelope, "candidates", 0)
        blocked = pick(envelope, "promptFeedback", "blockReason")
        if candidate is None and blocked is None:
            raise ProviderReplyError(f"{self.name} answered without a reply", code="provider_reply_empty")
        finish = "refused" if candidate is None else check_finish(pick(candidate, "finishReason"), _FINISHES, self.name)
        usage = Usage(
            n_tokens_in=pick_count(envelope, "usageMetadata", "promptTokenCount"),
            n_tokens_out=pick_count(envelope, "usageMetadata", "candidatesTokenCount"),
            n_tokens_cached=pick_count(envelope, "usageMetadata", "cachedContentTokenCount"),
            n_tokens_thinking=pick_count(envelope, "usageMetadata", "thoughtsTokenCount"),
        )
        text = _join_parts(pick(candidate, "content", "parts"))
        return Completion(text, finish, usage, pick_model(envelope, "modelVersion", self.model_name))


def _config(prompt: Prompt, timeout_ms: int) -> GenerateContentConfig:
    from google.genai import types

    return types.GenerateContentConfig(
        system_instruction=prompt.system,
        temperature=0.0,
        max_output_tokens=prompt.max_output_tokens,
        response_mime_type="application/json",
        # Not `response_schema`: that one is rewritten into Google's own dialect, where nothing is forbidden.
        response_json_schema=prompt.schema,
        # Both would ask again by themselves, behind the back of whoever counts calls and money.
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,
        should_return_http_response=True,
        http_options=types.HttpOptions(timeout=timeout_ms),
    )


def _join_parts(parts: Any) -> str:
    """The reply's words without the model's thoughts."""
    parts = parts if isinstance(parts, list) else []
    return "".join(check_text(pick(part, "text"), "gemini") for part in parts if not pick(part, "thought"))
