"""JSON Schemas, as they are sent to a provider."""
from dataclasses import replace

import pytest

from claude_proxy.conversion.schema import fitted, parameters, qualifies_as_strict
from claude_proxy.providers.dialects import GENERIC

RICH = {
    "type": "object",
    "properties": {
        "cache_control": {"type": "string"},
        "$schema": {"type": "string", "format": "uri"},
        "format": {"enum": ["a", "b"]},
        "n": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "r": {"$ref": "#/$defs/D"},
    },
    "$defs": {"D": {"type": "object", "properties": {"system": {"type": "string"}}}},
    "additionalProperties": False,
}
SAME = object()

PARAMETERS = {
    "a full schema is kept as it is": (RICH, (), SAME),
    "no properties": ({"type": "object"}, (), {"type": "object", "properties": {}}),
    "nothing at all": ({}, (), {"type": "object", "properties": {}}),
    "nulls": ({"type": "object", "properties": None, "required": None}, (), {"type": "object", "properties": {}}),
    "a type that may be null": (
        {"type": ["object", "null"], "properties": {}}, (), {"type": "object", "properties": {}}),
    "the dialect of JSON Schema": (
        {"$schema": "http://json-schema.org/draft-07/schema#", "$id": "x", "type": "object", "properties": {}}, (),
        {"type": "object", "properties": {}}),
    "alternatives at the root": (
        {"anyOf": [{"required": ["a"]}]}, (), {"anyOf": [{"required": ["a"]}], "type": "object", "properties": {}}),
    "keywords that are refused go, names and values stay": (
        {"type": "object", "properties": {
            "format": {"type": "string", "format": "uri", "default": {"format": "x"}},
            "list": {"type": "array", "items": {"format": "uri"}},
            "open": True}, "additionalProperties": {"format": "uri"}},
        ("format",),
        {"type": "object", "properties": {
            "format": {"type": "string", "default": {"format": "x"}},
            "list": {"type": "array", "items": {}},
            "open": True}, "additionalProperties": {}}),
}


@pytest.mark.parametrize("schema, refused, expected", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_parameters(schema, refused, expected):
    before = repr(schema)
    made = parameters(schema, replace(GENERIC, drop_schema_keys=refused))
    assert made == (schema if expected is SAME else expected)
    assert repr(schema) == before


GEMINI = {
    "keywords that it does not know": (
        {"type": "object", "properties": {"a": {"type": "number", "exclusiveMinimum": 0, "minimum": 0, "default": 1}},
         "additionalProperties": False, "$schema": "x"},
        {"type": "object", "properties": {"a": {"type": "number", "minimum": 0}}}),
    "formats": (
        {"type": "object", "properties": {"format": {"type": "string", "format": "uri"},
                                          "when": {"type": "string", "format": "date-time"}}},
        {"type": "object", "properties": {"format": {"type": "string"},
                                          "when": {"type": "string", "format": "date-time"}}}),
    "null": (
        {"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "integer", "nullable": True}),
    "null among types": ({"type": ["string", "null"]}, {"nullable": True, "type": "string"}),
    "several types": ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
    "oneOf": ({"oneOf": [{"type": "string"}, {"type": "integer"}]},
              {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
    "a constant": ({"const": "a"}, {"enum": ["a"], "type": "string"}),
    "numbers cannot be enumerated": (
        {"type": "integer", "enum": [1, 2], "description": "How many."},
        {"type": "integer", "description": "How many. One of: 1, 2."}),
    "a reference": (
        {"type": "object", "properties": {"d": {"$ref": "#/$defs/D", "description": "a D"}},
         "$defs": {"D": {"type": "object", "properties": {"x": {"type": "string"}}}}},
        {"type": "object", "properties": {
            "d": {"type": "object", "properties": {"x": {"type": "string"}}, "description": "a D"}}}),
    "a reference that may be null": (
        {"type": "object", "properties": {"d": {"anyOf": [{"$ref": "#/$defs/D"}, {"type": "null"}]}},
         "$defs": {"D": {"type": "string"}}},
        {"type": "object", "properties": {"d": {"type": "string", "nullable": True}}}),
    "a tree": (
        {"$defs": {"T": {"type": "object", "properties": {"next": {"$ref": "#/$defs/T"}}}}, "$ref": "#/$defs/T"},
        {"type": "object", "properties": {"next": {"type": "object"}}}),
    "allOf": (
        {"allOf": [{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                   {"properties": {"b": {"type": "string"}}}]},
        {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"]}),
    "what is required exists": (
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
}


@pytest.mark.parametrize("schema, expected", GEMINI.values(), ids=GEMINI.keys())
def test_gemini(schema, expected):
    assert fitted(schema, replace(GENERIC, schema_style="gemini")) == expected


def test_references_to_references_end():
    definitions = {"D%d" % number: {"type": "object", "properties": {
        name: {"$ref": "#/$defs/D%d" % (number + 1)} for name in "ab"}} for number in range(60)}
    made = fitted({"$defs": definitions, "$ref": "#/$defs/D0"}, replace(GENERIC, schema_style="gemini"))
    assert made["type"] == "object"


STRICT = {
    "closed, all required": (
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False},
        True),
    "open": ({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, False),
    "one is optional": ({"type": "object", "properties": {"a": {}}, "required": [], "additionalProperties": False},
                        False),
    "open further down": (
        {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}},
         "required": ["a"], "additionalProperties": False}, False),
    "open in a definition": (
        {"type": "object", "properties": {}, "additionalProperties": False, "$defs": {"D": {"type": "object"}}}, False),
}


@pytest.mark.parametrize("schema, expected", STRICT.values(), ids=STRICT.keys())
def test_strict(schema, expected):
    assert qualifies_as_strict(schema) is expected


@pytest.mark.parametrize("odd", [
    {"required": [[]]}, {"required": True}, {"properties": []}, {"properties": {"a": None}}, {"anyOf": 1},
    {"allOf": {}},
    {"type": [{}]}, {"type": 1}, {"format": []}, {"enum": 1}, {"$defs": []}, {"$ref": 1}, {"items": [1]}])
@pytest.mark.parametrize("style", ["", "gemini"])
def test_schemas_from_many_hands(odd, style):
    schema = {"type": "object", "properties": {"inner": odd}, "additionalProperties": False}
    assert isinstance(fitted(schema, replace(GENERIC, schema_style=style)), dict)
    assert qualifies_as_strict(schema) is False
