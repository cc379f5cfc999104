"""Who is let in: by REST with uuid and password, by SOAP with clientId and the md5 of the licences. The sandbox knows one code for both."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers

_KEY: Final = re.compile(r"[0-9a-f]{32}")


class Clients:
    """`codes`: code by client; None lets every code but an empty one in."""

    def __init__(self, codes: Mapping[str, str] | None) -> None:
        self._codes = codes

    def known_by_rest(self, headers: Headers) -> bool:
        uuid, password = headers.get("uuid", ""), headers.get("password", "")
        if self._codes is None:
            return bool(uuid and password)
        return bool(password) and self._codes.get(uuid) == password

    def known_by_soap(self, client: str, licence_key: str) -> bool:
        if self._codes is None:
            return bool(client and _KEY.fullmatch(licence_key))
        code = self._codes.get(client)
        return code is not None and hashlib.md5(code.encode(), usedforsecurity=False).hexdigest() == licence_key
