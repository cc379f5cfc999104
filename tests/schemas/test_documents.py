"""The documents drawn from the models: committed as they would be drawn now, and true to what the code accepts."""

import json
from typing import Any

import jsonschema
import pytest

from docs.generate import DOCS, documents
from schemas import topics
from schemas.codec import EVENTS, Unreadable, decode, event_classes
from schemas.documents import asyncapi, json_schemas
from tests.schemas.test_codec import INVOICE


@pytest.mark.parametrize("path", sorted(documents(), key=str), ids=str)
def test_committed_document_is_what_would_be_drawn_now(path: Any) -> None:
    assert (DOCS / path).read_text(encoding="utf-8") == documents()[path], "run `make docs`"


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_every_schema_is_a_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schemas()[name])


@pytest.mark.parametrize(
    ("change", "valid"),
    [({}, True), ({"amount": "5"}, False), ({"amount": -1}, False), ({"currency": "euro"}, False), ({"payment_method": "barter"}, True)],
)
def test_schema_and_code_accept_the_same(change: dict[str, Any], valid: bool) -> None:
    event = {**INVOICE, "data": {**INVOICE["data"], **change}}
    schema = jsonschema.Draft202012Validator(json_schemas()[topics.INVOICES])
    try:
        decode(topics.INVOICES, json.dumps(event).encode())
        read = True
    except Unreadable:
        read = False
    assert (schema.is_valid(event), read) == (valid, valid)


def test_asyncapi_names_every_public_topic_and_type() -> None:
    document = asyncapi("1.0.0")
    addresses = {channel["address"] for channel in document["channels"].values()}
    public = {spec.name for spec in topics.TOPICS if spec.group in {"in", "between", "out"}}
    assert addresses == public
    messages = {message["name"] for message in document["components"]["messages"].values()}
    assert messages == {kind for topic in EVENTS for kind in event_classes(topic)}


def test_every_reference_in_asyncapi_leads_somewhere() -> None:
    document = asyncapi("1.0.0")
    for reference in _references(document):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for value in part.values() for found in _references(value)]
    return [found for value in part for found in _references(value)] if isinstance(part, list) else []
