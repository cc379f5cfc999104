"""Sealing what must not be read from Kafka: AES-GCM under a key that never stands there.

A sealed text is `v1.<key id>.<nonce and ciphertext in base64url>`. It is bound to a `place` (the account or contract it belongs to), so a
text that is copied to another place does not open there. Several keys may be readable, one writes: a key is changed by adding a new one,
sealing everything anew, and taking the old one away. A key's id is the beginning of its hash and tells nothing about it.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.fields import is_sealed

VERSION: Final = "v1"
KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class SealBroken(Exception):
    """A sealed text can't be opened; the message says why and repeats nothing of it."""


class KeyUnusable(ValueError):
    """A key is not 32 bytes in base64; the message repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key for AES-256. `id` tells keys apart."""

    id: str
    raw: bytes = field(repr=False)

    @classmethod
    def of(cls, raw: bytes) -> "Key":
        """Raises KeyUnusable."""
        if len(raw) != KEY_BYTES:
            raise KeyUnusable(f"a key has {KEY_BYTES} bytes, this one {len(raw)}")
        return cls(hashlib.sha256(b"mahnlauf key " + raw).hexdigest()[:16], raw)

    @classmethod
    def parse(cls, text: str) -> "Key":
        """A key as `text` writes it. Raises KeyUnusable."""
        try:
            raw = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            raise KeyUnusable(f"a key is {KEY_BYTES} bytes in base64") from None
        return cls.of(raw)

    @classmethod
    def new(cls) -> "Key":
        return cls.of(os.urandom(KEY_BYTES))

    @property
    def text(self) -> str:
        """The key in base64, for the file that keeps it."""
        return base64.b64encode(self.raw).decode()


class Keys:
    """The keys at hand: the first writes, all open. Without any nothing can be sealed or opened. Raises KeyUnusable."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys = tuple(keys)
        self._by_id = {key.id: key for key in self._keys}

    def __bool__(self) -> bool:
        return bool(self._keys)

    @property
    def writing(self) -> str:
        """Id of the key that seals; empty: there is none."""
        return self._keys[0].id if self._keys else ""

    def seal(self, clear: bytes, place: str) -> str:
        """Sealed for `place`. Raises SealBroken where there is no key."""
        if not self._keys:
            raise SealBroken("there is no key to seal with")
        key, nonce = self._keys[0], os.urandom(_NONCE_BYTES)
        box = nonce + AESGCM(key.raw).encrypt(nonce, clear, place.encode())
        return f"{VERSION}.{key.id}.{base64.urlsafe_b64encode(box).decode().rstrip('=')}"

    def open(self, sealed: str, place: str) -> bytes:
        """What was sealed for `place`. Raises SealBroken."""
        if not is_sealed(sealed):
            raise SealBroken("this is no sealed text")
        key = self._by_id.get(key_id(sealed))
        if key is None:
            raise SealBroken(f"the key {key_id(sealed)} it was sealed with is not at hand")
        body = sealed.split(".", 2)[2]
        try:
            box = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
            return AESGCM(key.raw).decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(f"it was sealed for another place than {place}, or was changed") from None


def key_id(sealed: str) -> str:
    """Id of the key that a sealed text was sealed with."""
    return sealed.split(".", 2)[1]
