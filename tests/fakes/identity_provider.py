"""An OpenID Connect provider on this machine: real HTTP, real signatures, the claims a test wants.

It checks what a real one checks: the client's secret, the address to come back to, PKCE's verifier, and that a code is
used once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "nurseconv-test", "a secret of the client"


@dataclass
class FakeProvider:
    """The provider.

    Args:
        claims: added to the token; one that is null is taken out.
        signing: what signs it; the published key when null.
        broken: answers nothing but refusals.
    """

    claims: dict[str, Any] = field(default_factory=dict)
    signing: RSAKey | None = None
    broken: bool = False

    def __post_init__(self) -> None:
        self._key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
        self._codes: dict[str, dict[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def agree(self, address: str) -> str:
        """The person logs in: the address that the browser is sent back to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{self.issuer}/authorize?")
        assert (query["client_id"], query["response_type"], query["code_challenge_method"]) == (CLIENT, "code", "S256")
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(8)
        self._codes[code] = query
        return f"{query['redirect_uri']}?code={code}&state={query['state']}"

    def _token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer, "sub": "person-17", "aud": CLIENT, "iat": now, "exp": now + 300,
            "nonce": asked["nonce"], "nurseconv_scopes": ["read", "review"], "nurseconv_units": "A B",
        } | self.claims  # fmt: skip
        key = self.signing or self._key
        return jwt.encode({"alg": "RS256", "kid": "first"}, {k: v for k, v in claims.items() if v is not None}, key)

    def _redeem(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        is_right = (
            asked is not None
            and authorization == f"Basic {basic}"
            and form.get("redirect_uri") == asked["redirect_uri"]
            and challenge.decode().rstrip("=") == asked["code_challenge"]
        )
        return {"access_token": "x", "token_type": "Bearer", "id_token": self._token(asked)} if is_right else None

    def _answer(self, path: str, form: dict[str, str] | None, authorization: str) -> dict[str, Any] | None:
        if self.broken:
            return None
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
            }  # fmt: skip
        if path == "/keys":
            return {"keys": [self._key.as_dict(private=False)]}
        return self._redeem(form, authorization) if path == "/token" and form is not None else None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(provider._answer(self.path, None, ""))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                self._send(provider._answer(self.path, form, self.headers.get("Authorization", "")))

            def _send(self, answer: dict[str, Any] | None) -> None:
                body = json.dumps(answer or {"error": "refused"}).encode()
                self.send_response(200 if answer else 400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        return Handler
