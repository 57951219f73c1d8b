"""What is refused, in which words: a path, and why."""
import pytest

from claude_proxy.conversion.clients import ANY_CLIENT
from claude_proxy.conversion import count_tokens, to_chat_request
from claude_proxy.errors import InvalidRequest
from targets import HELLO, PDF, PNG, assistant, result, system, target, text, use, user

ABSENT = object()
REQUIRED = "Field required"
TOOL = {"name": "t", "input_schema": {"type": "object"}}


def refusal(request):
    """What is said to HELLO with these changes."""
    body = {name: value for name, value in dict(HELLO, **request).items() if value is not ABSENT}
    with pytest.raises(InvalidRequest) as caught:
        to_chat_request(body, target(), ANY_CLIENT)
    assert caught.value.status == 400 and caught.value.type == "invalid_request_error"
    return caught.value


def blocks(*given):
    return {"messages": [user(list(given))]}


def said(*given):
    return {"messages": [user("q"), assistant(list(given))]}


def image(source):
    return blocks({"type": "image", "source": source})


def document(source):
    return blocks({"type": "document", "source": source})


BODIES = [
    ({"model": ABSENT}, "model: Field required"),
    ({"model": ""}, "model: String should have at least 1 character"),
    ({"model": 5}, "model: Input should be a valid string"),
    ({"max_tokens": ABSENT}, "max_tokens: Field required"),
    ({"max_tokens": None}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": 1.5}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": -5}, "max_tokens: Input should be greater than or equal to 1"),
    ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
    ({"messages": ABSENT}, "messages: Field required"),
    ({"messages": None}, "messages: Input should be a valid list"),
    ({"messages": "hi"}, "messages: Input should be a valid list"),
    ({"messages": []}, "messages: at least one message is required"),
    ({"messages": [user("x")] * 100001},
     "messages: List should have at most 100000 items after validation, not 100001"),
    ({"messages": ["hi"]}, "messages.0: Input should be an object"),
    ({"messages": [None]}, "messages.0: Input should be an object"),
    ({"messages": [{"content": "x"}]}, "messages.0.role: Field required"),
    ({"messages": [{"role": "tool", "content": "x"}]},
     "messages.0.role: Input should be 'user', 'assistant' or 'system'"),
    ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    ({"messages": [user(None)]}, "messages.0.content: Input should be a valid list"),
    ({"messages": [user(7)]}, "messages.0.content: Input should be a valid list"),
    ({"messages": [user(["x"])]}, "messages.0.content.0: Input should be an object"),
    ({"messages": [user("")]},
     "messages: all messages must have non-empty content except for the optional final assistant message"),
    ({"messages": [{"role": "system", "content": "x"}]},
     "messages: all messages must have non-empty content except for the optional final assistant message"),
    ({"messages": [user("q"), {"role": "system"}]}, "messages.1.content: Field required"),
    ({"messages": [user("q"), system([PNG])]},
     "messages.1.content.0: Input tag 'image' found using 'type' does not match any of the expected tags: "
     "'text', 'tool_addition', 'tool_removal'"),
    ({"system": 5}, "system: Input should be a valid list"),
    ({"system": [PNG]},
     "system.0: Input tag 'image' found using 'type' does not match any of the expected tags: 'text'"),
    ({"stream": "true"}, "stream: Input should be a valid boolean"),
    ({"stream": 1}, "stream: Input should be a valid boolean"),
    ({"stop_sequences": "END"}, "stop_sequences: Input should be a valid list"),
    ({"stop_sequences": ["a", 1]}, "stop_sequences.1: Input should be a valid string"),
    ({"temperature": "hot"}, "temperature: Input should be a valid number"),
    ({"temperature": True}, "temperature: Input should be a valid number"),
    ({"temperature": 3.5}, "temperature: Input should be less than or equal to 1"),
    ({"top_p": -1}, "top_p: Input should be greater than or equal to 0"),
    ({"top_k": "x"}, "top_k: Input should be a valid number"),
    ({"metadata": "x"}, "metadata: Input should be an object"),
    ({"metadata": {"user_id": 1}}, "metadata.user_id: Input should be a valid string"),
    ({"thinking": "on"}, "thinking: Input should be an object"),
    ({"thinking": {}}, "thinking.type: Field required"),
    ({"thinking": {"type": "sometimes"}},
     "thinking.type: Input should be 'enabled', 'adaptive', 'auto', 'between_tools' or 'disabled'"),
    ({"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens: Field required"),
    ({"output_config": []}, "output_config: Input should be an object"),
    ({"output_config": {"format": {"type": "xml", "schema": {}}}},
     "output_config.format.type: Input should be 'json_schema'"),
    ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema: Field required"),
    ({"output_format": {"type": "json_schema", "schema": 1}}, "output_format.schema: Input should be an object"),
]

