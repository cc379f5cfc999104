"""How files look and where they lie: `layout.json` in the folder that the account's url names. All of it is assumed, and can be set there.

    {"mode": "test", "separator": ";", "encoding": "cp1252", "columns": {"reference": "Aktenzeichen"}}

Columns that are not named keep our names. The account's own files lie below, in a folder named by its customer number. layout.json proves
that the folder is the one that was meant, and there: a mount that fell away must not look like an agency that has nothing to tell.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.delivery.agency import AccountConfig
from connectors.delivery.errors import AccountUnusable, ModeMismatch, Unavailable

NAME: Final = "layout.json"
_CUSTOMER: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
"""A customer number that is the name of a folder, and of nothing above it."""


class Layout(BaseModel):
    """`columns`: the file's name of a column by ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["test", "live"]
    separator: Annotated[str, Field(pattern=r"^[;,|\t]$")] = ";"
    encoding: Literal["utf-8", "utf-8-sig", "cp1252", "iso-8859-1", "iso-8859-15"] = "utf-8"
    suffix: Annotated[str, Field(pattern=r"^\.[A-Za-z]{1,8}$")] = ".csv"
    columns: Mapping[str, Annotated[str, Field(min_length=1)]] = {}

    def column(self, name: str) -> str:
        return self.columns.get(name, name)


def root_of(account: AccountConfig) -> Path:
    """The folder in which layout.json lies. Raises AccountUnusable."""
    parts = urlsplit(account.url)
    if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise AccountUnusable("its url must be file:///path, the folder that its layout.json lies in")
    return Path(unquote(parts.path))


def customer_of(account: AccountConfig) -> str:
    """The name of the account's own folder. Raises AccountUnusable."""
    if not _CUSTOMER.fullmatch(account.customer_number):
        raise AccountUnusable("its customer_id names a folder: letters, digits and . _ - only, 100 at most, no point at the beginning")
    return account.customer_number


def read(root: Path, mode: str) -> Layout:
    """Raises Unavailable where the folder is away or its layout can't be read, ModeMismatch where it is of the other mode."""
    try:
        layout = Layout.model_validate_json((root / NAME).read_bytes())
    except OSError as error:
        raise Unavailable(f"{NAME} can't be read ({type(error).__name__}): is the account's folder mounted?") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Unavailable(f"{NAME}: {'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}") from None
    if layout.mode != mode:
        raise ModeMismatch(f"its folder is for {layout.mode}, the account is {mode}")
    return layout
