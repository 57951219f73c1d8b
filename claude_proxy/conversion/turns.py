"""The conversation: messages with content blocks -> Chat Completions messages in the order that providers insist on.

    1. One stream of items       strings become blocks; cleared system messages and what a compaction replaced go
    2. Turns                     neighbours of one side are one turn; an assistant turn without words or calls vanishes
    3. Messages                  assistant: content, reasoning, tool_calls
                                 user: first a `tool` message for each call of the turn before, in the order of the
                                 calls; then everything else in its own order, with the images of the results

A broken history is repaired, not refused: an unanswered call gets a result that says so, a result without a call
becomes text. The same turns give the same messages whatever comes after them, so that a provider's prefix cache keeps
working.
"""
from itertools import groupby
from operator import itemgetter
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from .blocks import Block, Part, content_of, parts_of, text
from .calls import Call, calls_of, orphan_parts, tool_message
from .checks import Path, refuse
from .echo import add_reasoning
from .scope import Scope

BILLING_HEADER = "x-anthropic-billing-header:"
REMINDER = "<system-reminder>\n%s\n</system-reminder>"
PAUSE = "…"                  # a message that says nothing, where a template insists on one
EMPTY = "all messages must have non-empty content except for the optional final assistant message"

Message = Dict[str, Any]


class Item(NamedTuple):
    """One block, or the words of a system message, on the side where it counts."""

    side: str                # "user" or "assistant"
    kind: str                # the block's type, or "system"
    block: Block
    path: Path               # of the block, for errors


class Conversation(NamedTuple):
    """What system messages say before anything else, and the messages after them."""

    leading: List[Part]
    messages: List[Message]


def conversation(messages: List[Message], scope: Scope) -> Conversation:
    """The whole of `messages`, already checked for its shape."""
    items = _since_compaction(list(_items(messages)))
    leading = 0
    while leading < len(items) and items[leading].kind == "system":
        leading += 1
    made = _messages(_turns(items[leading:], scope), scope)
    if not made:
        raise refuse("messages", EMPTY)
    if scope.dialect.user_first and made[0]["role"] != "user":
        made.insert(0, {"role": "user", "content": PAUSE})
    if messages[-1]["role"] == "assistant" and made[-1]["role"] == "assistant":
        _mark_prefill(made[-1], scope)
    return Conversation([part for item in items[:leading] for part in parts_of(item.block, scope, item.path)], made)


def _mark_prefill(message: Dict[str, Any], scope: Scope) -> None:
    """Chat Completions has no way to begin the answer for the model: some servers continue the last message, or can."""
    if scope.dialect.prefill_mark:
        message[scope.dialect.prefill_mark] = True
    else:
        scope.warn("prefill")


def system_blocks(content: Any) -> List[Block]:
    """A string or blocks -> the text blocks, without the line that tells Anthropic whom to bill.

    That line differs from one conversation to the next, and would keep a provider from sharing its prefix cache.
    """
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content or ()
    texts = [dict(block, text=_without_billing(block["text"])) for block in blocks if block["type"] == "text"]
    return [block for block in texts if block["text"]]


def _without_billing(words: str) -> str:
    return words.partition("\n")[2] if words.startswith(BILLING_HEADER) else words


# -- 1. one stream of items

def _items(messages: List[Dict[str, Any]]) -> Iterator[Item]:
    last_user = max([index for index, message in enumerate(messages) if message["role"] == "user"], default=-1)
    for index, message in enumerate(messages):
        content, path = message.get("content"), (("messages", index), "content")
        if message["role"] == "system":
            cleared = message.get("clear_at") == "next_user_message" and index < last_user
            blocks = [] if cleared else system_blocks(content)
            if blocks:
                words = "\n\n".join(block["text"] for block in blocks)
                yield Item("user", "system", {"type": "text", "text": words}, path)
        elif isinstance(content, str):
            yield Item(message["role"], "text", {"type": "text", "text": content}, path)
        else:
            for number, block in enumerate(content):        # type: ignore[arg-type]  # shapes.py has seen to it
                side = "user" if block["type"] == "compaction" else message["role"]
                yield Item(side, block["type"], block, (path, number))


def _since_compaction(items: List[Item]) -> List[Item]:
    """What stands before a compaction is what it sums up."""
    for index in range(len(items) - 1, -1, -1):
        if items[index].kind == "compaction" and items[index].block.get("content"):
            return items[index:]
    return items


# -- 2. turns

