"""Random answers of providers, each with what it truly says: every deviation that is known, mixed by a seed."""
import json
import random
from dataclasses import replace

from answers import CONTEXT
from claude_proxy.conversion import CLAUDE_CODE
from claude_proxy.providers.dialects import GENERIC

SCRAPS = ["Hello", " world", "\n\n", "é", "中文", "😀", '"', "\\", "\\n", "{", "}", "[", "<b>", "</think>", "`x`", "\t",
          "END",
          " ", "data: ", "\u2028", "a/b", "0", "null", "\u200d", "</", "\r", "\x7f"]
VALUES = [0, -1.5, 1e20, True, None, "", "x", "a\nb", "中😀", '"q"', [], [1, [2]], {}, {"a": {"b": []}}, "end, ]}", "\\"]
ENDINGS = [("stop", "end_turn"), ("eos", "end_turn"), ("length", "max_tokens"), ("tool_calls", "end_turn"),
           ("", "end_turn")]


class History:
    """One answer: `body` in bytes, `context`; and what must come of it."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.names = ["ls", "cat", "Write"]
        self.style = self._style()
        self.context = self._context()
        self.thinking, self.text, self.calls = "", "", []       # what the model said
        self.chunks = [chunk for part in self._parts() for chunk in part]
        self.cut = self._maybe(0.08)
        self.failed = not self.cut and self._maybe(0.05)
        self.word, self.stop_reason = self._choose(ENDINGS)
        self.body = self._framed(self._ended())

    def sizes(self):
        """How the body is cut into pieces."""
        if self._maybe(0.3):
            return []
        largest = self._choose([1, 7, 60, 400, 3000])
        return [self.dice.randint(1, largest) for _ in range(2 * len(self.body) // largest + 1)]

    @property
    def ends_well(self):
        """Whether the provider ended the answer as it should."""
        return not self.cut and not self.failed

    # -- dice

    def _maybe(self, chance):
        return self.dice.random() < chance

    def _choose(self, options):
        return self.dice.choice(options)

    def _words(self, most=12):
        return "".join(self._choose(SCRAPS) for _ in range(self.dice.randint(0, most)))

    def _pieces(self, text):
        """The text cut into chunks; now and then within a surrogate pair, or with an empty one."""
        units = text.encode("utf-16-le") if self._maybe(0.1) else None
        count = self._choose([1, 3, 3, 8])
        size = len(units) // 2 if units else len(text)
        cuts = sorted(self.dice.randint(0, size) for _ in range(count - 1))
        spans = zip([0] + cuts, cuts + [size])
        if units:
            return [units[2 * a:2 * b].decode("utf-16-le", "surrogatepass") for a, b in spans]
        return [text[a:b] for a, b in spans]

    # -- the provider's habits

    def _style(self):
        return {
            "reasoning": self._choose(["reasoning_content", "reasoning", "both", "details", "tags", "parts"]),
            "role": self._maybe(0.3), "nulls": self._maybe(0.3), "ascii": self._maybe(0.3), "spaces": self._maybe(0.3),
            "padding": self._maybe(0.15), "usage": self._choose(["last", "finish", "every", "choice", "groq", "never"]),
            "index": self._maybe(0.85), "ids": self._choose(["once", "always", "empty", "never", "same"]),
            "names": self._maybe(0.2), "line": self._choose(["\n", "\n", "\r\n", "\r"]), "done": self._maybe(0.8),
            "colon": self._choose(["data: ", "data:"]), "interleave": self._maybe(0.3)}

    def _context(self):
        dialect = replace(GENERIC, think_tags=self.style["reasoning"] == "tags",
                          echo_reasoning=self._choose(["", "always"]),
                          text_tool_calls=self._maybe(0.2))
        return replace(CONTEXT, dialect=dialect, show_thinking=self._maybe(0.7), omit_thinking_text=self._maybe(0.1),
                       client=self._choose([CONTEXT.client, CLAUDE_CODE]), declared_tools=frozenset(self.names),
                       local_stops=("\x00END",) if self._maybe(0.2) else ())

    # -- what the model says, as lists of chunks

    def _parts(self):
        if self._maybe(0.6):
            yield self._reasoning(first=True)
        for _ in range(self.dice.randint(0, 3)):
            kind = self._choose(["text", "calls", "text", "calls", "reasoning"])
            if kind == "text":
                yield self._say()
            elif kind == "reasoning" and self.style["reasoning"] != "tags":
                yield self._reasoning()
            elif kind == "calls":
                yield self._calls()

    def _say(self):
        text = self._words()
        if not self.text:
            text = text.lstrip()                    # behind a tag, white space belongs to the tag
            text = "x" + text if text.startswith("</think>") else text      # at the very start it would be no text
        self.text += text
        return [self._delta(content=piece) for piece in self._pieces(text)]

    def _reasoning(self, first=False):
        text, style = self._words(), self.style["reasoning"]
        if style == "tags":
            if not first:
                return []
            text = "x" + text.replace("</think>", "")
            self.thinking += text
            return [self._delta(content=piece) for piece in self._pieces("<think>%s</think>\n" % text)]
        self.thinking += text
        return [self._thought(style, piece) for piece in self._pieces(text)]

    def _thought(self, style, piece):
        details = [{"type": "reasoning.text", "text": piece, "index": 0}]
        if style == "parts":
            return self._delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": piece}]}])
        if style == "details":
            return self._delta(reasoning_details=details)
        if style == "both":
            return self._delta(reasoning=piece, reasoning_details=details)
        return self._delta(**{style: piece})

    def _calls(self):
        """Some calls, one behind the other, or mixed where they have an index."""
        before = len(self.calls)
        streams = [self._call() for _ in range(self.dice.randint(1, 3))]
        if not (self.style["interleave"] and self.style["index"]):
            return [chunk for stream in streams for chunk in stream]
        calls, order, chunks = self.calls[before:], [], []
        while any(streams):
            number = self._choose([at for at, stream in enumerate(streams) if stream])
            order += [number] if number not in order else []
            chunks.append(streams[number].pop(0))
        self.calls[before:] = [calls[number] for number in order]   # the one that begins first is first
        return chunks

    def _call(self):
        call_number, name = len(self.calls), self._choose(self.names)
        keys = [self._choose(["a", "é", "path"]) + str(number) for number in range(self.dice.randint(0, 3))]
        value = {key: self._choose(VALUES) for key in keys}
        self.calls.append((name, value))
        text = self._arguments(value)
        if not isinstance(text, str):
            return [self._piece(call_number, name, text, True)]
        if not self.style["index"] and not text:
            text = "{}"                             # without an index nothing else shows where a call ends
        pieces = [""] * self._maybe(0.5) + self._pieces(text)
        return [self._piece(call_number, name, piece, at == 0) for at, piece in enumerate(pieces)]

    def _arguments(self, value):
        text = json.dumps(value, ensure_ascii=self._maybe(0.5), separators=self._choose([(",", ":"), (", ", ": ")]))
        if self._maybe(0.1) and self.style["index"]:
            return value if value and self._maybe(0.5) else ("" if not value else text)
        if not self._maybe(0.2):
            return text
        return self._choose([
            lambda: "```json\n%s\n```" % text,
            lambda: text[:-1] + (",}" if value else "}"),
            lambda: json.dumps(text),
            lambda: text + "\n\nDone.",
            lambda: " \n" + text,
        ])()

    def _piece(self, number, name, arguments, first):
        ids = {"once": "c%d" % number if first else None, "always": "c%d" % number,
               "empty": "c%d" % number if first else "",
               "never": None, "same": "c" if first else None}[self.style["ids"]]
        piece = {"index": number, "function": {"arguments": arguments}}
        if not self.style["index"]:
            del piece["index"]
            ids = "c%d" % number
        if ids is not None:
            piece["id"] = ids
        if first or self.style["names"]:
            piece["function"]["name"] = name
        elif self._maybe(0.2):
            piece["function"]["name"] = self._choose(["", None])
        return self._delta(tool_calls=[piece])

    def _delta(self, **delta):
        if self.style["role"]:
            delta["role"] = "assistant"
        if self.style["nulls"]:
            for name in ("content", "reasoning_content", "tool_calls", "refusal", "function_call"):
                delta.setdefault(name, self._choose([None, None, "" if name != "tool_calls" else []]))
        return {"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}

    # -- its end, and its form

    def _ended(self):
        chunks, style = list(self.chunks), self.style
        if self.cut:
            return chunks
        if self.failed:
            return chunks[:self.dice.randint(0, len(chunks))] + [{"error": {"message": "boom", "code": 500}}]
        usage = {"prompt_tokens": 10, "completion_tokens": 4}
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": self.word or None}]}
        if not self.word:
            style["done"] = True
        if style["usage"] == "every":
            for number, chunk in enumerate(chunks):
                chunk["usage"] = {"prompt_tokens": 10, "completion_tokens": number}
        chunks += [last] * self._choose([1, 1, 2])
        form = {"last": {"choices": [], "usage": usage}, "every": {"choices": [], "usage": usage},
                "finish": dict(last, usage=usage), "groq": dict(last, x_groq={"usage": usage}),
                "never": {"choices": []},
                "choice": {"choices": [dict(last["choices"][0], usage=usage)]}}
        return chunks + [form[style["usage"]]]

    def _framed(self, chunks):
        line, out = self.style["line"], []
        if self._maybe(0.1):
            out.append("\ufeff")
        for chunk in chunks:
            if self._maybe(0.05):
                other = self._choose([": keep-alive", "id: 7" + line + "retry: 1", "", "event: message", "data: OK"])
                out.append(other + line * 2)
            if self._maybe(0.03):
                other = self._choose([None, [], [{"index": 1, "delta": {"content": "no"}}]])
                out.append(self._event({"choices": other}))
            if self.style["padding"]:
                chunk = dict(chunk, obfuscation="x" * self.dice.randint(0, 9))
            out.append(self._event(chunk))
        if self.style["done"] and not self.cut:
            out.append(self.style["colon"] + "[DONE]" + line * 2)
            if self._maybe(0.1):
                out.append(self._event(self._delta(content="behind the end")))
        body = "".join(out)
        return (body.rstrip("\r\n") if self._maybe(0.1) else body).encode("utf-8")

    def _event(self, chunk):
        separators = (", ", ": ") if self.style["spaces"] else (",", ":")
        text = json.dumps(chunk, ensure_ascii=self.style["ascii"], separators=separators)
        if any("\ud800" <= char <= "\udfff" for char in text):
            text = json.dumps(chunk, separators=separators)
        return self.style["colon"] + text + self.style["line"] * 2
