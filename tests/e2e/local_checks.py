"""Real local servers behind the proxy: llama.cpp with a template that opens <think>, and with tools; transformers serve.

    local_checks.py --proxy "python3 -m claude_proxy" --llama PYTHON_WITH_XLLAMACPP --model MODEL.gguf
                    [--transformers PYTHON_WITH_TRANSFORMERS]

The small model talks nonsense; what counts is the shape of the answers, streamed and plain. What was seen of the servers:
llama.cpp: where the template has opened the reasoning, it comes in reasoning_content; with a template that it finds no
tools in, it takes tools and tool_choice "required" without a word and answers in text. With one that has tools, its
grammar for "required" is `text until the marker, then calls`: the answer cannot end without a call, but it may talk until
max_tokens, and a model this small does. A tool_choice that names a function counts as "auto". transformers
serve: usage only in the last chunk, and no [DONE] behind it; a GGUF of this model is served only once it has been made
into weights of its own, because its header names no architecture.
"""
import argparse
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

import llama_checks
import sealed

HERE = pathlib.Path(__file__).resolve().parent
HEAD = """{%- if tools %}<|im_start|>system
# Tools
<tools>
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
</tools>
For each call answer <tool_call>
{"name": <name>, "arguments": <arguments>}
</tool_call><|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == 'tool' %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% else %}<|im_start|>{{ message.role }}
{% if message.reasoning_content %}<think>
{{ message.reasoning_content }}
</think>

{% endif %}{{ message.content or '' }}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
"""
THINKING = HEAD + """{%- if enable_thinking is defined and enable_thinking is false %}<think>

</think>

{% else %}<think>
{% endif %}{%- endif %}"""
# Calls between two tokens of the vocabulary: a bias towards the first has the model begin its call at once, where it may
# call at all, and a stronger one towards the end makes it end as soon as it may. All between is up to the grammar: a call
# comes only where one is forced, and has only what the schema allows.
CALLING = HEAD.replace("<tool_call>\n", "<jupyter_code>").replace("\n</tool_call>", "<jupyter_output>") + "{% endif %}"
BIAS = {"logit_bias": [[13, 100], [2, 200]]}        # SmolLM2's numbers for <jupyter_code> and <|im_end|>
TOOLS = [{"name": "weather", "description": "The weather of a city.", "input_schema": {
    "type": "object", "required": ["city", "days"], "properties": {
        "city": {"type": "string", "enum": ["Paris", "Rome"]}, "days": {"type": "integer", "minimum": 1, "maximum": 7}}}},
    {"name": "clock", "description": "The time in a city.", "input_schema": {
        "type": "object", "required": ["zone"], "properties": {"zone": {"type": "string", "enum": ["CET", "UTC"]}}}}]
CALL = {"max_tokens": 60, "temperature": 0, "tools": TOOLS,
        "messages": [{"role": "user", "content": "What is the weather in Paris?"}]}
