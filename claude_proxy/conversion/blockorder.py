"""The order of an answer's blocks: what comes while a tool call is open waits until that call is whole.

Providers mix reasoning, text and calls in any order; Messages wants one block after the other, and clients run a tool
as soon as its block closes. So a call keeps its block until its arguments are a whole object; pieces of other calls,
and text between, wait in the order in which they began.

Nothing is closed but by what follows it, or by finish(): a block that a broken provider left open stays open.

Reasoning is
    SHOWN       as thinking, piece by piece: the client asked for it
    SEALED      a thinking block without text, all of it in the signature: the client asked for it like that
    KEPT        the same for a client that never asked for thinking: not before a tool call or the end, so that its
                text comes first; and without a call only where the provider wants all reasoning back
    DROPPED     otherwise
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Tuple, Union

from ..errors import UpstreamFailed
from .arguments import Arguments
from .callbook import CLOSED, NEW, OPEN, WAITING, Call, CallBook
from .context import AnswerContext
from .thoughts import Thoughts

if TYPE_CHECKING:
    from .response import MessageBuilder
    from .writer import MessageWriter

SHOWN, SEALED, KEPT, DROPPED = "shown", "sealed", "kept", "dropped"
ARGUMENTS_AT_ONCE = 32
MAX_BLANK = 2000                                    # characters of white space between two tokens of JSON


def unquoted(literal: str) -> str:
    """The text of a JSON string literal without its quotes."""
    return json.loads('"%s"' % literal) if "\\" in literal else literal


def reasoning_mode(context: AnswerContext) -> str:
    """What becomes of the reasoning in an answer."""
    if context.show_thinking:
        return SEALED if context.omit_thinking_text else SHOWN
    return KEPT if context.dialect.echo_reasoning else DROPPED


class BlockOrder:
    """Puts text, thinking and calls into the writer's blocks, in order."""

    def __init__(self, context: AnswerContext, writer: Union[MessageWriter, MessageBuilder],
                 thoughts: Thoughts) -> None:
        self._context = context
        self._provider = context.provider or "the provider"
        self._writer = writer
        self._thoughts = thoughts
        self._book = CallBook(context.message_id, context.used_tool_ids, context.declared_tools)
        self._call: Optional[Call] = None           # whose block is open
        self._waiting: List[Tuple[str, Any]] = []   # ("text" | "thinking", text) or ("call", Call)
        self._sealed: List[str] = []                # reasoning for the next signature
        self.mode = reasoning_mode(context)
        self.called_a_tool = False
        self.has_content = False                    # a block of the answer itself was opened

    @property
    def waits(self) -> bool:
        """Whether something waits for its block."""
        return bool(self._waiting)

    @property
    def in_a_call(self) -> bool:
        """Whether the open block is a call that is not whole yet."""
        return self._call is not None and not self._call.arguments.complete

    def text(self, text: str) -> None:
        """A piece of visible text."""
        self._put("text", text)

    def thinking(self, text: str) -> None:
        """A piece of reasoning."""
        if text and self.mode == KEPT:
            self._sealed.append(text)
        elif self.mode != DROPPED:
            self._put("thinking", text)

    def call_pieces(self, pieces: List[Mapping[str, Any]], whole: bool = False) -> None:
        """Pieces of tool calls, as a chunk lists them; `whole`: each is a call of its own."""
        for call, arguments in self._book.find(pieces, whole):
            self._add(call, arguments)

    def _add(self, call: Call, arguments: str) -> None:
        if call.extra is not None and call.id:      # it came late: it travels in the next thinking block
            self._thoughts.keep_extra(call.id, call.extra)
            call.extra = None
        if call.state == CLOSED:                    # it was whole: there is nothing to add
            return
        arguments = call.pairs.feed(arguments)
        if not call.arguments.begun:
            call.arguments.knows(self._context.tool_schemas.get(call.name))
        ready = call.arguments.add(arguments) if arguments else ""
        self._check_blank(call)
        if call.state == OPEN:
            if ready:
                self._writer.delta(ready)
        else:
            if call.state == NEW:
                call.state = WAITING
                self._waiting.append(("call", call))
            call.ready.append(ready)
        if self._waiting:
            self._drain()

    def _check_blank(self, call: Call) -> None:
        """Some models fall into endless white space, and would go on up to their output limit."""
        if call.arguments.blank > MAX_BLANK:
            raise UpstreamFailed("%s wrote endless white space into the arguments of %s" % (self._provider, call.name))

    def arguments_sink(self, piece: Dict[str, Any]) -> Optional[Callable]:
        """What takes the literals of pieces that differ from `piece` only in their arguments; None: not for sure."""
        call, index, raw_id, name = self._call, piece.get("index"), piece.get("id"), piece["function"].get("name")
        if call is None or not isinstance(call.arguments, Arguments) or not self._book.is_last(call, index):
            return None
        if call.pairs.half or name or (raw_id and raw_id != call.raw_id):
            return None                             # a name may begin another call
        return self._take_arguments if isinstance(index, int) or not raw_id else None

    def thinking_sink(self) -> Optional[Callable]:
        """The same for reasoning."""
        if self.mode == DROPPED:
            return list.clear
        if self.mode == KEPT:
            return self._keep_literals
        if self._writer.open != "thinking":
            return None
        return self._writer.literals if self.mode == SHOWN else self._keep_literals

    def _keep_literals(self, literals: List[str]) -> None:
        self._sealed.append(unquoted("".join(literals)))

    def _take_arguments(self, literals):
        """As call_pieces() does for each; together where they only go on with a string: most of them do."""
        arguments = self._call.arguments
        for at in range(0, len(literals), ARGUMENTS_AT_ONCE):
            some = literals[at:at + ARGUMENTS_AT_ONCE]
            if arguments.add_within_string(unquoted("".join(some))):
                self._writer.literals(some)
            else:
                self._take_each(arguments, some)
            self._check_blank(self._call)

    def _take_each(self, arguments, literals):
        straight = []
        for literal in literals:
            text = unquoted(literal)
            ready = arguments.add(text)
            if arguments.blank > MAX_BLANK:
                break
            if ready == text:
                straight.append(literal)
                continue
            if straight:
                self._writer.literals(straight)
                straight = []
            if ready:
                self._writer.delta(ready)
        if straight:
            self._writer.literals(straight)

    def keep_alive(self) -> None:
        """An empty delta of the open block, or a thinking block opened for it: some clients want to see one."""
        if self._writer.open is None:
            self._writer.open_thinking()
        self._writer.delta("")

    def finish(self, cut: bool) -> None:
        """Close all; `cut`: the output limit ended the answer, so that a call need not be whole. -> UpstreamFailed"""
        while True:
            self._finish_call(cut)
            if not self._waiting:
                break
            self._drain(at_the_end=True)
        self._close()
        wanted = self.called_a_tool or self.mode != KEPT or self._context.dialect.echo_reasoning == "always"
        if wanted and (self._thoughts.unsigned or self._sealed):
            self._seal()

    def drop_waiting_calls(self) -> None:
        """Forget the calls that have no block yet: the provider filtered the answer."""
        self._waiting = [item for item in self._waiting if item[0] != "call"]

    # -- which block is next

    def _put(self, kind: str, text: str) -> None:
        if not text:
            return
        if not self._waiting and not self.in_a_call:
            self._write(kind, text)
            return
        self._waiting.append((kind, text))
        self._drain()

    def _write(self, kind: str, text: str) -> None:
        self._enter(kind)
        if kind == "thinking" and self.mode == SEALED:
            self._sealed.append(text)
        else:
            self._writer.delta(text)

    def _drain(self, at_the_end: bool = False) -> None:
        """Let those that wait have their blocks, as far as the calls before them are whole."""
        while self._waiting and not self.in_a_call:
            kind, item = self._waiting[0]
            if kind != "call":
                self._write(kind, item)
            elif at_the_end and item.is_nothing:
                pass
            elif self._may_open(item, at_the_end):
                self._open_call(item)
            else:
                return
            self._waiting.pop(0)

    def _may_open(self, call: Call, at_the_end: bool) -> bool:
        if at_the_end:
            if not call.name:
                raise UpstreamFailed("%s called a tool without naming it" % self._provider)
            return True
        declared = self._context.declared_tools
        named = call.name and (not declared or call.name in declared or call.arguments.begun)
        return bool(named and (call.raw_id or call.arguments.begun))

    def _open_call(self, call: Call) -> None:
        self._book.give_id(call)
        if call.extra is not None:
            self._thoughts.keep_extra(call.id, call.extra)
            call.extra = None
        self._enter("tool_use", call)
        call.state, self._call, self.called_a_tool = OPEN, call, True
        ready = "".join(call.ready)
        if ready:
            self._writer.delta(ready)

    # -- opening and closing

    def _enter(self, kind, call=None):
        self.has_content = True
        if self._writer.open == kind and kind != "tool_use":
            return
        self._finish_call(False)
        must_seal = self._must_seal(kind) and self._writer.open != "thinking"
        self._close()
        if must_seal:
            self._seal()
        if kind == "text":
            self._writer.open_text()
        elif kind == "thinking":
            self._writer.open_thinking()
        else:
            self._writer.open_tool(call.id, self._context.tool_names.get(call.name, call.name))

    def _must_seal(self, kind: str) -> bool:
        """Whether a block of `kind` must not open before something has gone into a signature."""
        if kind == "tool_use" and self.mode == KEPT and self._sealed:
            return True
        return self._thoughts.unsigned and (kind == "tool_use" or (kind == "text" and self.mode in (SHOWN, SEALED)))

    def _seal(self) -> None:
        """A thinking block without text, for what must go back to the provider and has no other place."""
        self._writer.open_thinking()
        self._close()

    def _finish_call(self, cut: bool) -> None:
        """Send the rest of the open call's arguments; the block itself closes with what follows."""
        call = self._call
        if call is None:
            return
        rest = call.arguments.finish()
        if rest is None and not cut and not self._writer.takes_bad_json:
            raise UpstreamFailed("%s called %s with arguments that are not JSON and cannot be mended"
                                 % (self._provider, call.name))
        if rest is None or (cut and not call.arguments.complete):
            rest = call.arguments.as_it_came()
        if rest:
            self._writer.delta(rest)
        call.state, self._call = CLOSED, None

    def _close(self) -> None:
        """Close the open block, if there is one."""
        if self._writer.open == "thinking":
            sealed, self._sealed = "".join(self._sealed), []
            self._writer.close(self._thoughts.signature(self._writer.thinking_text(), sealed or None))
        elif self._writer.open is not None:
            self._writer.close()
