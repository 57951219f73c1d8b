"""What the two halves of a conversion share: what the answer's translation must know of its request."""
from typing import Any, Dict, FrozenSet, Mapping, NamedTuple, Tuple

from ..providers.dialects import GENERIC, Dialect
from ..providers.records import dataclass, field
from .clients import ANY_CLIENT, Client


@dataclass
class AnswerContext:
    """Made by to_chat_request, read by AnswerStream and to_message. The caller sets input_tokens, nobody the others."""

    message_id: str = "msg_0"
    model: str = ""                                 # the name that was asked for: it is echoed
    provider: str = ""                              # its name: in signatures, and for messages to people
    upstream_model: str = ""                        # the provider's name of the model: in signatures
    dialect: Dialect = GENERIC
    client: Client = ANY_CLIENT
    tool_names: Mapping[str, str] = field(default_factory=dict)   # shortened name -> the client's own
    declared_tools: FrozenSet[str] = frozenset()    # the names that the provider was given
    tool_schemas: Mapping[str, Any] = field(default_factory=dict)   # their parameters: what type a text must become
    used_tool_ids: FrozenSet[str] = frozenset()     # the client's tool_use ids so far: names.tool_id_out(..., taken)
    stop_sequences: Tuple[str, ...] = ()            # all that were asked for
    local_stops: Tuple[str, ...] = ()               # those that the provider does not enforce
    show_thinking: bool = False                     # the client asked for thinking
    omit_thinking_text: bool = False                # display: "omitted": blocks with empty text
    input_tokens: int = 0                           # an estimate, for message_start and where usage never comes


class ChatRequest(NamedTuple):
    """A Messages request, converted for one target."""

    body: Dict[str, Any]                            # Chat Completions, ready for json.dumps
    answer: AnswerContext
    warnings: Tuple[str, ...] = ()                  # short codes: "dropped:top_k"
    has_files: bool = False                         # images or documents: much of the body is no text
