"""How to reach the cluster: the settings' words, or the broker that runs in the background, as a connection for Kafka clients."""

import os
import ssl
from pathlib import Path
from typing import Any, Final

from connectors.delivery.sealing import Key, Keys, KeyUnusable
from mahnlauf.broker import background
from mahnlauf.failures import BadInput, ClusterWrong
from mahnlauf.settings import Encryption, Kafka
from streams.engine.cluster import Connection

HOW_TO_NAME_ONE: Final = (
    "mahnlauf keys new FILE makes one; name it as encryption.key_file in mahnlauf.toml, or its variable as encryption.key_variable"
)


def connection(kafka: Kafka) -> Connection:
    """Where the cluster is and how to be let in. Raises ClusterWrong if nothing says where, BadInput if a secret cannot be had."""
    return Connection(bootstrap(kafka), _security(kafka))


def bootstrap(kafka: Kafka) -> str:
    """kafka.bootstrap, else the background broker's address. Raises ClusterWrong if there is neither."""
    if kafka.bootstrap is not None:
        return kafka.bootstrap
    found = background.find()
    if found is None:
        raise ClusterWrong(
            "no Kafka is named and none runs here: start one (mahnlauf broker start), or name yours as kafka.bootstrap in mahnlauf.toml "
            "or as MAHNLAUF_KAFKA__BOOTSTRAP"
        )
    return found.bootstrap


def _security(kafka: Kafka) -> dict[str, Any]:
    options: dict[str, Any] = {"security_protocol": kafka.security_protocol}
    if kafka.security_protocol in ("SSL", "SASL_SSL"):
        options["ssl_context"] = _ssl_context(kafka)
    if kafka.security_protocol in ("SASL_PLAINTEXT", "SASL_SSL"):
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = _needed("kafka.username", kafka.username)
        options["sasl_plain_password"] = secret("kafka.password", kafka.password_file, kafka.password_variable)
    return options if kafka.security_protocol != "PLAINTEXT" else {}


def _ssl_context(kafka: Kafka) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=kafka.ca_file)
        if kafka.certificate_file is not None:
            context.load_cert_chain(kafka.certificate_file, kafka.key_file)
    except OSError as error:
        raise BadInput(f"kafka.ca_file, certificate_file or key_file cannot be used: {error}") from error
    return context


def _needed(name: str, value: str | None) -> str:
    if value is None:
        raise BadInput(f"{name} is missing, and kafka.security_protocol asks for it")
    return value


def secret(name: str, file: Path | None, variable: str | None) -> str:
    """The secret that settings `<name>_file` or `<name>_variable` point to. Raises BadInput that names the place, never the secret."""
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{name}_file = {file}: cannot be read: {error}") from error
    if variable is None:
        raise BadInput(f"{name}_file or {name}_variable must say where that secret is")
    if variable not in os.environ:
        raise BadInput(f"{name}_variable = {variable}: there is no such environment variable")
    return os.environ[variable]


def keys(encryption: Encryption) -> Keys:
    """The keys that settings point to, the writing one first; none where settings name none. Raises BadInput."""
    found = []
    for name, file, variable in (
        ("encryption.key", encryption.key_file, encryption.key_variable),
        ("encryption.old_key", encryption.old_key_file, encryption.old_key_variable),
    ):
        if file is not None or variable is not None:
            try:
                found.append(Key.parse(secret(name, file, variable)))
            except KeyUnusable as error:
                raise BadInput(f"{name}: {error}; mahnlauf keys new FILE makes one") from error
        elif not found:
            return Keys()
    return Keys(found)


def needed_keys(encryption: Encryption) -> Keys:
    """As `keys`, for what can't be done without. Raises BadInput."""
    found = keys(encryption)
    if not found:
        raise BadInput(f"no key is named to seal with: {HOW_TO_NAME_ONE}")
    return found
