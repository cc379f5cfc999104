"""The sandbox's own description of mediafinanz's REST, for tools that test by one; mediafinanz's own document is not at hand."""

from typing import Any, Final

from connectors.sandbox.mediafinanz.forms import CaseIn
from connectors.sandbox.mediafinanz.rest import PREFIX

_MESSAGE: Final = {
    "type": "object",
    "required": ["sKey", "sValue"],
    "properties": {"sKey": {"type": "string"}, "sValue": {"type": "string"}},
}
_WRONG: Final = {"type": "object", "required": ["name", "code", "value", "in", "pattern"]}
_ERROR: Final = {
    "type": "object",
    "required": ["bSuccess"],
    "properties": {
        "bSuccess": {"const": False},
        "aMessage": {"type": "array", "items": _MESSAGE},
        "aValidationResult": {"type": "array", "items": _WRONG},
    },
}
_DONE: Final = {"type": "object", "required": ["bSuccess", "aMessage", "sData"], "properties": {"bSuccess": {"const": True}}}
_AZ: Final = {"name": "az", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^\\d{11}$"}}


def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    form = CaseIn.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = {**form.pop("$defs"), "Case": form}
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Case"}}}}
    place = f"{PREFIX}/v2.1/collect/claim"
    headers = {name: {"type": "apiKey", "in": "header", "name": name} for name in ("uuid", "user", "password")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "mediafinanz collect, sandbox of mahnlauf", "version": "2.1"},
        "paths": {
            f"{place}/new/": {"put": {"requestBody": body, "responses": _responses()}},
            f"{place}/{{az}}/status/": {"get": {"parameters": [_AZ], "responses": _responses()}},
            f"{place}/{{az}}/close/": {"post": {"parameters": [_AZ], "responses": _responses()}},
        },
        "components": {"schemas": schemas, "securitySchemes": headers},
        "security": [{name: [] for name in headers}],
    }


def _responses() -> dict[str, Any]:
    told = {"200": _DONE, "400": _ERROR, "401": _ERROR}
    return {status: {"description": "", "content": {"application/json": {"schema": schema}}} for status, schema in told.items()}
