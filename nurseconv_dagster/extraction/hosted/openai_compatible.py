"""OpenAI, and every server that speaks its chat completions (vLLM, llama.cpp, Ollama), behind `ModelClient`.

What lives here: `OpenAIClient`: what is sent, and where in the envelope the reply, its end and its tokens stand.
When to add here: a parameter that some server names differently or does not take.
What to keep out: the network (`bounded_http.py`), refusals (`refusals.py`), what a reply means (`replies.py`).
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nurseconv_dagster.errors import NurseconvError, ProviderReplyError, ProviderRequestError
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
from nurseconv_dagster.extraction.hosted.windows import prompt_tokens

if TYPE_CHECKING:
    import openai

_ADDRESS = "https://api.openai.com/v1"
_NO_KEY = "none"  # own servers often want no key; the SDK wants one
_FINISHES: dict[str, Finish] = {"stop": "stop", "length": "length", "content_filter": "refused"}
_REPLY_TOKENS = 8_192  # kept free of a context that prompt and reply share
_DISPENSABLE = frozenset({"temperature", "max_tokens"})
_MAX_ITEMS = "maxItems"
_UNSUPPORTED = re.compile(r"unsupported (?:parameter|value): '(\w+)'", re.IGNORECASE)


class OpenAIClient:
    """Keeps the `ModelClient` protocol. Threads may share it: of a call only what the server does not take outlives it.

    Args:
        api_key: `OPENAI_API_KEY`; may be empty for a server of one's own.
        model: `OPENAI_MODEL`.
        base_url: `OPENAI_BASE_URL`, with the `/v1` that such addresses end in; OpenAI's own when empty.
        context_tokens: what the model takes, prompt and reply together.
    """

    name = "openai"

    def __init__(self, api_key: str, model: str, *, base_url: str = "", context_tokens: int = 128_000) -> None:
        self._key = api_key
        self._address = base_url or _ADDRESS
        self._is_own_server = bool(base_url)
        self._not_taken: set[str] = set()
        self.model_name = model
        self._context_tokens = context_tokens
        self.max_input_tokens = context_tokens - min(_REPLY_TOKENS, context_tokens // 2)
        self.credential = name_credential(api_key, self._address)

    def complete(self, prompt: Prompt, timeout_s: float) -> Completion:
        """See `ModelClient.complete`."""
        deadline = Deadline.after(timeout_s)
        from openai import APIStatusError, OpenAIError

        from nurseconv_dagster.extraction.hosted.bounded_http import LIBRARY_FAULTS

        failure: NurseconvError
        try:
            return self._read(self._ask(prompt, deadline))
        except APIStatusError as error:
            failure = read_refusal(self.name, error.status_code, error.response.headers, error.response.json())
        except (OpenAIError, *LIBRARY_FAULTS) as error:
            failure = ProviderRequestError(f"openai failed ({type(error).__name__})", code="provider_library")
        raise failure  # not inside `except`: the library's exception quotes the reply and is not tied to ours

    @cached_property
    def _library(self) -> openai.OpenAI:
        """The SDK's client, made at the first call since importing it takes a second."""
        from openai import OpenAI

        from nurseconv_dagster.extraction.hosted.bounded_http import bounded_client

        key = check_key(self._key or (_NO_KEY if self._is_own_server else ""), self.name)
        return OpenAI(api_key=key, base_url=self._address, max_retries=0, http_client=bounded_client(self.name))

    def _ask(self, prompt: Prompt, deadline: Deadline) -> Any:
        """The envelope as sent.

        Newer models refuse a temperature, some servers either name of the token limit, fine-tuned models and some
        servers a limit on items in the schema. What is refused as unsupported is left out from then on, and this call
        is made once more within its time: the refusal was free, and without it the client could never learn.
        """
        from openai import BadRequestError

        while True:
            parameters = self._parameters(prompt)
            try:
                create = self._library.chat.completions.with_raw_response.create
                return create(**parameters, timeout=deadline.left_s()).http_response.json()
            except BadRequestError as error:
                refused = _find_unsupported(error.response.json())
                if refused in self._not_taken or refused not in _DISPENSABLE & parameters.keys() | {_MAX_ITEMS}:
                    raise
                self._not_taken.add(refused)

    def _parameters(self, prompt: Prompt) -> dict[str, Any]:
        # Own servers know the old name, OpenAI's newer models only the new one.
        is_old_name = self._is_own_server and "max_tokens" not in self._not_taken
        wanted = _without_limits(prompt.schema) if _MAX_ITEMS in self._not_taken else prompt.schema
        schema = {"name": prompt.schema_name, "strict": True, "schema": wanted}
        room = self._context_tokens - prompt_tokens(prompt)  # a small server refuses a prompt that leaves no such room
        parameters: dict[str, Any] = {
            "model": self.model_name,
            "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
            "response_format": {"type": "json_schema", "json_schema": schema},
            "max_tokens" if is_old_name else "max_completion_tokens": max(1, min(prompt.max_output_tokens, room)),
            "temperature": 0.0,
        }
        return {name: value for name, value in parameters.items() if name not in self._not_taken}

    def _read(self, envelope: Any) -> Completion:
        choice = pick(envelope, "choices", 0)
        if choice is None:
            raise ProviderReplyError(f"{self.name} answered without a reply", code="provider_reply_empty")
        finish = check_finish(pick(choice, "finish_reason"), _FINISHES, self.name)
        if pick(choice, "message", "refusal"):
            finish = "refused"
        text = check_text(pick(choice, "message", "content"), self.name)
        return Completion(text, finish, _read_usage(envelope), pick_model(envelope, "model", self.model_name))


def _find_unsupported(body: Any) -> str:
    """What the server does not take, a parameter or a limit of the schema; "" when it refused for another reason."""
    if _MAX_ITEMS in str(pick(body, "error", "message")):
        return _MAX_ITEMS
    code, parameter = pick(body, "error", "code"), pick(body, "error", "param")
    if isinstance(code, str) and code.startswith("unsupported") and isinstance(parameter, str):
        return parameter
    named = _UNSUPPORTED.search(str(pick(body, "error", "message")))
    return named.group(1) if named else ""


def _without_limits(schema: Any) -> Any:
    """The same schema without limits on how many items a list has."""
    if isinstance(schema, dict):
        return {key: _without_limits(value) for key, value in schema.items() if key != _MAX_ITEMS}
    return [_without_limits(item) for item in schema] if isinstance(schema, list) else schema


def _read_usage(envelope: Any) -> Usage:
    """Tokens; here `completion_tokens` counts thinking too."""
    n_tokens_out = pick_count(envelope, "usage", "completion_tokens")
    n_tokens_thinking = pick_count(envelope, "usage", "completion_tokens_details", "reasoning_tokens")
    if n_tokens_out is not None and n_tokens_thinking is not None:
        n_tokens_out = max(0, n_tokens_out - n_tokens_thinking)
    return Usage(
        n_tokens_in=pick_count(envelope, "usage", "prompt_tokens"),
        n_tokens_out=n_tokens_out,
        n_tokens_cached=pick_count(envelope, "usage", "prompt_tokens_details", "cached_tokens"),
        n_tokens_thinking=n_tokens_thinking,
    )
