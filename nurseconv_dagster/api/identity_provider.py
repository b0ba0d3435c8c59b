"""The hospital's identity provider (OpenID Connect): where to send a person, and who came back.

What lives here: `IdentityProvider`, `Login`, `Person`.
When to add here: a rule about what a provider must vouch for.
What to keep out: cookies and sessions (`oidc`); what scopes allow (`callers`).

The authorization code flow with PKCE. Nobody is let in on a token that is not signed by the provider's own key, for us,
for this login. Two claims of the token say what the person may do: `nurseconv_scopes` and `nurseconv_units`, each a
list of texts or one text with words. There is no table of people here: who may is the provider's to say.
Source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3.7; RFC 7636 (PKCE).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from nurseconv_dagster.errors import IdentityProviderError, KeyRefusedError
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.keys import SCOPES

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
CLAIMS = ("nurseconv_scopes", "nurseconv_units")
_TIMEOUT_S = 10.0
_KEPT_S = 300.0
_LEEWAY_S = 60


@dataclass(frozen=True, slots=True)
class Login:
    """One login under way; what has to come back, kept by the browser in a signed cookie.

    Args:
        state: ties the answer to this browser.
        nonce: ties the token to this login.
        verifier: PKCE's secret; only its hash goes through the browser's address bar.
        goal: the path to which the login leads.
    """

    state: str
    nonce: str
    verifier: str
    goal: str


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider vouches for.

    Args:
        actor: as the audit log has it: "oidc:" and a hash of the provider and its own id of the person.
        scopes: what they may do.
        units: what they may see.
    """

    actor: str
    scopes: frozenset[str]
    units: frozenset[str]


class IdentityProvider:
    """One provider, with its own description of itself kept for five minutes.

    Args:
        settings: `OIDC_ISSUER`, `OIDC_CLIENT_ID`, `OIDC_CLIENT_SECRET`.
    """

    def __init__(self, settings: Settings) -> None:
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._secret = settings.oidc_client_secret.get_secret_value()
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}

    def begin(self, goal: str, callback: str) -> tuple[Login, str]:
        """A new login, and the provider's address to send the browser to.

        Raises:
            IdentityProviderError: transient; the provider does not answer as one should.
        """
        login = Login(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), goal)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(login.verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code", "client_id": self._client_id, "redirect_uri": callback, "scope": "openid",
            "state": login.state, "nonce": login.nonce, "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        return login, f"{self._described()['authorization_endpoint']}?{urlencode(query)}"

    def finish(self, login: Login, code: str, callback: str) -> Person:
        """Who came back with this code.

        Raises:
            KeyRefusedError: the token is not for this login, or the person may do nothing here.
            IdentityProviderError: transient; the provider does not answer as one should.
        """
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": callback,
            "client_id": self._client_id, "code_verifier": login.verifier,
        }  # fmt: skip
        auth = (self._client_id, self._secret) if self._secret else None
        answer = _ask("POST", self._described()["token_endpoint"], data=form, auth=auth)
        claims = self._verify(str(answer.get("id_token", "")), login.nonce)
        scopes, units = (_words(claims.get(name)) for name in CLAIMS)
        if not scopes & set(SCOPES) or ("admin" not in scopes and not units):
            raise KeyRefusedError(
                "your account is known, but it may do nothing here: whoever runs your login has to give it "
                f"{' and '.join(CLAIMS)}.",
                code="account_without_scopes",
            )
        who = hashlib.sha256(f"{self._issuer}\0{claims['sub']}".encode()).hexdigest()[:16]
        return Person(f"oidc:{who}", scopes & set(SCOPES), units)

    def _verify(self, token: str, nonce: str) -> dict[str, Any]:
        """The claims of a token that the provider signed, for us and for this login."""
        rules = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self._issuer},
            sub={"essential": True},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims: dict[str, Any] = jwt.decode(token, self._keys(), algorithms=ALGORITHMS).claims
            rules.validate(claims)
        except (JoseError, ValueError):
            raise _unproven() from None
        # A token for several parties names the one it was given to.
        if claims.get("azp", self._client_id) != self._client_id:
            raise _unproven()
        return claims

    def _described(self) -> dict[str, Any]:
        found = self._keep(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        needed = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
        if any(not isinstance(found.get(name), str) for name in needed) or found["issuer"] != self._issuer:
            raise IdentityProviderError(
                f"the provider at OIDC_ISSUER does not describe itself as {self._issuer} with {', '.join(needed)}; "
                "write OIDC_ISSUER exactly as it calls itself."
            )
        return found

    def _keys(self) -> KeySet:
        return KeySet.import_key_set(self._keep(self._described()["jwks_uri"]))  # type: ignore[arg-type]

    def _keep(self, address: str) -> dict[str, Any]:
        at, found = self._kept.get(address, (0.0, {}))
        if not found or time.monotonic() - at > _KEPT_S:
            found = _ask("GET", address)
            self._kept[address] = (time.monotonic(), found)
        return found


def to_cookie(login: Login) -> dict[str, str]:
    """The login as plain values."""
    return asdict(login)


def _ask(method: str, address: str, **what: Any) -> dict[str, Any]:
    """The provider's JSON answer."""
    try:
        answer = httpx2.request(method, address, timeout=_TIMEOUT_S, **what)
        found = answer.json() if answer.is_success else None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise _silent(type(error).__name__) from None
    if not isinstance(found, dict):
        raise _silent(f"status {answer.status_code}")
    return found


def _words(claim: object) -> frozenset[str]:
    if isinstance(claim, str):
        return frozenset(claim.replace(",", " ").split())
    return frozenset(str(word) for word in claim) if isinstance(claim, list) else frozenset()


def _silent(why: str) -> IdentityProviderError:
    return IdentityProviderError(
        f"the identity provider of OIDC_ISSUER did not answer as one should ({why}); log in with a key meanwhile."
    )


def _unproven() -> KeyRefusedError:
    return KeyRefusedError("the provider's token is not for this login; log in again.", code="login_unproven")
