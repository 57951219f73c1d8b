"""`tools` and `tool_choice`: what the model may call, as Chat Completions functions.

    custom tools                          functions
    bash, text editor, memory, computer   functions of the same shape: the client runs them (TYPED_TOOLS)
    web search, code execution ...        run by Anthropic's servers: left out with a warning, or refused where nothing
                                          else is left to call (SERVER_TOOLS). Never shown as functions: nobody would
                                          answer the call
    tool search                           left out silently: every deferred tool is sent in full
    tool_addition, tool_removal           (blocks of system messages, or in a compaction) change the list

https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use
"""
import json
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Tuple

from .checks import refuse
from .clients import Client
from .names import shorten_tool_name
from .schema import parameters, qualifies_as_strict
from .scope import Scope
from .tool_text import Schemas, Tools
from .typed_tools import TYPED_TOOLS

TOOL_SEARCH = "tool_search_tool_"
SERVER_TOOLS = ("web_search_", "web_fetch_", "code_execution_", "advisor_", "mcp_toolset", TOOL_SEARCH)
CHANGES = ("tool_addition", "tool_removal")
LOCATION = ("city", "country", "region", "timezone")

Chosen = Tuple[List[Dict[str, Any]], Dict[str, Any]]        # functions, and parameters beside them


class ToolParams(NamedTuple):
    """The Chat parameters for tools, and what the answer's side must know of them."""

    params: Dict[str, Any]
    names: Dict[str, str]                # a shortened name -> the client's own
    schemas: Mapping[str, Dict[str, Any]]   # a name that the provider was given -> its parameters


def tool_params(body: Dict[str, Any], scope: Scope, client: Client) -> ToolParams:
    """`tools`, `tool_choice` and `parallel_tool_calls`; none of them where there is no tool."""
    known = body.get("tools")
    if known.__class__ is Tools and known.fit(scope.dialect) and _as_they_are(body):
        written = known.functions()
        return ToolParams({"tools": written}, {}, Schemas(known.names(), written))
    tools, params = _sorted_out(body, scope, client)
    if not tools and not body.get("tool_choice"):
        return ToolParams(params, {}, {})
    if tools and "tools" in scope.dialect.drop_params:
        scope.warn("dropped:tools")
        return ToolParams({}, {}, {})
    functions, choice = _chosen(body.get("tool_choice") or {}, [function(tool, scope) for tool in tools], scope)
    if functions:
        params.update({"tools": functions}, **choice)
    names = {shorten_tool_name(tool["name"]): tool["name"] for tool in tools if len(tool["name"]) > 64}
    return ToolParams(params, names, {made["function"]["name"]: made["function"]["parameters"] for made in functions})


def _as_they_are(body: Dict[str, Any]) -> bool:
    """Nothing else in the request has to do with its tools."""
    return body.get("tool_choice") in (None, {"type": "auto"}) and not any(_tool_changes(body["messages"]))


def function(tool: Dict[str, Any], scope: Scope) -> Dict[str, Any]:
    """One tool that the client runs -> one function."""
    made: Dict[str, Any] = {"name": shorten_tool_name(tool["name"])}
    description = _description(tool)
    if description:
        made["description"] = description
    made["parameters"] = parameters(tool["input_schema"], scope.dialect)
    if tool.get("strict") is True and scope.dialect.strict_tools and qualifies_as_strict(made["parameters"]):
        made["strict"] = True
    return {"type": "function", "function": made}


def _description(tool: Dict[str, Any]) -> str:
    description, examples = tool.get("description") or "", tool.get("input_examples")
    if not examples:
        return description
    shown = "Examples:\n" + "\n".join(json.dumps(example, ensure_ascii=False) for example in examples)
    return "%s\n\n%s" % (description, shown) if description else shown


def _sorted_out(body: Dict[str, Any], scope: Scope, client: Client) -> Chosen:
    """The tools that the client runs, with shapes filled in; and parameters that stand for server tools."""
    own, served, params = [], [], {}
    for index, tool in enumerate(_current_tools(body)):
        kind = tool.get("type")
        if kind in TYPED_TOOLS:
            own.append(dict(TYPED_TOOLS[kind](tool), strict=tool.get("strict")))
        elif kind not in (None, "custom"):
            served.append((index, tool))
        elif not (tool.get("defer_loading") and tool["name"] in client.placeholder_tools):
            own.append(tool)
    for index, tool in served:
        params.update(_served(index, tool, own, body, scope))
    return own, params