def _turns(items: List[Item], scope: Scope) -> List[List[Item]]:
    turns = _by_side(items)
    saying = [turn for turn in turns if turn[0].side == "user" or _says_anything(turn, scope)]
    return turns if len(saying) == len(turns) else _by_side([item for turn in saying for item in turn])


def _by_side(items: List[Item]) -> List[List[Item]]:
    return [list(group) for _, group in groupby(items, key=itemgetter(0))]


def _says_anything(turn: List[Item], scope: Scope) -> bool:
    for item in turn:
        if item.kind == "tool_use" or parts_of(item.block, scope, item.path):
            return True
    return False


# -- 3. messages

def _messages(turns: List[List[Item]], scope: Scope) -> List[Message]:
    messages: List[Message] = []
    calls: List[Call] = []
    for turn in turns:
        if turn[0].side == "user":
            messages += _user_messages(turn, calls, scope)
            calls = []
        else:
            calls = calls_of([item.block for item in turn if item.kind == "tool_use"], scope)
            messages.append(_assistant_message(turn, calls, scope))
    return messages + [tool_message(call, None, scope)[0] for call in calls]


def _assistant_message(turn: List[Item], calls: List[Call], scope: Scope) -> Dict[str, Any]:
    parts = [part for item in turn if item.kind != "tool_use" for part in parts_of(item.block, scope, item.path)]
    texts = [part if part["type"] == "text" else text("[%s]" % part["type"].split("_")[0])[0] for part in parts]
    content = content_of(texts) if texts else scope.dialect.empty_content
    message: Message = {"role": "assistant", "content": content}
    if calls:
        message["tool_calls"] = [call.chat for call in calls]
    add_reasoning(message, calls, [item.block for item in turn if item.kind == "thinking"], scope)
    return message


def _user_messages(turn: List[Item], calls: List[Call], scope: Scope) -> List[Dict[str, Any]]:
    messages, attached, rest = _answers(turn, calls, scope)
    after_tools = len(messages)
    parts = attached
    for item in rest:
        if item.kind == "system" and scope.dialect.system_anywhere:
            messages += _user(parts)
            messages.append({"role": scope.dialect.system_role, "content": item.block["text"]})
            parts = []
        else:
            parts += _user_parts(item, scope)
    messages += _user(parts)
    return messages if scope.dialect.user_after_tool else _with_tools_last(messages, after_tools)


def _answers(turn: List[Item], calls: List[Call], scope: Scope) -> Tuple[List[Message], List[Block], List[Item]]:
    """The tool messages that answer the calls, the parts that cannot stand in them, the items that are no answer."""
    messages: List[Message] = []
    attached: List[Block] = []
    if not calls:
        return messages, attached, turn
    answers, rest = _paired(turn, calls)
    for call in calls:
        waiting = answers.get(call.client_id)
        message, parts = tool_message(call, waiting.pop(0) if waiting else None, scope)
        messages.append(message)
        attached += parts
    return messages, attached, rest


def _paired(turn: List[Item], calls: List[Call]) -> Tuple[Dict[str, List[Item]], List[Item]]:
    """The results of each call, by its id and no more than there are calls of it; and all other items."""
    answers: Dict[str, List[Item]] = {}
    rest: List[Item] = []
    unanswered: Dict[str, int] = {}
    for call in calls:
        unanswered[call.client_id] = unanswered.get(call.client_id, 0) + 1
    for item in turn:
        answered = item.block["tool_use_id"] if item.kind == "tool_result" else ""
        if unanswered.get(answered):
            unanswered[answered] -= 1
            answers.setdefault(answered, []).append(item)
        else:
            rest.append(item)
    return answers, rest


def _user_parts(item: Item, scope: Scope) -> List[Dict[str, Any]]:
    if item.kind == "system":
        return text(REMINDER % item.block["text"])
    if item.kind == "tool_result":
        return orphan_parts(item, scope)
    return parts_of(item.block, scope, item.path)


def _user(parts: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    return [{"role": "user", "content": content_of(parts)}] if parts else []


def _with_tools_last(messages: List[Dict[str, Any]], after_tools: int) -> List[Dict[str, Any]]:
    """Where no user message may follow a tool message: its words join the last one, images come after a pause."""
    following = messages[after_tools:after_tools + 1]
    if not after_tools or not following or following[0]["role"] != "user":
        return messages
    if not isinstance(following[0]["content"], str):
        return messages[:after_tools] + [{"role": "assistant", "content": PAUSE}] + messages[after_tools:]
    last = messages[after_tools - 1]
    joined = dict(last, content="%s\n\n%s" % (last["content"], following[0]["content"]))
    return messages[:after_tools - 1] + [joined] + messages[after_tools + 1:]
