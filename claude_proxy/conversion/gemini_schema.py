"""A JSON Schema in the words that Gemini knows, which are OpenAPI 3.0's.

References are put in place, alternatives and constants become anyOf and enum, and what cannot be said is left out; the
tool then takes a little more than it should, which its client checks again anyway.
https://ai.google.dev/api/caching#Schema
"""
from typing import Any, Dict, List, Optional, Tuple, Union

KNOWN = frozenset((
    "type", "format", "title", "description", "nullable", "enum", "items", "minItems", "maxItems", "properties",
    "required", "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "minimum", "maximum", "anyOf",
))
FORMATS = ("enum", "date-time", "int32", "int64", "float", "double")
TYPES = ("string", "number", "integer", "boolean", "array", "object")

MAX_NODES, MAX_DEPTH = 20000, 100      # of the translation: references to references can grow without end

Schema = Dict[str, Any]


def as_gemini(schema: Schema) -> Schema:
    """The whole schema; a reference that contains itself becomes a plain object."""
    return _Translation(schema).node(schema, ())


class _Translation:
    """One schema's definitions, and how many nodes it may still grow by when its references are put in place."""

    def __init__(self, schema: Dict[str, Any]) -> None:
        self.room, self.depth = MAX_NODES, 0
        self.definitions = {}
        for key in ("$defs", "definitions"):
            if isinstance(schema.get(key), dict):
                self.definitions.update({"#/%s/%s" % (key, name): inner for name, inner in schema[key].items()})

    def node(self, schema: Union[Dict[str, Any], List[Any]], inside: Tuple[str, ...]) -> Dict[str, Any]:
        """One schema; `inside`: the references that lead to it."""
        self.room -= 1
        if not isinstance(schema, dict) or self.room < 0 or self.depth >= MAX_DEPTH:
            return {}
        node, inside = self.resolved(schema, inside)
        node = _typed(self.merged(node))
        if isinstance(node.get("$ref"), str):
            return self.node(node, inside)
        self.depth += 1
        made = self.children({key: value for key, value in node.items() if key in KNOWN}, inside)
        self.depth -= 1
        return made

    def children(self, made: Dict[str, Any], inside: Tuple[str, ...]) -> Dict[str, Any]:
        """The schemas inside `made`."""
        if "properties" in made:
            made["properties"] = {name: self.node(inner, inside) for name, inner in _object(made["properties"]).items()}
            _keep_known_required(made)
        if "items" in made:
            made["items"] = self.node(made["items"], inside)
        if "anyOf" in made:
            made["anyOf"] = [self.node(inner, inside) for inner in made["anyOf"]]
        return made

    def resolved(self, schema: Dict[str, Any], inside: Tuple[str, ...]) -> Tuple[Dict[str, Any], Tuple[str, ...]]:
        """The schema that a $ref stands for, with what stands beside the $ref."""
        while isinstance(schema.get("$ref"), str):
            name = schema["$ref"]
            target = self.definitions.get(name)
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            if name in inside or not isinstance(target, dict):
                return dict({"type": "object"}, **beside), inside
            schema, inside = dict(target, **beside), inside + (name,)
        return dict(schema), inside

    def merged(self, node: Dict[str, Any]) -> Dict[str, Any]:
        """oneOf is anyOf; allOf is one schema; const is an enum of one."""
        parts = node.pop("allOf", None)
        for part in parts if isinstance(parts, list) else ():
            node = _both(node, self.resolved(_object(part), ())[0])
        if "oneOf" in node:
            node["anyOf"] = node.get("anyOf") or node.pop("oneOf")
        if "const" in node:
            node["enum"] = [node["const"]]
        if not isinstance(node.get("anyOf", []), list):
            node.pop("anyOf")
        return node


def required_names(schema: Schema) -> List[str]:
    """The names under `required`, however it is written: schemas come from many hands."""
    names = schema.get("required")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _both(node: Dict[str, Any], part: Dict[str, Any]) -> Dict[str, Any]:
    """What satisfies two schemas, as far as objects go."""
    made = dict(part, **node)
    properties = dict(_object(part.get("properties")), **_object(node.get("properties")))
    required = required_names(node) + required_names(part)
    made.update({"properties": properties} if properties else {}, **({"required": required} if required else {}))
    return made


def _object(value: Optional[Dict[str, Any]]) -> Dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _typed(node: Dict[str, Any]) -> Dict[str, Any]:
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


def _with_alternatives(node: Dict[str, Any], alternatives: List[Dict[str, Any]]) -> Dict[str, Any]:
    if len(alternatives) == 1 and isinstance(alternatives[0], dict):
        return dict(alternatives[0], **node)
    return dict({key: node[key] for key in ("title", "description", "nullable") if key in node}, anyOf=alternatives)


def _with_format(node: Dict[str, Any]) -> Dict[str, Any]:
    if node.get("format") not in FORMATS:
        node.pop("format", None)
    return node


def _with_enum(node: Dict[str, Any]) -> Dict[str, Any]:
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


def _keep_known_required(made: Dict[str, Any]) -> None:
    required = [name for name in required_names(made) if name in made["properties"]]
    made.pop("required", None)
    if required:
        made["required"] = required