def _served(index: int, tool: Dict[str, Any], own: List[Dict[str, Any]], body: Dict[str, Any],
            scope: Scope) -> Dict[str, Any]:
    """What stands for a tool that Anthropic's servers would run."""
    kind = tool["type"]
    if kind.startswith("web_search_") and "web_search_options" in scope.dialect.extra_params:
        return {"web_search_options": _search_options(tool)}
    if kind.startswith(TOOL_SEARCH):
        return {}
    forced = (body.get("tool_choice") or {}).get("name") == tool.get("name", "")
    if not own or forced:
        raise refuse("tools.%d" % index, "'%s' is run by Anthropic's own servers, and %s has nothing like it"
                     % (kind, scope.provider or "the provider"))
    scope.warn("dropped:" + kind)
    return {}


def _search_options(tool: Dict[str, Any]) -> Dict[str, Any]:
    location = tool.get("user_location")
    if not isinstance(location, dict):
        return {}
    approximate = {name: location[name] for name in LOCATION if location.get(name)}
    return {"user_location": {"type": "approximate", "approximate": approximate}}


def _current_tools(body: Dict[str, Any]) -> List[Dict[str, Any]]:
    """`tools`, and what the conversation has added to them and taken away."""
    tools, gone = list(body.get("tools") or []), set()
    for kind, tool in _tool_changes(body["messages"]):
        definition = tool.get("definition")
        name = str((tool if definition is None else definition).get("name"))
        if kind == "tool_removal":
            gone.add(name)
            continue
        gone.discard(name)
        if definition is not None:
            tools = [known for known in tools if known.get("name") != name] + [definition]
    return [tool for tool in tools if tool.get("name") not in gone] if gone else tools


def _tool_changes(messages: List[Dict[str, Any]]) -> Iterator[Tuple[str, Dict[str, Any]]]:
    """(kind, tool) of each change, in system messages and in what a compaction has summed up."""
    for message in messages:
        for block in message["content"] if isinstance(message.get("content"), list) else ():
            if block["type"] in CHANGES:
                yield block["type"], block["tool"]
            elif block["type"] == "compaction":
                for change in block.get("tool_changes") or ():
                    if change.get("type") in CHANGES:
                        yield change["type"], change["tool"]


# -- which of them: each returns the functions that the provider is given, and `tool_choice`

def _chosen(choice: Dict[str, Any], functions: List[Dict[str, Any]], scope: Scope) -> Chosen:
    kind = choice.get("type", "auto")
    if kind == "tool" and not _named_among(functions, choice["name"]):
        raise refuse("tool_choice.tool.name", "Tool '%s' not found in provided tools" % choice["name"])
    functions, params = CHOICES[kind](choice, functions, scope)
    if choice.get("disable_parallel_tool_use") and functions:
        if scope.dialect.parallel_tool_calls:
            params["parallel_tool_calls"] = False
        else:
            scope.warn("dropped:disable_parallel_tool_use")
    return functions, params


def _auto(choice: Dict[str, Any], functions: List[Dict[str, Any]], scope: Scope) -> Chosen:
    return functions, {}


def _any(choice: Dict[str, Any], functions: List[Dict[str, Any]], scope: Scope) -> Chosen:
    if scope.dialect.tool_choice and scope.dialect.forces_tools:
        return functions, {"tool_choice": "required"}
    if functions:
        scope.warn("replaced:tool_choice")
    return functions, {}


def _named(choice: Dict[str, Any], functions: List[Dict[str, Any]], scope: Scope) -> Chosen:
    if scope.dialect.tool_choice and scope.dialect.names_tool:
        name = shorten_tool_name(choice["name"])
        return functions, {"tool_choice": {"type": "function", "function": {"name": name}}}
    return _any(choice, _named_among(functions, choice["name"]), scope)      # the only one that it can call


def _none(choice: Dict[str, Any], functions: List[Dict[str, Any]], scope: Scope) -> Chosen:
    return (functions, {"tool_choice": "none"}) if scope.dialect.tool_choice else ([], {})


CHOICES = {"auto": _auto, "any": _any, "tool": _named, "none": _none}


def _named_among(functions: List[Dict[str, Any]], name: str) -> List[Dict[str, Any]]:
    return [function for function in functions if function["function"]["name"] == shorten_tool_name(name)]