HELLO = {"max_tokens": 12, "temperature": 0, "messages": [{"role": "user", "content": "Say hello."}]}
THINK = dict(HELLO, thinking={"type": "enabled", "budget_tokens": 1024})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--proxy", required=True)
    parser.add_argument("--llama", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--transformers")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="local-"))
    thinking, calling = folder / "thinking.jinja", folder / "calling.jinja"
    thinking.write_text(THINKING)
    calling.write_text(CALLING)
    llama = [options.llama, str(HERE / "llama_server.py"), options.model]
    proxy = shlex.split(options.proxy)
    try:
        failed = behind(proxy, folder, lambda port: llama + [port, str(thinking)], "llama.cpp", thinking_checks)
        failed += behind(proxy, folder, lambda port: llama + [port, str(calling)], "llama.cpp", calling_checks, body=BIAS)
        if options.transformers:
            weights = made_into_weights(options.transformers, options.model, folder)
            failed += behind(proxy, folder, lambda port: [
                str(pathlib.Path(options.transformers).parent / "transformers"), "serve", weights, "--host", "127.0.0.1",
                "--port", port, "--device", "cpu"], None, plain_checks, weights)
    finally:
        shutil.rmtree(str(folder), ignore_errors=True)
    return 1 if failed else 0


def behind(proxy, folder, command, dialect, checks, model="small", body=None):
    """Start a server and the proxy before it -> how many checks failed."""
    port = llama_checks.free_port()
    environment = dict(os.environ, HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1")
    with open(str(folder / "server.log"), "wb") as log:
        server = subprocess.Popen(command(str(port)), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
    try:
        llama_checks.wait_for_model(port)
        config = folder / "config.json"
        config.write_text(json.dumps({"server": {"port": 0}, "providers": {"local": {
            "base_url": "http://127.0.0.1:%d/v1" % port, "api_key": "none", "dialect": dialect, "body": body or {},
            "models": {"default": model}}}}))
        return sealed.with_proxy(proxy, str(config), folder, lambda url: verdicts(checks, int(url.rsplit(":", 1)[1])))
    finally:
        server.terminate()
        server.wait(30)


def verdicts(checks, port):
    """Print a line for each check, streamed and plain -> how many failed."""
    failed = 0
    for name, good, message in (found for stream in (False, True) for found in checks(port, stream)):
        failed += not good
        print("%s local %s%s" % ("pass" if good else "FAIL", name, "" if good else ": %r" % (message,)), flush=True)
    return failed


def ask(port, body, stream):
    """The answer, as the SDKs would have it."""
    body = dict(body, model="claude-sonnet-5", stream=stream)
    status, data = llama_checks.request(port, "POST", "/v1/messages", body)
    if status != 200:
        return {"content": [], "stop_reason": status, "said": data.decode("utf-8", "replace")}
    return accumulated(data) if stream else json.loads(data.decode())


def accumulated(data):
    """The message that a stream of events tells."""
    message, blocks = {}, []
    for event in (json.loads(line[6:]) for line in data.decode().splitlines() if line.startswith("data: ")):
        if event["type"] == "message_start":
            message = event["message"]
        elif event["type"] == "content_block_start":
            blocks.append(dict(event["content_block"], json=""))
        elif event["type"] == "content_block_delta":
            for key, value in event["delta"].items():
                key = "json" if key == "partial_json" else key
                if key != "type":
                    blocks[-1][key] = blocks[-1].get(key, "") + value
        elif event["type"] == "message_delta":
            message.update(event["delta"], usage=event["usage"])
    for block in blocks:
        text = block.pop("json")
        if block["type"] == "tool_use":
            block["input"] = json.loads(text or "{}")
    return dict(message, content=blocks)


def how(name, stream):
    return "%s, %s" % (name, "streamed" if stream else "plain")


def thinking_checks(port, stream):
    message = ask(port, THINK, stream)
    thoughts = [block for block in message["content"] if block["type"] == "thinking"]
    good = bool(thoughts and thoughts[0]["thinking"].strip() and thoughts[0]["signature"].startswith("cp1."))
    texts = "".join(block.get("text", "") for block in message["content"])
    yield how("llama.cpp, a template that opens <think>", stream), good and "<think>" not in texts, message
    hidden = ask(port, HELLO, stream)
    yield how("llama.cpp, the same where no thinking is shown", stream), all(
        not block.get("thinking") for block in hidden["content"]), hidden


def calling_checks(port, stream):
    for name, choice, allowed in (("any", {"type": "any"}, ("weather", "clock")),
                                  ("by name", {"type": "tool", "name": "clock"}, ("clock",))):
        message = ask(port, dict(CALL, tool_choice=choice), stream)
        kinds = [block["type"] for block in message["content"]]
        good = kinds == ["tool_use"] and message["stop_reason"] == "tool_use"
        yield how("llama.cpp, a call forced: %s" % name, stream), good and fits(message["content"][0], allowed), message
    free = ask(port, dict(CALL, tool_choice={"type": "auto"}), stream)
    yield how("llama.cpp, no call where none is forced", stream), free["stop_reason"] == "end_turn" and not any(
        block["type"] == "tool_use" for block in free["content"]), free


def fits(call, allowed):
    """The call is one of those that are allowed, and its input is what its schema says."""
    schema = next(tool["input_schema"] for tool in TOOLS if tool["name"] == call["name"])
    known = schema["properties"]
    return call["name"] in allowed and set(call["input"]) == set(known) and all(
        value in known[key].get("enum", range(1, 8)) for key, value in call["input"].items())


def plain_checks(port, stream):
    message = ask(port, HELLO, stream)
    usage = message.get("usage") or {}
    text = "".join(block.get("text", "") for block in message["content"])
    good = bool(text.strip()) and message["stop_reason"] in ("end_turn", "max_tokens") and usage["input_tokens"] > 20
    yield how("transformers serve, an answer", stream), good and usage["output_tokens"] > 2, message
    refused = ask(port, dict(HELLO, stop_sequences=["o"], top_k=5), stream)
    yield how("transformers serve, a stop sequence", stream), refused["stop_reason"] != 400, refused


def made_into_weights(python, gguf, folder):
    """A GGUF as a folder that `transformers serve` takes."""
    made = str(folder / "weights")
    subprocess.check_call([python, "-c", CONVERT, gguf, made], env=dict(os.environ, HF_HUB_OFFLINE="1"),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return made


CONVERT = """
import os, sys
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
folder, name = os.path.split(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, quantization_config=GgufConfig(dequantize=True))
model.save_pretrained(sys.argv[2])
tokenizer.save_pretrained(sys.argv[2])
"""


if __name__ == "__main__":
    sys.exit(main())
