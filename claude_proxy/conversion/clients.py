"""Clients are rows too: what is special to one of them stands here, not in ifs along the way."""
from typing import Optional, Tuple

from ..providers.records import dataclass


@dataclass(frozen=True)
class Client:
    """How a client reads answers, where that differs from the specification."""

    name: str = "any"
    user_agent: str = ""                    # beginning of its User-Agent
    blames_refusals: bool = False           # shows "refusal" as Anthropic's policy: gets end_turn and a text
    retries_bad_json: bool = False          # answers tool input that does not parse with a tool error: may see it
    placeholder_tools: Tuple[str, ...] = ()     # deferred tools that only keep the list from being empty: never called


ANY_CLIENT = Client()
CLAUDE_CODE = Client("claude-code", "claude-cli/", blames_refusals=True, retries_bad_json=True,
                     placeholder_tools=("DeferredToolPlaceholder",))
CLIENTS = (CLAUDE_CODE,)


def client_of(user_agent: Optional[str]) -> Client:
    """The row for a User-Agent header (None where there is none)."""
    for row in CLIENTS:
        if user_agent and user_agent.startswith(row.user_agent):
            return row
    return ANY_CLIENT
