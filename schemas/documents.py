"""The contract as documents for other languages: a JSON Schema for each topic, and one AsyncAPI 3 document over all of them.

Both are drawn from the models, so they cannot say anything that the code does not do; `docs/generate.py` writes them and a test checks
that what is committed is what would be written now.
"""

from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from schemas import topics
from schemas.codec import EVENTS, event_classes
from schemas.envelope import Envelope
from schemas.policy import Policy

CONTENT_TYPE: Final = "application/cloudevents+json"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_PUBLISHED_FOR_US: Final = frozenset({"in"})


def json_schemas() -> dict[str, dict[str, Any]]:
    """A JSON Schema for each topic that has events, and one for the policy file, by document name."""
    documents = {topic: _titled(topic, TypeAdapter(union).json_schema()) for topic, union in EVENTS.items()}
    documents["policy"] = _titled("policy file", Policy.model_json_schema())
    return documents


def _titled(title: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": _DIALECT, **_plain(schema), "title": title}


def _plain(schema: Any) -> Any:
    """Without OpenAPI's `discriminator` objects: JSON Schema does not know them, and AsyncAPI wants a string there. The constant
    `type` or `kind` of each alternative says the same."""
    if isinstance(schema, dict):
        return {key: _plain(part) for key, part in schema.items() if not (key == "discriminator" and isinstance(part, dict))}
    return [_plain(part) for part in schema] if isinstance(schema, list) else schema


def asyncapi(version: str) -> dict[str, Any]:
    """The AsyncAPI 3 document: a channel for each topic, a message for each type, an operation for each direction."""
    classes = {cls for topic in EVENTS for cls in event_classes(topic).values()}
    ordered = sorted(classes, key=lambda cls: cls.__name__)
    _, definitions = models_json_schema([(cls, "validation") for cls in ordered], ref_template="#/components/schemas/{model}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "mahnlauf",
            "version": version,
            "description": "Events in, escalation, handover, agency, answers, case-status. Record key: `<tenant>/<contract id>`.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {_identifier(spec.name): _channel(spec) for spec in _described()},
        "operations": {f"{_action(spec)}.{_identifier(spec.name)}": _operation(spec) for spec in _described()},
        "components": {
            "messages": {cls.__name__: _message(cls) for cls in ordered},
            "schemas": _plain(definitions["$defs"]),
        },
    }


def _described() -> list[topics.TopicSpec]:
    return [spec for spec in topics.TOPICS if spec.name in EVENTS and spec.group != "internal"]


def _identifier(topic: str) -> str:
    return topic.replace(".", "_").replace("-", "_")


def _channel(spec: topics.TopicSpec) -> dict[str, Any]:
    return {
        "address": spec.name,
        "messages": {cls.__name__: {"$ref": f"#/components/messages/{cls.__name__}"} for cls in event_classes(spec.name).values()},
        "bindings": {"kafka": {"topic": spec.name, "topicConfiguration": {"cleanup.policy": [_cleanup_policy(spec)]}}},
    }


def _cleanup_policy(spec: topics.TopicSpec) -> str:
    return "compact" if spec.cleanup == "compacted" else "delete"


def _action(spec: topics.TopicSpec) -> str:
    return "receive" if spec.group in _PUBLISHED_FOR_US else "send"


def _operation(spec: topics.TopicSpec) -> dict[str, Any]:
    return {"action": _action(spec), "channel": {"$ref": f"#/channels/{_identifier(spec.name)}"}}


def _message(cls: type[Envelope]) -> dict[str, Any]:
    return {
        "name": str(cls.model_fields["type"].annotation.__args__[0]),  # type: ignore[union-attr]
        "contentType": CONTENT_TYPE,
        "payload": {"$ref": f"#/components/schemas/{cls.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": "<tenant>/<contract id>; empty on escalation.timers"}}},
    }
