"""A JSON Schema in the words that Gemini knows, which are OpenAPI 3.0's.

References are put in place, alternatives and constants become anyOf and enum, and what cannot be said is left out; the
tool then takes a little more than it should, which its client checks again anyway.
https://ai.google.dev/api/caching#Schema
"""
from typing import Any, Dict

KNOWN = frozenset((
    "type", "format", "title", "description", "nullable", "enum", "items", "minItems", "maxItems", "properties",
    "required", "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "minimum", "maximum", "anyOf",
))
FORMATS = frozenset(("enum", "date-time", "int32", "int64", "float", "double"))
TYPES = ("string", "number", "integer", "boolean", "array", "object")

MAX_NODES = 20000      # of the translation: references to references can grow without end

Schema = Dict[str, Any]


def as_gemini(schema: Schema) -> Schema:
    """The whole schema; a reference that contains itself becomes a plain object."""
    return _Translation(schema).node(schema, ())


class _Translation:
    """One schema's definitions, and how many nodes it may still grow by when its references are put in place."""

    def __init__(self, schema):
        self.room = MAX_NODES
        self.definitions = {}
        for key in ("$defs", "definitions"):
            if isinstance(schema.get(key), dict):
                self.definitions.update({"#/%s/%s" % (key, name): inner for name, inner in schema[key].items()})

    def node(self, schema, inside):
        """One schema; `inside`: the references that lead to it."""
        self.room -= 1
        if not isinstance(schema, dict) or self.room < 0:
            return {}
        node, inside = self.resolved(schema, inside)
        node = _typed(self.merged(node))
        if "$ref" in node:
            return self.node(node, inside)
        return self.children({key: value for key, value in node.items() if key in KNOWN}, inside)

    def children(self, made, inside):
        """The schemas inside `made`."""
        if "properties" in made:
            properties = made["properties"] if isinstance(made["properties"], dict) else {}
            made["properties"] = {name: self.node(inner, inside) for name, inner in properties.items()}
            _keep_known_required(made)
        if "items" in made:
            made["items"] = self.node(made["items"], inside)
        if "anyOf" in made:
            made["anyOf"] = [self.node(inner, inside) for inner in made["anyOf"]]
        return made

    def resolved(self, schema, inside):
        """The schema that a $ref stands for, with what stands beside the $ref."""
        while isinstance(schema.get("$ref"), str):
            name = schema["$ref"]
            target = self.definitions.get(name)
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            if name in inside or not isinstance(target, dict):
                return dict({"type": "object"}, **beside), inside
            schema, inside = dict(target, **beside), inside + (name,)
        return dict(schema), inside

    def merged(self, node):
        """oneOf is anyOf; allOf is one schema; const is an enum of one."""
        for part in node.pop("allOf", None) or ():
            node = _both(node, self.resolved(part, ())[0]) if isinstance(part, dict) else node
        if "oneOf" in node:
            node["anyOf"] = node.get("anyOf") or node.pop("oneOf")
        if "const" in node:
            node["enum"] = [node["const"]]
        if not isinstance(node.get("anyOf", []), list):
            node.pop("anyOf")
        return node


def _both(node, part):
    """What satisfies two schemas, as far as objects go."""
    made = dict(part, **node)
    properties = dict(part.get("properties") or {}, **(node.get("properties") or {}))
    required = list(node.get("required") or []) + list(part.get("required") or [])
    made.update({"properties": properties} if properties else {}, **({"required": required} if required else {}))
    return made


def _typed(node):
    """One type each, `nullable` instead of null; enums and formats only where Gemini takes them."""
    types = node["type"] if isinstance(node.get("type"), list) else [node.get("type")]
    if "null" in types:
        node["nullable"] = True
    types = [name for name in types if name in TYPES]
    alternatives = [part for part in node.get("anyOf", []) if part != {"type": "null"}]
    if len(alternatives) < len(node.get("anyOf", [])):
        node["nullable"] = True
    node.pop("type", None)
    node.pop("anyOf", None)
    if alternatives:
        node = _with_alternatives(node, alternatives)
    elif len(types) > 1:
        node["anyOf"] = [{"type": name} for name in types]
    elif types:
        node["type"] = types[0]
    return _with_enum(_with_format(node))


def _with_alternatives(node, alternatives):
    if len(alternatives) == 1 and isinstance(alternatives[0], dict):
        return dict(alternatives[0], **node)
    return dict({key: node[key] for key in ("title", "description", "nullable") if key in node}, anyOf=alternatives)


def _with_format(node):
    if node.get("format") not in FORMATS:
        node.pop("format", None)
    return node


def _with_enum(node):
    """Only strings can be enumerated; other values are told in the description."""
    values = node.get("enum")
    if not isinstance(values, list):
        node.pop("enum", None)
    elif not all(isinstance(value, str) for value in values):
        words = ", ".join(str(value) for value in values)
        node["description"] = " ".join(part for part in (node.get("description"), "One of: %s." % words) if part)
        node.pop("enum")
    else:
        node.setdefault("type", "string")
    return node


def _keep_known_required(made):
    required = [name for name in made.get("required") or () if name in made["properties"]]
    made.pop("required", None)
    if required:
        made["required"] = required
