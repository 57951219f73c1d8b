"""Tokens that end a turn, as text at its end: dropped wherever the pieces are cut; text anywhere else."""
from dataclasses import replace

import pytest
from answers import CONTEXT, end, outline, say, sse, translate

from claude_proxy.conversion.endtokens import EndTokens
from claude_proxy.providers.dialects import DIALECTS

CASES = [
    ("Done.<|im_end|>", "Done."),
    ("Done.<|im_end|>\n<|endoftext|>\n", "Done."),
    ("Done.<|eot_id|>", "Done."),
    ("Done.<end_of_turn>\n", "Done."),
    ("完成。<｜end▁of▁sentence｜>", "完成。"),
    ("<|im_end|>", ""),
    ("`<|im_end|>` ends a turn.", "`<|im_end|>` ends a turn."),
    ("One <|im_end|> two", "One <|im_end|> two"),
    ("a < b <|", "a < b <|"),
    ("<s>old</s>", "<s>old</s>"),
    ("", ""),
]


@pytest.mark.parametrize("text, expected", CASES)
def test_wherever_the_pieces_are_cut(text, expected):
    for at in range(len(text) + 1):
        tokens = EndTokens()
        assert tokens.feed(text[:at]) + tokens.feed(text[at:]) + tokens.finish() == expected
    tokens = EndTokens()
    assert "".join(map(tokens.feed, text)) + tokens.finish() == expected


ANSWERS = [      # the row, the pieces of the text, what the client gets
    ("llama.cpp", ["Done.", "<|im", "_end|>"], "0+text 0:Done. 0- =end_turn ."),
    ("ollama", ['<tool_call>{"name":"ls"}</tool_call>', "<|im_end|>"], "0+ls 0:{} 0- =tool_use ."),
    ("openai", ["Done.", "<|im_end|>"], "0+text 0:Done. 0:<|im_end|> 0- =end_turn ."),
]


@pytest.mark.parametrize("fast", (True, False))
@pytest.mark.parametrize("row, pieces, expected", ANSWERS)
def test_only_servers_of_ones_own_are_looked_through(row, pieces, expected, fast):
    context = replace(CONTEXT, dialect=DIALECTS[row], declared_tools=frozenset(["ls"]))
    data, _ = translate(sse([say(content=piece) for piece in pieces] + [end("stop")]), context, fast=fast)
    assert outline(data) == expected
