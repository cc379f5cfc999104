"""What every answer carries and every change must show: security headers, and that a form came from a page of ours."""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response

POLICY: Final = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_MAX_BYTES: Final = 128 * 1024
"""Our longest form is a page of selected contracts."""


def from_elsewhere(request: Request) -> bool:
    """Whether a change was asked for by a page of another site. A browser says so itself; other clients have no cookies to be abused."""
    if request.method in SAFE:
        return False
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


def too_large(request: Request) -> bool:
    length = request.headers.get("content-length", "0")
    chunked = request.method not in SAFE and "content-length" not in request.headers
    return chunked or not length.isdigit() or int(length) > FORM_MAX_BYTES


async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """No page with somebody's data stays in a cache."""
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers[name] = value
    if not request.url.path.startswith("/static/"):
        response.headers["cache-control"] = "no-store"
    return response
