"""A provider of OpenID Connect over HTTP on this machine: it signs its tokens, checks PKCE, and can be told to lie."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

CLIENT_ID, CLIENT_SECRET = "opsintel of the tests", "a secret: with + and %"
LABEL = "Example Bank"


@dataclass
class Key:
    """A signing key, and what is published of it."""

    algorithm: str
    private: Any = field(init=False)
    id: str = field(default_factory=lambda: secrets.token_hex(4))

    def __post_init__(self) -> None:
        is_rsa = self.algorithm == "RS256"
        self.private = rsa.generate_private_key(65537, 2048) if is_rsa else ec.generate_private_key(ec.SECP256R1())

    def published(self) -> dict[str, Any]:
        name = "RSAAlgorithm" if self.algorithm == "RS256" else "ECAlgorithm"
        public: dict[str, Any] = getattr(jwt.algorithms, name).to_jwk(self.private.public_key(), as_dict=True)
        return public | {"kid": self.id, "alg": self.algorithm, "use": "sig"}

    def pem(self) -> bytes:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        pem: bytes = self.private.public_key().public_bytes(serialization.Encoding.PEM, form)
        return pem


@dataclass
class Lies:
    """What the provider does wrong; nothing unless told to."""

    claims: dict[str, Any] = field(default_factory=dict)
    """Claims of the ID token that are other than they should; None takes one out."""
    header: dict[str, Any] = field(default_factory=dict)
    key: Key | None = None
    """Signs instead of the published key."""
    algorithm: str = ""
    """`none`, or `HS256` with the public key as the secret."""
    token_status: int = 200
    huge: bool = False
    redirect: bool = False
    callback: dict[str, str | None] = field(default_factory=dict)
    """Parameters of the answer to the browser; None takes one out."""
    discovery: dict[str, Any] = field(default_factory=dict)
    user_information: dict[str, Any] | None = None
    accepts_any_code: bool = False
    holds: threading.Event | None = None
    """Answers nobody until it is set."""


class OidcPeer:
    """The state behind the server: who is signed on there, which codes are out, and what was asked."""

    def __init__(self) -> None:
        self.issuer = ""
        self.lies = Lies()
        self.keys = [Key("RS256")]
        self.person: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.authorizations: list[dict[str, str]] = []
        self.exchanges: list[dict[str, str]] = []

    def sign_on_as(self, email: str, subject: str = "", **claims: Any) -> None:
        """Say who sits at the browser, and stop lying."""
        self.lies = Lies()
        self.person = {"sub": subject or f"sub-{email}", "email": email, "email_verified": True, **claims}

    def rotate(self, algorithm: str = "RS256") -> Key:
        """Sign with a new key from now on, and publish only that."""
        self.keys = [Key(algorithm)]
        return self.keys[0]

    @property
    def environment(self) -> dict[str, str]:
        """The settings of an installation that uses it."""
        return {
            "OPSINTEL_OIDC_ISSUER": self.issuer,
            "OPSINTEL_OIDC_CLIENT_ID": CLIENT_ID,
            "OPSINTEL_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OPSINTEL_OIDC_LABEL": LABEL,
            "OPSINTEL_LOCAL_SERVERS": urlsplit(self.issuer).netloc,
        }

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?flow=code",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            **self.lies.discovery,
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Return where the browser goes, whoever sits there having agreed."""
        self.authorizations.append(query)
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        answer: dict[str, str | None] = {
            "code": code,
            "state": query["state"],
            "iss": self.issuer,
            "session_state": "x",
        }
        answer |= self.lies.callback
        return f"{query['redirect_uri']}?{urlencode({k: v for k, v in answer.items() if v is not None})}"

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Return the tokens of a code: once, to its client, to who has the verifier, for the same redirect address."""
        self.exchanges.append(form)
        if self.lies.token_status != 200:
            return self.lies.token_status, {"error": "server_error", "error_description": "<b>told to fail</b>"}
        if self._client_of(form, authorization) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        query = self.codes.pop(form["code"], None)
        if query is None and self.lies.accepts_any_code:
            query = self.authorizations[-1]
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        proved = query is not None and (
            query["code_challenge"],
            query["code_challenge_method"],
            query["redirect_uri"],
        ) == (
            challenge.decode(),
            "S256",
            form["redirect_uri"],
        )
        if query is None or not (proved or self.lies.accepts_any_code):
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": self.id_token(query["nonce"])}

    def id_token(self, nonce: str) -> str:
        """Return an ID token, with what is told to be wrong in it."""
        moment = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": moment, "exp": moment + 300, "nonce": nonce}
        claims = {k: v for k, v in (claims | self.person | self.lies.claims).items() if v is not None}
        key = self.lies.key or self.keys[0]
        header = {"typ": "JWT", "alg": self.lies.algorithm or key.algorithm, "kid": key.id, **self.lies.header}
        header = {k: v for k, v in header.items() if v is not None}
        signed = ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
        )
        if self.lies.algorithm == "none":
            return f"{signed}."
        if self.lies.algorithm == "HS256":
            signature = hmac.digest(key.pem(), signed.encode(), hashlib.sha256)
        else:
            signer = jwt.get_algorithm_by_name(key.algorithm)
            signature = signer.sign(signed.encode(), key.private)
        return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    @staticmethod
    def _client_of(form: dict[str, str], authorization: str) -> tuple[str, str]:
        if authorization.startswith("Basic "):
            name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
            return unquote(name), unquote(secret)
        return form.get("client_id", ""), form.get("client_secret", "")


class _Handler(BaseHTTPRequestHandler):
    peer: OidcPeer

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, _single(urlsplit(self.path).query)
        self.peer.asked.append(path)
        if self.peer.lies.holds is not None:
            self.peer.lies.holds.wait()
        if path == "/authorize":
            self._redirect(self.peer.authorize(query))
        elif self.peer.lies.redirect:
            self._redirect(f"{self.peer.issuer}/elsewhere")
        elif path == "/.well-known/openid-configuration":
            self._answer(200, self.peer.discovery())
        elif path == "/keys":
            self._answer(200, {"keys": [key.published() for key in self.peer.keys]})
        elif path == "/userinfo" and self.headers["Authorization"] == "Bearer at":
            self._answer(200, self.peer.lies.user_information or {})
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        form = _single(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.peer.asked.append(self.path)
        self._answer(*self.peer.exchange(form, self.headers.get("Authorization", "")))

    def _redirect(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        if self.peer.lies.huge:
            body = b'{"x": "' + b"x" * 10_000_000 + b'"}'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client has had enough

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


def _single(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, strict_parsing=bool(text)).items()}


@contextmanager
def running_oidc() -> Iterator[OidcPeer]:
    """Yield a provider that runs."""
    peer = OidcPeer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"peer": peer}))
    peer.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
