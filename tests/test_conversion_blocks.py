"""Every content block: what the model gets to read of it, and what is said where something is left out."""
import pytest

from targets import PDF, PDF_PART, PNG, PNG_PART, assistant, call, converted, result, target, text, tool, use, user

CALLED = [user("q"), assistant([use("t1")])]


def last(blocks, to=None, before=(), role="user"):
    """(the content of the last message, the warnings)"""
    made = converted({"messages": list(before) + [{"role": role, "content": blocks}]}, to)
    return made.body["messages"][-1]["content"], made.warnings


def document(source, **more):
    return dict({"type": "document", "source": source}, **more)


USER_BLOCKS = {
    "an image among texts keeps its place": (
        [text("a"), PNG, text("b")],
        [text("a"), PNG_PART, text("b")]),
    "an image by its address": (
        [{"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}],
        [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]),
    "base64 in lines, a type with an old name": (
        [{"type": "image", "source": {"type": "base64", "media_type": "image/jpg", "data": "iVBO\r\nRw0K"}}],
        [{"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,iVBORw0K"}}]),
    "what only Anthropic's servers do with an image": (
        [dict(PNG, cache_control={"type": "ephemeral"}, transformations={"oversized_image": "error"})],
        [PNG_PART]),
    "a text document": (
        [document({"type": "text", "media_type": "text/plain", "data": "words"}, title='The "plan"', context="draft"),
         text("q")],
        '<document title="The &quot;plan&quot;" context="draft">\nwords\n</document>\n\nq'),
    "a document of blocks": (
        [document({"type": "content", "content": [text("one"), text("two")]})],
        "<document>\none\ntwo\n</document>"),
    "a document with an image inside": (
        [document({"type": "content", "content": [text("one"), PNG]}, title="T")],
        [text('<document title="T">\none'), PNG_PART, text("</document>")]),
    "a document of a string": (
        [document({"type": "content", "content": "words"})],
        "<document>\nwords\n</document>"),
    "a search result": (
        [{"type": "search_result", "source": "https://s.example", "title": "T", "content": [text("one"), text("two")]}],
        "[search result: T]\nhttps://s.example\none\ntwo"),
}


@pytest.mark.parametrize("blocks, expected", USER_BLOCKS.values(), ids=USER_BLOCKS.keys())
def test_blocks_of_a_user(blocks, expected):
    assert last(blocks) == (expected, ())


WITH_WARNINGS = {
    "a document by its address is named, not fetched": (
        [document({"type": "url", "url": "https://example.com/x.pdf"})], {},
        "[document at https://example.com/x.pdf, which was not fetched]", ("dropped:document_url",)),
    "citations": (
        [document({"type": "text", "data": "words"}, citations={"enabled": True})], {},
        "<document>\nwords\n</document>", ("dropped:citations",)),
    "an upload for a container": (
        [{"type": "container_upload", "file_id": "file_1"}, text("q")], {},
        "q", ("dropped:container_upload",)),
    "an image for a model that sees none": (
        [text("what?"), PNG], {"images": False},
        "what?\n\n[image left out: this model does not take images]", ("dropped:image",)),
    "a PDF where files are taken": (
        [PDF, text("q")], {"files": True},
        [PDF_PART, text("q")], ()),
}


@pytest.mark.parametrize("blocks, dialect, expected, warnings", WITH_WARNINGS.values(), ids=WITH_WARNINGS.keys())
def test_blocks_that_depend(blocks, dialect, expected, warnings):
    assert last(blocks, target(**dialect)) == (expected, warnings)


def test_the_models_row_says_more_of_images_than_the_dialect():
    assert last([PNG], target(images=True))[0] == [PNG_PART]
    assert last([PNG], target(images=False))[1] == ("dropped:image",)


RESULTS = {
    "text": ("12 C", {}, "12 C"),
    "nothing at all": (None, {}, "(no output)"),
    "an empty string": ("", {}, "(no output)"),
    "an empty list": ([], {}, "(no output)"),
    "texts": ([text("a"), text("b")], {}, "a\n\nb"),
    "an error": ("no such file", {"is_error": True}, "Error: no such file"),
    "an error without words": ("", {"is_error": True}, "Error: (no output)"),
    "a tool that was found": (
        [{"type": "tool_reference", "tool_name": "weather"}, {"type": "tool_reference", "tool_name": "time"}], {},
        "Tool available: weather\n\nTool available: time"),
    "a document": ([document({"type": "text", "data": "words"})], {}, "<document>\nwords\n</document>"),
    "a browser": (
        [{"type": "browser_state", "tabs": [{"title": "Home"}], "cache_control": {"type": "ephemeral"}}], {},
        '{"tabs": [{"title": "Home"}]}'),
    "a PDF that cannot go on, with a note for the model": (
        [text("read"), PDF], {},
        "read\n\n[PDF left out: this provider does not take PDF files; extract its text first]"),
}


@pytest.mark.parametrize("content, more, expected", RESULTS.values(), ids=RESULTS.keys())
def test_results(content, more, expected):
    assert last([result("t1", content, **more)], before=CALLED)[0] == expected


def test_a_result_without_content():
    assert last([{"type": "tool_result", "tool_use_id": "t1"}], before=CALLED)[0] == "(no output)"


def test_images_in_results_where_they_are_taken():
    to = target(images_in_tool_results=True)
    assert last([result("t1", [text("a"), PNG])], to, CALLED)[0] == [text("a"), PNG_PART]
    assert last([result("t1", [PNG], is_error=True)], to, CALLED)[0] == [text("Error:"), PNG_PART]


def test_a_pdf_in_a_result():
    made = converted({"messages": CALLED + [user([result("t1", [PDF])])]}, target(files=True))
    assert made.body["messages"][2:] == [
        tool("t1", "[see the attached file]"), user([text("[file from tool result t1]"), PDF_PART])]


SERVER_HISTORY = {
    "web search": (
        [{"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}},
         {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [
             {"type": "web_search_result", "url": "https://r.example/1", "title": "One", "encrypted_content": "E"}]},
         text("Found")],
        '[server tool web_search: {"query": "x"}]\n\nOne — https://r.example/1\n\nFound'),
    "a failed search": (
        [{"type": "web_search_tool_result", "tool_use_id": "s1",
          "content": {"type": "web_search_tool_result_error", "error_code": "unavailable"}}],
        "[web_search failed: unavailable]"),
    "web fetch": (
        [{"type": "web_fetch_tool_result", "tool_use_id": "s1", "content": {
            "type": "web_fetch_result", "url": "https://p.example",
            "content": document({"type": "text", "data": "page words"})}}],
        "https://p.example\npage words"),
    "code execution": (
        [{"type": "code_execution_tool_result", "tool_use_id": "s1", "content": {
            "type": "code_execution_result", "stdout": "1\n", "stderr": "oops", "return_code": 3}}],
        "1\noops\n[exit code 3]"),
    "a file that was viewed": (
        [{"type": "text_editor_code_execution_tool_result", "tool_use_id": "s1", "content": {
            "type": "text_editor_code_execution_view_result", "content": "line"}}],
        "line"),
    "a tool search says nothing: all tools are sent": (
        [{"type": "tool_search_tool_result", "tool_use_id": "s1", "content": {
            "type": "tool_search_tool_search_result", "tool_references": []}}, text("a")],
        "a"),
    "an advisor": (
        [{"type": "advisor_tool_result", "tool_use_id": "s1", "content": {"type": "advisor_result", "text": "do X"}}],
        "[advisor: do X]"),
    "a remote MCP server": (
        [{"type": "mcp_tool_use", "id": "m1", "name": "find", "server_name": "crm", "input": {"a": "é"}},
         {"type": "mcp_tool_result", "tool_use_id": "m1", "content": [text("two rows")]}],
        '[server tool crm/find: {"a": "é"}]\n\ntwo rows'),
    "a remote MCP server that failed": (
        [{"type": "mcp_tool_result", "tool_use_id": "m1", "is_error": True, "content": [text("no such table")]}],
        "Error: no such table"),
    "images and citations of an assistant": (
        [text("cited", citations=[{"type": "char_location"}]), PNG], "cited\n\n[image]"),
    "what is for Anthropic's servers alone": (
        [{"type": "redacted_thinking", "data": "x"}, {"type": "fallback"}, {"type": "mcp_tool_listing"}, text("a")],
        "a"),
}


@pytest.mark.parametrize("blocks, expected", SERVER_HISTORY.values(), ids=SERVER_HISTORY.keys())
def test_blocks_of_an_assistant(blocks, expected):
    assert last(blocks, role="assistant")[0] == expected


def test_names_and_arguments_of_calls():
    name = "mcp__a_server_with_a_long_name__a_tool_with_a_very_long_name_indeed"
    messages = [user("q"), assistant([use("t1", name, text="häß 😀"), use("t2", "not a name!"), use("t3", "")])]
    assert converted({"messages": messages}).body["messages"][1]["tool_calls"] == [
        call("t1", "mcp__a_server_with_a_long_name__a_tool_with_a_v_3ca7013ca4f41242", '{"text": "häß 😀"}'),
        call("t2", "not_a_name_"), call("t3", "unnamed_tool")]


def test_input_that_the_client_could_not_parse_passes():
    messages = [user("q"), assistant([use("t1", __unparsedToolInput="{\"a\": ")])]
    assert converted({"messages": messages}).body["messages"][1]["tool_calls"] == [
        call("t1", arguments='{"__unparsedToolInput": "{\\"a\\": "}')]


def test_a_key_of_the_users_own_json_is_never_taken_for_a_mark():
    messages = [user("q"), assistant([use("t1", cache_control={"type": "ephemeral"})])]
    assert converted({"messages": messages}).body["messages"][1]["tool_calls"] == [
        call("t1", arguments='{"cache_control": {"type": "ephemeral"}}')]
