"""Redis over TLS: its certificate has to be of an authority that the machine trusts."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from opsintel.clock import now
from opsintel.coordination.contract import Key
from opsintel.coordination.redis import RedisCoordinator
from opsintel.errors import UnavailableError
from opsintel.settings import Settings
from tests.coordination.conftest import settings_of
from tests.coordination.test_contract import SLOW
from tests.peers.rabbitmq import free_ports
from tests.peers.redis import PASSWORD, running_redis

pytestmark = pytest.mark.redis


@dataclass(frozen=True)
class Encrypted:
    """Settings of a Redis over TLS, and the certificate that it shows."""

    settings: Settings
    certificate: Path


@pytest.fixture
def encrypted(settings: Settings, tmp_path: Path) -> Iterator[Encrypted]:
    certificate, key = make_certificate(tmp_path)
    (port,) = free_ports(1)
    options = ("--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key),
               "--tls-ca-cert-file", str(certificate), "--tls-auth-clients", "no")  # fmt: skip
    with running_redis(tmp_path, *options):
        environment = {
            "REDIS_ADDR": f"127.0.0.1:{port}", "OPSINTEL_REDIS_PASSWORD": PASSWORD, "OPSINTEL_REDIS_TLS": "true",
        }  # fmt: skip
        yield Encrypted(settings_of(settings, **environment), certificate)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate of 127.0.0.1 that vouches for itself, and its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, key


class TestRedisOverTls:
    def test_limits_with_a_certificate_that_is_trusted(
        self, encrypted: Encrypted, key: Key, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(encrypted.certificate))
        with RedisCoordinator(encrypted.settings) as redis:
            assert [redis.acquire(key, SLOW) > 0 for _ in range(6)] == [False] * 5 + [True]

    def test_is_refused_with_one_that_is_not(self, encrypted: Encrypted, key: Key) -> None:
        with RedisCoordinator(encrypted.settings) as redis, pytest.raises(UnavailableError, match="certificate"):
            redis.acquire(key, SLOW)

    def test_is_refused_where_the_server_speaks_none(self, settings: Settings, with_redis: Settings, key: Key) -> None:
        plain = with_redis.model_copy(update={"redis_tls": True})
        with RedisCoordinator(plain) as redis, pytest.raises(UnavailableError, match="OPSINTEL_REDIS_TLS|reached"):
            redis.acquire(key, SLOW)
