"""The sandbox's own description of what it offers, drawn from the table of its operations, for tools that test by one.

paywise publishes none of v2 that could be kept here; the official client's models are what our answers are held to.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

PREFIX: Final = "/paywise"

_ERROR: Final = {
    "type": "object",
    "required": ["code", "detail"],
    "properties": {
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "nullable": True, "items": {"type": "object", "required": ["code", "message"]}},
    },
}


@dataclass(frozen=True, slots=True)
class Described:
    """One operation: `form` is what its body must be; `status` a success's; `filters` the names of its query. Whatever is `keyed` and no
    GET needs an Idempotency-Key."""

    method: str
    path: str
    form: type[BaseModel] | None = None
    status: int = 200
    filters: tuple[str, ...] = ()
    keyed: bool = True


def document(calls: Sequence[Described]) -> dict[str, Any]:
    """OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {"Error": _ERROR}
    for call in calls:
        paths.setdefault(PREFIX + call.path, {})[call.method.lower()] = _operation(call, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "paywise Case Management API v2, sandbox of mahnlauf", "version": "2"},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        "security": [{"bearer": []}],
    }


def _operation(call: Described, schemas: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"parameters": _parameters(call), "responses": _responses(call)}
    if call.path == "/v2/health/":
        told["security"] = []
    if call.form is not None:
        schema = call.form.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[call.form.__name__] = schema
        reference = {"$ref": f"#/components/schemas/{call.form.__name__}"}
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference}}}
    return told


def _parameters(call: Described) -> list[dict[str, Any]]:
    text = {"type": "string", "minLength": 1, "maxLength": 100}
    found = [{"name": name, "in": "path", "required": True, "schema": text} for name in re.findall(r"{(\w+)}", call.path)]
    found += [{"name": name, "in": "query", "schema": _filter(name)} for name in call.filters]
    if call.method != "GET" and call.keyed:
        found.append({"name": "Idempotency-Key", "in": "header", "required": True, "schema": {**text, "pattern": "^[A-Za-z0-9-]+$"}})
    return found


def _filter(name: str) -> dict[str, Any]:
    if name in ("limit", "offset", "since"):
        return {"type": "integer", "minimum": 0, "maximum": 10_000}
    return {"type": "string", "maxLength": 100}


def _responses(call: Described) -> dict[str, Any]:
    failed = {"description": "refused", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    well: dict[str, Any] = {"description": "done"}
    if call.status != 204:
        well["content"] = {"application/json": {"schema": {"type": "object"}}}
    return {str(call.status): well, **{str(status): failed for status in (400, 401, 404, 409, 422, 429)}}
