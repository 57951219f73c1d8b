"""Messages <-> Chat Completions, without I/O: a request in, a request out; a provider's answer in, events out.

    the request     request.py (the list of steps, and what becomes of each field), question.py (past them, for a
                    mere question); shapes.py, checks.py (refusals); turns.py, blocks.py, calls.py, echo.py,
                    server_results.py (messages); tools.py, typed_tools.py, schema.py, gemini_schema.py (tools);
                    members.py, seen_tools.py, tool_text.py (tools that come again); params.py, effort.py (all else);
                    scope.py, alphabet.py, wellformed.py
    the answer      stream.py (the way of a piece, step by step); sse.py, fast.py, chunks.py (bytes to chunks);
                    filters.py, tags.py, stops.py, textcalls.py (text); thoughts.py (reasoning); callbook.py,
                    arguments.py (calls); blockorder.py, writer.py (blocks); endings.py, usage.py (the end);
                    response.py, plain.py (plain answers)
    both            context.py, clients.py, names.py, reasoning.py, pairs.py; tokens.py, text_tokens.py, image_size.py
"""
from typing import TYPE_CHECKING, Any

from .alphabet import begins_in_ascii
from .clients import ANY_CLIENT, CLAUDE_CODE, Client, client_of
from .context import AnswerContext, ChatRequest
from .plain import to_message
from .question import to_chat_request
from .seen_tools import SeenTools
from .tool_text import spare_bytes, with_lists, written

if TYPE_CHECKING:
    from .request import count_tokens, has_images
    from .response import message_from_stream, stream_from_completion
    from .stream import AnswerStream

__all__ = ["ANY_CLIENT", "CLAUDE_CODE", "AnswerContext", "AnswerStream", "ChatRequest", "Client", "SeenTools",
           "begins_in_ascii", "client_of", "count_tokens", "has_images", "message_from_stream", "spare_bytes",
           "stream_from_completion", "to_chat_request", "to_message", "with_lists", "written"]


def __getattr__(name: str) -> Any:
    """The rest, with the thirty modules behind it, when it is first asked for: a start does not wait for them."""
    if name in ("count_tokens", "has_images"):
        from . import request
        globals().update(count_tokens=request.count_tokens, has_images=request.has_images)
    elif name in ("AnswerStream", "message_from_stream", "stream_from_completion"):
        from . import response, stream
        globals().update(AnswerStream=stream.AnswerStream, message_from_stream=response.message_from_stream,
                         stream_from_completion=response.stream_from_completion)
    else:
        raise AttributeError(name)
    return globals()[name]
