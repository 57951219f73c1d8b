"""JSON Schemas of tools and of structured answers, as a provider takes them.

A schema is walked by what its keywords mean, so that a property that happens to be called `$schema`, `format` or
`cache_control` is never mistaken for a keyword. What is removed for one provider is kept for the others.
https://json-schema.org/understanding-json-schema/reference
"""
from typing import Any, Callable, Dict, FrozenSet, List

from ..providers.dialects import Dialect

SCHEMAS_BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
SCHEMA_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
SCHEMAS = ("items", "additionalProperties", "additionalItems", "contains", "not", "if", "then", "else", "propertyNames",
           "unevaluatedItems", "unevaluatedProperties")
ROOT_ONLY = ("$schema", "$id")

Schema = Dict[str, Any]


def parameters(schema: Schema, dialect: Dialect) -> Schema:
    """A tool's input_schema -> a function's parameters: an object with properties, whatever was left out."""
    made = dict(schema)
    for key in ROOT_ONLY:
        made.pop(key, None)
    made["type"] = "object"
    if not isinstance(made.get("properties"), dict):
        made["properties"] = {}
    return fitted(made, dialect)


def fitted(schema: Schema, dialect: Dialect) -> Schema:
    """Any schema without the keywords that the dialect refuses: the very same object where it has none of them."""
    if dialect.schema_style == "gemini":
        from .gemini_schema import as_gemini
        return as_gemini(schema)
    keys = frozenset(dialect.drop_schema_keys)
    return schema if is_fine(schema, keys) else _without(schema, keys)


def is_fine(schema: Schema, keys: FrozenSet[str]) -> bool:
    """Whether nothing of a schema has to go: a client sends the same tools with every request, and most of them are."""
    if not keys.isdisjoint(schema) or schema.get("required", schema) is None:
        return False
    for key, value in schema.items():
        inside: Any = ()
        if value.__class__ is dict:
            inside = value.values() if key in SCHEMAS_BY_NAME else (value,) if key in SCHEMAS else ()
        elif value.__class__ is list and (key in SCHEMA_LISTS or key == "items"):
            inside = value
        for inner in inside:
            if inner.__class__ is dict and not is_fine(inner, keys):
                return False
    return True


def _without(schema: Any, keys: FrozenSet[str]) -> Any:
    def clean(node: Dict[str, Any]) -> Dict[str, Any]:
        return {key: value for key, value in node.items()
                if key not in keys and not (key == "required" and value is None)}
    return walked(schema, clean)


def walked(schema: Any, change: Callable[[Schema], Schema]) -> Any:
    """A copy of a schema in which `change` has been applied to each schema inside, the outer before the inner."""
    if not isinstance(schema, dict):
        return schema                      # true and false are schemas too
    made = change(schema)
    for key, value in made.items():
        if key in SCHEMAS_BY_NAME and isinstance(value, dict):
            made[key] = {name: walked(inner, change) for name, inner in value.items()}
        elif key in SCHEMA_LISTS and isinstance(value, list) or key == "items" and isinstance(value, list):
            made[key] = [walked(inner, change) for inner in value]
        elif key in SCHEMAS:
            made[key] = walked(value, change)
    return made


def qualifies_as_strict(schema: Schema) -> bool:
    """OpenAI's rules for strict: every object closed, with all its properties required.

    https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    objects: List[Schema] = []

    def collect(node: Schema) -> Schema:
        objects.append(node)
        return dict(node)
    walked(schema, collect)
    return all(_is_closed(node) for node in objects)


def _is_closed(node: Dict[str, Any]) -> bool:
    from .gemini_schema import required_names
    if "properties" not in node and node.get("type") != "object":
        return not any(key in node for key in ("patternProperties", "allOf", "oneOf", "not"))
    properties = node.get("properties", {})
    return node.get("additionalProperties") is False and isinstance(properties, dict) and (
        set(required_names(node)) == set(properties))
