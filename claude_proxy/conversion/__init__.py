"""Messages <-> Chat Completions, without I/O: a request in, a request out; a provider's answer in, events out.

    the request     request.py (the list of steps, and what becomes of each field); shapes.py, checks.py (refusals);
                    turns.py, blocks.py, calls.py, echo.py, server_results.py (messages); tools.py, typed_tools.py,
                    schema.py, gemini_schema.py (tools); members.py, seen_tools.py, tool_text.py (tools that come
                    again); params.py, effort.py (all else); scope.py, wellformed.py
    the answer      stream.py (the way of a piece, step by step); sse.py, fast.py, chunks.py (bytes to chunks);
                    filters.py, tags.py, stops.py, textcalls.py (text); thoughts.py (reasoning); callbook.py,
                    arguments.py (calls); blockorder.py, writer.py (blocks); endings.py, usage.py (the end);
                    response.py, plain.py (plain answers)
    both            context.py, clients.py, names.py, reasoning.py, pairs.py; tokens.py, text_tokens.py, image_size.py
"""
from typing import TYPE_CHECKING, Any

from .clients import ANY_CLIENT, CLAUDE_CODE, Client, client_of
from .context import AnswerContext, ChatRequest
from .plain import to_message
from .request import begins_in_ascii, count_tokens, has_images, to_chat_request
from .seen_tools import SeenTools
from .tool_text import spare_bytes, with_lists, written

if TYPE_CHECKING:
    from .response import message_from_stream, stream_from_completion
    from .stream import AnswerStream

__all__ = ["ANY_CLIENT", "CLAUDE_CODE", "AnswerContext", "AnswerStream", "ChatRequest", "Client", "SeenTools",
           "begins_in_ascii", "client_of", "count_tokens", "has_images", "message_from_stream", "spare_bytes",
           "stream_from_completion", "to_chat_request", "to_message", "with_lists", "written"]


def __getattr__(name: str) -> Any:
    """The rest, with the fifteen modules behind it, when it is first asked for: a start does not wait for them."""
    if name not in ("AnswerStream", "message_from_stream", "stream_from_completion"):
        raise AttributeError(name)
    from . import response, stream
    globals().update(AnswerStream=stream.AnswerStream, message_from_stream=response.message_from_stream,
                     stream_from_completion=response.stream_from_completion)
    return globals()[name]
