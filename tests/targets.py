"""Targets for the tests of the conversion: a provider, a model, and a dialect that differs where the test says so."""
from dataclasses import replace
from types import SimpleNamespace

from claude_proxy.config import ModelRow
from claude_proxy.conversion.context import ChatRequest
from claude_proxy.conversion import to_chat_request
from claude_proxy.providers.dialects import GENERIC

HELLO = {"model": "claude-sonnet-5-5", "max_tokens": 256, "messages": [{"role": "user", "content": "Hello"}]}


def target(provider="up", model="up-model", body=None, images=None, max_output_tokens=None, **dialect):
    """What routing would choose: `dialect` are the fields in which it differs from a careful unknown server."""
    row = ModelRow(model, images=images, max_output_tokens=max_output_tokens)
    return SimpleNamespace(provider=SimpleNamespace(name=provider, body=body or {}), model=model, row=row,
                           dialect=replace(GENERIC, **dialect))


def converted(request, to=None, **keywords) -> ChatRequest:
    """`request` on top of HELLO, converted."""
    return to_chat_request(dict(HELLO, **request), to or target(), **keywords)


def chat_messages(messages, **dialect):
    """The Chat messages that some Messages become."""
    return converted({"messages": messages}, target(**dialect)).body["messages"]


# short ways to write messages, both kinds

def user(content):
    return {"role": "user", "content": content}


def assistant(content, **more):
    return dict({"role": "assistant", "content": content}, **more)


def system(content, **more):
    return dict({"role": "system", "content": content}, **more)


def text(words, **more):
    return dict({"type": "text", "text": words}, **more)


def use(tool_id, name="ls", **tool_input):
    return {"type": "tool_use", "id": tool_id, "name": name, "input": tool_input}


def result(tool_id, content="", **more):
    return dict({"type": "tool_result", "tool_use_id": tool_id, "content": content}, **more)


def call(tool_id, name="ls", arguments="{}", **more):
    return dict({"id": tool_id, "type": "function", "function": {"name": name, "arguments": arguments}}, **more)


def tool(tool_id, content):
    return {"role": "tool", "tool_call_id": tool_id, "content": content}


PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
PDF = {"type": "document", "title": "Report",
       "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
PDF_PART = {"type": "file", "file": {"filename": "Report.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}
