"""What every client of aiokafka is told about the way to the brokers, and why they cannot be reached."""

import asyncio
import ssl
from typing import Any

from aiokafka import errors
from aiokafka.conn import create_conn
from aiokafka.protocol.metadata import MetadataRequest

from chorally_core.adapters.kafka.errors import KafkaUnavailable
from chorally_core.adapters.kafka.settings import KafkaSettings

PROBE_S = 10.0


def options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the keyword arguments that producers, consumers and administrators share.

    Raises:
        KafkaUnavailable: The certificates to trust cannot be read.
    """
    found = {"bootstrap_servers": list(settings.servers), **_security(settings)}
    return {**found, "client_id": f"{settings.prefix}chorally", "request_timeout_ms": 40_000, "retry_backoff_ms": 200}


def _security(settings: KafkaSettings) -> dict[str, Any]:
    protocol = ("SASL_" if settings.sasl else "") + ("SSL" if settings.tls else "PLAINTEXT")
    found: dict[str, Any] = {"security_protocol": protocol}
    if settings.tls:
        try:
            found["ssl_context"] = ssl.create_default_context(cafile=settings.ca_file)
        except (ssl.SSLError, OSError) as error:
            raise KafkaUnavailable(f"ca_file holds no certificates that can be read: {error}") from error
    if settings.sasl:
        found["sasl_mechanism"] = settings.sasl
        found["sasl_plain_username"] = settings.user
        found["sasl_plain_password"] = settings.password.get_secret_value()
    return found


async def probe(settings: KafkaSettings) -> None:
    """Return once one server has let us in.

    Raises:
        KafkaUnavailable: None does; the message says why, for each.
    """
    security = await asyncio.to_thread(_security, settings)
    reasons = []
    for server in settings.servers:
        host, _, port = server.rpartition(":")
        try:
            async with asyncio.timeout(PROBE_S):
                connection = await create_conn(host.strip("[]"), int(port), **security)
                try:
                    await connection.send(MetadataRequest([]))
                finally:
                    await connection.close()
        except (errors.KafkaError, OSError, ValueError) as error:
            reasons.append(f"{server}: {_reason(error, settings)}")
        else:
            return
    raise KafkaUnavailable(f"no Kafka server can be used: {'; '.join(reasons)}")


def _reason(error: Exception, settings: KafkaSettings) -> str:
    if isinstance(error, errors.SaslAuthenticationFailed):
        return f"it refuses the user or the password of {settings.user} ({settings.sasl}); correct them in the URL"
    if isinstance(error, errors.UnsupportedSaslMechanismError):
        return f"it does not offer {settings.sasl}; choose another sasl"
    if isinstance(error, TimeoutError):
        return f"it has not answered within {PROBE_S:g} s"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or 'no reason given'}); check tls and ca_file"
    if isinstance(error, errors.KafkaError | ConnectionResetError):
        return f"it ended the connection ({type(error).__name__}); each port has its own sasl and tls: check both"
    return f"{type(error).__name__}: {error}"
