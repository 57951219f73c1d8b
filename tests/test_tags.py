"""tags: reasoning between tags, however the text is cut."""
import pytest

from claude_proxy.conversion.tags import TagSplitter, is_unclosed

TEXTS = {
    "a tag at the start": ("<think>hm</think>\n\nYes", "hm", "Yes"),
    "white space before it": ("\n <thinking>hm</thinking>Yes", "hm", "Yes"),
    "Gemini's word": ("<thought>hm</thought>Yes", "hm", "Yes"),
    "another tag within": ("<think>a</thinking> <b> </thin</think>Yes", "a</thinking> <b> </thin", "Yes"),
    "nothing within": ("<think>\n\n</think>\n\nYes", "\n\n", "Yes"),
    "nothing behind": ("<think>hm</think>\n", "hm", ""),
    "never closed": ("<think>hm, and then </thi", "hm, and then </thi", ""),
    "opened again behind": ("<think>hm</think>Yes <think>no</think>", "hm", "Yes <think>no</think>"),
    "further on": ("Use <think>hm</think>", "", "Use <think>hm</think>"),
    "closed, but never opened": ("hm</think>Yes", "", "hm</think>Yes"),
    "closed before anything else": ("\n</think>\n\nYes </think>", "", "Yes </think>"),
    "closed by another word for it": ("</thought>Yes", "", "Yes"),
    "almost a closing tag": ("</thin air>", "", "</thin air>"),
    "almost a tag": ("<thin air>", "", "<thin air>"),
    "the beginning of one": ("<thi", "", "<thi"),
    "only white space": (" \n", "", " \n"),
    "a lot of white space": (" " * 400 + "<think>x", "", " " * 400 + "<think>x"),
}


@pytest.mark.parametrize("text, thinking, visible", TEXTS.values(), ids=TEXTS.keys())
def test_tags_at_every_cut(text, thinking, visible):
    for size in range(1, len(text) + 1):
        splitter = TagSplitter()
        pieces = [piece for at in range(0, len(text), size) for piece in splitter.feed(text[at:at + size])]
        pieces += splitter.finish()
        assert "".join(piece for kind, piece in pieces if kind == "thinking") == thinking
        assert "".join(piece for kind, piece in pieces if kind == "text") == visible


def test_reasoning_goes_out_as_it_comes():
    splitter = TagSplitter()
    assert [splitter.feed(piece) for piece in ("<th", "ink>a", "b</", "c")] == [
        [], [("thinking", "a")], [("thinking", "b")], [("thinking", "</c")]]


def test_a_whole_text_tells_whether_its_tag_is_closed():
    assert [is_unclosed(text) for text in ("<think>x", "<think>x</think>", "x")] == [True, False, False]
