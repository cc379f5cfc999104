"""What pages in files of their own need of all pages."""

from typing import Any, Protocol

from fastapi import Request, Response

from console.people.directory import User


class Drawing(Protocol):
    """See the module's first line."""

    async def entered(self, request: Request) -> User | None: ...
    def drawn(self, request: Request, template: str, user: User, *, status_code: int = 200, **values: Any) -> Response: ...
    def to_login(self) -> Response: ...