BLOCKS = [
    (blocks(None), "messages.0.content.0: Input should be an object"),
    (blocks({}), "messages.0.content.0.type: Field required"),
    (blocks({"type": "text"}), "messages.0.content.0.text.text: Field required"),
    (blocks({"type": "text", "text": None}), "messages.0.content.0.text.text: Input should be a valid string"),
    (blocks({"type": "image"}), "messages.0.content.0.image.source: Field required"),
    (image("x"), "messages.0.content.0.image.source: Input should be an object"),
    (image({}), "messages.0.content.0.image.source.type: Field required"),
    (image({"type": "carrier_pigeon"}),
     "messages.0.content.0.image.source: Input tag 'carrier_pigeon' found using 'type' does not match any of the "
     "expected tags: 'base64', 'url', 'file'"),
    (image({"type": "base64", "media_type": "image/png", "data": None}),
     "messages.0.content.0.image.source.base64.data: Input should be a valid string"),
    (image({"type": "base64", "media_type": "image/tiff", "data": "x"}),
     "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif', "
     "'image/webp' or 'image/jpg'"),
    (image({"type": "url", "url": "file:///etc/passwd"}),
     "messages.0.content.0.image.source.url.url: Only HTTP and HTTPS URLs are supported"),
    (image({"type": "file", "file_id": "f"}),
     "messages.0.content.0.image.source: files need Anthropic's Files API, which this proxy does not have; "
     "send the content itself as base64"),
    (document({"type": "file", "file_id": "f"}),
     "messages.0.content.0.document.source: files need Anthropic's Files API, which this proxy does not have; "
     "send the content itself as base64"),
    (document({"type": "text"}), "messages.0.content.0.document.source.text.data: Field required"),
    (blocks(text("q"), PDF), "messages.0.content.1.document: up does not take PDF files; send the text of it"),
    (blocks({"type": "hologram"}),
     "messages.0.content.0: Input tag 'hologram' found using 'type' does not match any of the expected tags: 'text', "
     "'image', 'document', 'search_result', 'tool_result', 'tool_reference', 'browser_state', "
     "'web_search_tool_result', 'web_fetch_tool_result', 'code_execution_tool_result', "
     "'bash_code_execution_tool_result', "
     "'text_editor_code_execution_tool_result', 'tool_search_tool_result', 'advisor_tool_result', 'mcp_tool_result', "
     "'mcp_tool_listing', 'container_upload', 'compaction'"),
    (blocks(use("t1")), "messages.0.content.0: `tool_use` blocks can only be in assistant messages"),
    (blocks({"type": "thinking", "thinking": "hm"}),
     "messages.0.content.0: `thinking` blocks can only be in assistant messages"),
    (said(result("t1")), "messages.1.content.0: `tool_result` blocks can only be in user messages"),
    (said({"type": "tool_use", "name": "n", "input": {}}), "messages.1.content.0.tool_use.id: Field required"),
    (said({"type": "tool_use", "id": "t", "input": {}}), "messages.1.content.0.tool_use.name: Field required"),
    (said({"type": "tool_use", "id": "t", "name": "n"}), "messages.1.content.0.tool_use.input: Field required"),
    (said({"type": "tool_use", "id": "t", "name": "n", "input": "{}"}),
     "messages.1.content.0.tool_use.input: Input should be an object"),
    (blocks({"type": "tool_result"}), "messages.0.content.0.tool_result.tool_use_id: Field required"),
    (blocks(result("t1", 5)), "messages.0.content.0.tool_result.content: Input should be a valid list"),
    (blocks(result("t1", [{"type": "text"}])), "messages.0.content.0.tool_result.content.0.text.text: Field required"),
    (blocks(result("t1",
                   "x", is_error="yes")), "messages.0.content.0.tool_result.is_error: Input should be a valid boolean"),
]

