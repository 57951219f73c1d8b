"""The proxy in front of llama.cpp against llama.cpp's own /v1/messages, with a real small model at temperature 0.

    llama_checks.py --proxy "python3 -m claude_proxy" --llama PYTHON_WITH_XLLAMACPP --model MODEL.gguf [--claude PATH]

The same request goes to both; text, stop reason, stop sequence and token counts must agree, streamed and not. Prompt
caching is off on both ways, so that a number does not depend on what was asked before. The small model talks
nonsense in Chinese; only the agreement counts. With --claude, the real client asks one question through `run`.
"""
import argparse
import http.client
import json
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import sealed

HERE = pathlib.Path(__file__).resolve().parent
LOAD_SECONDS = 60
# A model this small may never come to an end by itself: the client's answer is its first sentence, always the same.
SENTENCE = {"temperature": 0, "repeat_penalty": 1.1, "stop": [".", ","]}


def ask(text, max_tokens=24, **more):
    return dict({"max_tokens": max_tokens, "messages": [{"role": "user", "content": text}]}, **more)


PROMPTS = [
    ask("What is the capital of France?"),
    ask("Write one sentence about the sea."),
    ask("Count from one to ten.", max_tokens=40),
    ask("Say hello.", max_tokens=1),
    ask("List three colours.", system="You answer in one short line."),
    ask("What is two plus two?", system=[{"type": "text", "text": "You are a calculator."}]),
    ask("Name a fruit.", stop_sequences=["."]),
    ask("Count: 1, 2, 3,", stop_sequences=["7", "nothing like this"], max_tokens=40),
    ask("Explain rain in two sentences.", stop_sequences=["\n"], max_tokens=60),
    ask("Tell me a story.", stop_sequences=[" the "], max_tokens=60),
    ask([{"type": "text", "text": "First part."}, {"type": "text", "text": "Second part."}]),
    {"max_tokens": 24, "messages": [
        {"role": "user", "content": "My name is Ada."}, {"role": "assistant", "content": "Hello Ada."},
        {"role": "user", "content": "What is my name?"}]},
    ask("法国的首都是哪里？"),
    ask("用一句话介绍大海。", max_tokens=40),
    ask("从一数到十。", max_tokens=12),
    ask("你好", max_tokens=1),
    ask("列出三种颜色。", system="你只用中文回答。"),
    ask("说一种水果。", stop_sequences=["。"], max_tokens=40),
    ask("讲一个故事。", stop_sequences=["，", "the"], max_tokens=60),
    {"max_tokens": 24, "messages": [
        {"role": "user", "content": "我叫小明。"}, {"role": "assistant", "content": "你好，小明。"},
        {"role": "user", "content": "我叫什么名字？"}]},
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--proxy", required=True)
    parser.add_argument("--llama", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--claude", help="only with this: a turn of the real client")
    parser.add_argument("--only-claude", action="store_true")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="llama-"))
    port = free_port()
    with open(str(folder / "llama.log"), "wb") as log:
        server = subprocess.Popen([options.llama, str(HERE / "llama_server.py"), options.model, str(port)],
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for_model(port)
        config = write_config(folder, port)
        proxy = shlex.split(options.proxy)
        failed = 0 if options.only_claude else sealed.with_proxy(
            proxy, config, folder, lambda url: compare_all(port, int(url.rsplit(":", 1)[1])))
        if options.claude:
            failed += claude_turn(proxy, write_config(folder, port, SENTENCE), folder, options.claude)
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(str(folder), ignore_errors=True)
    return 1 if failed else 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_model(port):
    end = time.monotonic() + LOAD_SECONDS
    while time.monotonic() < end:
        try:
            if request(port, "GET", "/health", None)[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit("llama.cpp does not serve")


def write_config(folder, port, more=None):
    path = folder / ("one-sentence.json" if more else "config.json")
    path.write_text(json.dumps({
        "server": {"port": 0}, "default_provider": "small",
        "providers": {"small": {
            "base_url": "http://127.0.0.1:%d/v1" % port, "api_key": "none", "body": dict({"cache_prompt": False}, **more or {}),
            # its window of 8192 is not told: Claude Code refuses to start a conversation in one so small
            "models": {"default": "smollm2"}}}}))
    path.chmod(0o600)
    return str(path)


# -- the comparison

def compare_all(llama_port, proxy_port):
    """Print a line for each prompt -> how many differ."""
    failed = 0
    for number, prompt in enumerate(PROMPTS):
        for stream in (False, True):
            body = dict(prompt, model="smollm2", temperature=0, stream=stream)
            ours = outcome(proxy_port, body)
            theirs = expected(outcome(llama_port, as_it_is_sent(body)), ours)
            failed += ours != theirs
            print("%s llama %2d %-8s %r" % ("pass" if ours == theirs else "FAIL", number + 1,
                                           "streamed" if stream else "plain", ours["text"][:50]))
            if ours != theirs:
                print("     proxy     %r\n     llama.cpp %r" % (ours, theirs))
    return failed


def as_it_is_sent(body):
    """The request for llama.cpp itself: text blocks of a turn as the proxy joins them, with an empty line between."""
    messages = [dict(message, content=message["content"] if isinstance(message["content"], str) else "\n\n".join(
        block["text"] for block in message["content"])) for message in body["messages"]]
    return dict(body, messages=messages, cache_prompt=False)


def expected(theirs, ours):
    """llama.cpp's own answer, without the two things in which it is wrong.

    * At a stop sequence it names the sequence and says stop_reason "end_turn"; Anthropic says "stop_sequence". Its Chat
      Completions says "stop" and not which one, so the proxy says end_turn and names none.
    * A stream whose first token is half a character has no message_start, so its input tokens are not known.
    """
    if theirs["stop_reason"] == "end_turn" and theirs["stop_sequence"]:
        theirs = dict(theirs, stop_sequence=None)
    if theirs["input_tokens"] is None:
        theirs = dict(theirs, input_tokens=ours["input_tokens"])
    return theirs


def outcome(port, body):
    """Ask one of the two -> what is compared."""
    status, data = request(port, "POST", "/v1/messages", body)
    if status != 200:
        return {"text": "", "stop_reason": status, "input_tokens": 0, "said": data.decode("utf-8", "replace")[:200]}
    message = accumulated(data) if body["stream"] else json.loads(data.decode())
    usage = message["usage"]
    cached = usage.get("cache_read_input_tokens") or 0
    return {
        "text": "".join(block["text"] for block in message["content"]), "stop_reason": message["stop_reason"],
        "stop_sequence": message["stop_sequence"], "output_tokens": usage["output_tokens"],
        "input_tokens": usage["input_tokens"] and usage["input_tokens"] + cached}


def accumulated(data):
    """The message that a stream of events tells."""
    message, texts = {"usage": {"input_tokens": None}, "stop_sequence": None}, []
    for event in (json.loads(line[6:]) for line in data.decode().splitlines() if line.startswith("data: ")):
        if event["type"] == "message_start":
            message = event["message"]
        elif event["type"] == "content_block_delta":
            texts.append(event["delta"]["text"])
        elif event["type"] == "message_delta":
            message.update(event["delta"])
            message["usage"].update(event["usage"])
    message["content"] = [{"type": "text", "text": "".join(texts)}]
    return message


def request(port, method, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        headers = {"Content-Type": "application/json", "x-api-key": "any"}
        connection.request(method, path, body and json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


# -- the client

def claude_turn(proxy, config, folder, claude):
    """The real client's question, answered by the real model -> how many failed."""
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    command = proxy + ["run", "--config", config, "--", claude, "-p", "What is the capital of France?",
                       "--output-format", "stream-json", "--verbose", "--system-prompt", "Be brief.", "--tools", ""]
    output = sealed.run_client(command, work, home, {})
    result = next((event for event in sealed.events(output) if event.get("type") == "result"), {})
    good = result.get("is_error") is False and bool(str(result.get("result", "")).strip())
    print("%s llama claude says %r" % ("pass" if good else "FAIL", str(result.get("result", output[-300:]))[:80]))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
