"""The real `anthropic` SDK through the proxy: sdk_checks.py --proxy "python3 -m claude_proxy". Run it where the SDK is.

Prints a line for each check and ends with 1 if one failed. The provider is the scriptable one of the unit tests.
"""
import argparse
import asyncio
import contextlib
import io
import pathlib
import shlex
import shutil
import sys
import tempfile
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import anthropic  # noqa: E402
import fake_provider  # noqa: E402
import sealed  # noqa: E402

TOOL = {"name": "get_weather", "description": "Weather of a city",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
SCRIPTS = {
    "text": {"text": "Hello there."},
    "thinks": {"reasoning": "Let me see.", "text": "42"},
    "tool": {"text": "I look.", "tools": [("call_1", "get_weather", {"city": "Paris"})]},
    "runner": [{"tools": [("call_1", "weather_of", {"city": "Paris"})]}, {"text": "It is sunny in Paris."}],
    "long": {"text": "one two three", "finish": "length"},
    "wrong-key": {"status": 401, "error": {"message": "Incorrect API key provided"}},
    "overflow": fake_provider.SCRIPTS["overflow"],
    "busy-once": [{"status": 503, "error": {"message": "busy"}}, {"text": "Now."}],
    "breaks": {"chunks": [{"delta": {"content": "Hel"}}, ("cut",)]},
}
QUESTION = [{"role": "user", "content": "How is the weather in Paris?"}]
ASK = {"max_tokens": 200, "messages": QUESTION}
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


@check
def create(client, provider):
    message = client.messages.create(model="text", **ASK)
    assert (message.content[0].text, message.stop_reason, message.model) == ("Hello there.", "end_turn", "text")
    assert message.usage.input_tokens == 11 and message.usage.output_tokens == 7


@check
def create_with_tool(client, provider):
    message = client.messages.create(model="tool", tools=[TOOL], **ASK)
    assert [block.type for block in message.content] == ["text", "tool_use"]
    assert message.content[1].input == {"city": "Paris"} and message.stop_reason == "tool_use"


@check
def create_streamed_by_hand(client, provider):
    events = list(client.messages.create(model="text", stream=True, **ASK))
    assert events[0].type == "message_start" and events[-1].type == "message_stop"


@check
def stream_text(client, provider):
    with client.messages.stream(model="text", **ASK) as stream:
        assert "".join(stream.text_stream) == "Hello there."
        assert stream.get_final_message().stop_reason == "end_turn"


@check
def stream_thinking(client, provider):
    with client.messages.stream(model="thinks", thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=2048,
                                messages=QUESTION) as stream:
        message = stream.get_final_message()
    thinking, text = message.content
    assert (thinking.type, thinking.thinking, text.text) == ("thinking", "Let me see.", "42") and thinking.signature


@check
def stream_tool(client, provider):
    with client.messages.stream(model="tool", tools=[TOOL], **ASK) as stream:
        partial = "".join(event.partial_json for event in stream if event.type == "input_json")
        message = stream.get_final_message()
    assert partial == '{"city": "Paris"}' and message.content[1].input == {"city": "Paris"}


@check
def a_whole_conversation_with_a_tool(client, provider):
    first = client.messages.create(model="tool", tools=[TOOL], **ASK)
    result = {"type": "tool_result", "tool_use_id": first.content[1].id, "content": "sunny"}
    client.messages.create(model="text", max_tokens=200, tools=[TOOL], messages=QUESTION + [
        {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}])
    sent = provider.requests[-1].body["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
    assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"] == "call_1"


@check
def stop_at_the_limit(client, provider):
    assert client.messages.create(model="long", **ASK).stop_reason == "max_tokens"


@check
def tool_runner(client, provider):
    called = []

    @anthropic.beta_tool
    def weather_of(city: str) -> str:
        """Weather of a city.

        Args:
            city: Its name.
        """
        called.append(city)
        return "sunny"

    final = client.beta.messages.tool_runner(model="runner", tools=[weather_of], **ASK).until_done()
    assert called == ["Paris"] and final.content[0].text == "It is sunny in Paris."


@check
def count_tokens(client, provider):
    before = len(provider.requests)
    few = client.messages.count_tokens(model="text", messages=QUESTION).input_tokens
    more = client.messages.count_tokens(model="text", messages=QUESTION, tools=[TOOL], system="Be brief.").input_tokens
    assert 0 < few < more < 200 and len(provider.requests) == before


@check
def models(client, provider):
    listed = [model.id for model in client.models.list(limit=2)]
    assert listed and len(listed) == len(set(listed))
    assert client.models.retrieve(listed[0]).id == listed[0]


@check
def errors_have_their_classes(client, provider):
    for model, kind in (("wrong-key", anthropic.AuthenticationError), ("overflow", anthropic.BadRequestError)):
        with raises(kind) as caught:
            client.messages.create(model=model, **ASK)
        assert "scripted" in caught.error.message or "prompt is too long" in caught.error.message
    with raises(anthropic.BadRequestError):
        client.messages.create(model="text", max_tokens=200, messages=[])


@check
def busy_once_is_tried_again(client, provider):
    assert client.messages.create(model="busy-once", **ASK).content[0].text == "Now."


@check
def a_broken_stream_is_an_error(client, provider):
    with raises(anthropic.APIError):
        with client.messages.stream(model="breaks", **ASK) as stream:
            stream.get_final_message()


@check
def asynchronous(client, provider):
    async def all_at_once():
        async with anthropic.AsyncAnthropic(base_url=client.base_url, api_key="any", max_retries=0) as other:
            return await asyncio.gather(*[other.messages.create(model="text", **ASK) for _ in range(20)])

    assert all(message.content[0].text == "Hello there." for message in asyncio.run(all_at_once()))


@check
def asynchronous_stream(client, provider):
    async def text():
        async with anthropic.AsyncAnthropic(base_url=client.base_url, api_key="any", max_retries=0) as other:
            async with other.messages.stream(model="text", **ASK) as stream:
                return "".join([piece async for piece in stream.text_stream])

    assert asyncio.run(text()) == "Hello there."


@check
def the_example_of_the_readme(client, provider):
    readme = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    example = readme.split("```python\n")[1].split("```")[0]
    assert "http://127.0.0.1:8000" in example
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(example.replace("http://127.0.0.1:8000", str(client.base_url)), {})
    assert said.getvalue() == "Hello there.\n"


@contextlib.contextmanager
def raises(kind):
    """As pytest.raises; the error is `.error` of what `as` gives."""
    caught = argparse.Namespace(error=None)
    try:
        yield caught
    except kind as error:
        caught.error = error
    if caught.error is None:
        raise AssertionError("no %s" % kind.__name__)


def run_checks(url, provider):
    failed = 0
    for function in CHECKS:
        provider.scripts.update({name: list(script) if isinstance(script, list) else script
                                 for name, script in SCRIPTS.items()})
        with anthropic.Anthropic(base_url=url, api_key="any", max_retries=0) as client:
            try:
                function(client, provider)
            except Exception:       # whatever the SDK raises is a failed check, not the end of the others
                failed += 1
                print("FAIL sdk %s\n%s" % (function.__name__, traceback.format_exc(limit=-3)))
            else:
                print("pass sdk %s" % function.__name__.replace("_", " "))
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--proxy", required=True)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sdk-"))
    try:
        with fake_provider.FakeProvider() as provider:
            rows = {"claude-*sonnet*": "text", "text": "text", "thinks": "thinks"}
            config = sealed.write_config(folder, provider.url, rows)
            failed = sealed.with_proxy(shlex.split(options.proxy), config, folder,
                                       lambda url: run_checks(url, provider))
    finally:
        shutil.rmtree(str(folder), ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