TOOLS = [
    ({"tools": {"name": "x"}}, "tools: Input should be a valid list"),
    ({"tools": [None]}, "tools.0: Input should be an object"),
    ({"tools": [{"input_schema": {}}]}, "tools.0.custom.name: Field required"),
    ({"tools": [dict(TOOL, name="")]}, "tools.0.custom.name: String should have at least 1 character"),
    ({"tools": [dict(TOOL, name="bad.name!")]},
     "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"),
    ({"tools": [dict(TOOL, name="x" * 129)]},
     "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"),
    ({"tools": [{"name": "t"}]}, "tools.0.custom.input_schema: Field required"),
    ({"tools": [{"name": "t", "input_schema": None}]}, "tools.0.custom.input_schema: Input should be an object"),
    ({"tools": [{"name": "t", "input_schema": {"type": "string"}}]},
     "tools.0.custom.input_schema.type: Input should be 'object'"),
    ({"tools": [dict(TOOL, description=1)]}, "tools.0.custom.description: Input should be a valid string"),
    ({"tools": [TOOL, TOOL]}, "tools: Tool names must be unique: 't'"),
    ({"tools": [{"type": "quantum_20300101", "name": "q"}]},
     "tools.0: Input tag 'quantum_20300101' found using 'type' does not match any of the expected tags: 'custom', "
     "'bash_20241022', 'bash_20250124', 'text_editor_20241022', 'text_editor_20250124', 'text_editor_20250429', "
     "'text_editor_20250728', 'memory_20250818', 'computer_20241022', 'computer_20250124', 'computer_20251124'"),
    ({"tool_choice": "auto"}, "tool_choice: Input should be an object"),
    ({"tool_choice": {"type": "sometimes"}}, "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'"),
    ({"tools": [TOOL], "tool_choice": {"type": "tool"}}, "tool_choice.tool.name: Field required"),
    ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "nope"}},
     "tool_choice.tool.name: Tool 'nope' not found in provided tools"),
    ({"messages": [user("q"), system([{"type": "tool_addition", "tool": {"definition": {}}}])]},
     "messages.1.content.0.tool_addition.tool.definition.custom.name: Field required"),
    ({"messages": [assistant([{"type": "compaction", "content": "a", "tool_changes": [{"type": "tool_removal"}]}])]},
     "messages.0.content.0.compaction.tool_changes.0.tool: Field required"),
]

FOREIGN = [
    ({"thread": {"type": "create"}}, "thread: this proxy keeps no conversations; send the whole history"),
    ({"compaction": {"type": "summarize"}},
     "compaction: compaction requests need Anthropic's own servers; ask for a summary instead"),
    ({"mcp_servers": [{"url": "https://x"}]},
     "mcp_servers: Anthropic's own servers connect to remote MCP servers; connect to them in the client"),
    ({"container": {"skills": [{"skill_id": "pdf"}]}},
     "container.skills: skills run in a container of Anthropic's own servers"),
]


@pytest.mark.parametrize("request_, message", BODIES + BLOCKS + TOOLS + FOREIGN)
def test_refusals(request_, message):
    assert refusal(request_).message == message


def test_a_thread_is_refused_so_that_the_sdk_goes_on_without():
    assert refusal({"thread": {"type": "continue", "previous_message_id": "m"}}).details == {
        "error_code": "thread_unsupported_request"}


@pytest.mark.parametrize("request_, message", [
    case for case in BODIES + BLOCKS + TOOLS
    if not case[1].startswith(("max_tokens", "messages: all", "tool_choice.tool.name: Tool")) and "PDF" not in case[1]])
def test_counting_refuses_the_same(request_, message):
    body = {name: value for name, value in dict(HELLO, **request_).items() if value is not ABSENT}
    with pytest.raises(InvalidRequest) as caught:
        count_tokens(body)
    assert caught.value.message == message


def test_counting_needs_no_limit_and_no_provider_that_takes_files():
    assert 1 <= count_tokens({"model": "m", "messages": [user("Hello")]}) <= 60
    assert count_tokens({"model": "m", "messages": [user([PDF])]}, target()) >= 1
