"""One scenario with the real Claude Code, inside a network namespace that has only loopback.

    unshare -n python3 tests/e2e/sealed.py SCENARIO --claude PATH --proxy "python3 -m claude_proxy" [--fallback] [--keep DIR]

Provider, proxy and client run here, as children of this process; the client gets an empty environment and a private
home, so no credential of this machine is in its reach. Prints one line of JSON: {"failed": [...], "requests": n}.
"""
import argparse
import fcntl
import json
import os
import pathlib
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import scenarios
import scripted

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import certificates  # noqa: E402

CLIENT_SECONDS = 150
MODEL = "claude-sonnet-5"
PROMPT = "Write the file, read it back, count its bytes, report."


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", choices=sorted(scenarios.SCENARIOS))
    parser.add_argument("--claude", required=True)
    parser.add_argument("--proxy", required=True)
    parser.add_argument("--fallback", action="store_true", help="every stream breaks off: the client asks without streaming")
    parser.add_argument("--keep", help="folder for what a failed run leaves")
    options = parser.parse_args()
    raise_loopback()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sealed-"))
    try:
        verdict = play(options, folder)
        if verdict["failed"] and options.keep:
            shutil.copytree(str(folder), os.path.join(options.keep, "%s-%d" % (options.scenario, os.getpid())))
    finally:
        shutil.rmtree(str(folder), ignore_errors=True)
    print(json.dumps(verdict))


def raise_loopback():
    """`ip link set lo up` without iproute2. https://man7.org/linux/man-pages/man7/netdevice.7.html"""
    get_flags, set_flags, up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = fcntl.ioctl(control, get_flags, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", request)[1]
        fcntl.ioctl(control, set_flags, struct.pack("16sh14x", b"lo", flags | up))


def play(options, folder):
    """Run the scenario -> what failed."""
    scenario = scenarios.SCENARIOS[options.scenario]
    work, home = folder / "work", folder / "home"
    work.mkdir()
    home.mkdir()
    provider = scripted.Provider(scenario, str(work), breaks_streams=options.fallback)
    config = write_config(folder, provider.url, {"default": {"model": "scripted-model", "context_window": 200000}},
                          scenario.provider, tls_of(certificates.make()) if scenario.secure else {})
    proxy = shlex.split(options.proxy)
    client = [options.claude, "-p", "--dangerously-skip-permissions", "--output-format", "stream-json", "--verbose"]
    client += list(scenario.arguments) + [PROMPT]
    try:
        if scenario.through_run:
            log = folder / "proxy.log"
            command = proxy + ["run", "--config", config, "--log-file", str(log), "--"] + client
            output = run_client(command, work, home, {})
        else:
            output = with_proxy(proxy, config, folder, lambda url: run_client(
                client + ["--model", MODEL], work, home, dict(trust(scenario), ANTHROPIC_BASE_URL=url, ANTHROPIC_AUTH_TOKEN="any"),
                stopping(provider, scenario.stop) if scenario.stop else None))
    finally:
        provider.close()
    (folder / "client.jsonl").write_text(output, encoding="utf-8")
    (folder / "requests.json").write_text(json.dumps(provider.requests, indent=1), encoding="utf-8")
    return {"failed": judge(scenario, provider, work, output), "requests": len(provider.requests)}


def tls_of(made):
    """server.tls with a certificate of our own."""
    return {"tls": {"cert_file": made["cert"], "key_file": made["key"]}}


def trust(scenario):
    """What makes the client trust it."""
    return {"NODE_EXTRA_CA_CERTS": certificates.make()["ca"]} if scenario.secure else {}


def write_config(folder, url, models, more=(), server=()):
    """A configuration with one provider, "scripted" -> its path."""
    path = folder / "config.json"
    path.write_text(json.dumps({
        "server": {"port": 0, **dict(server)}, "default_provider": "scripted",
        "providers": {"scripted": {"base_url": url, "api_key": "sk-scripted", "models": models, **dict(more)}}}))
    path.chmod(0o600)
    return str(path)


def with_proxy(proxy, config, folder, work):
    """The value of work(url), while the proxy serves."""
    log = folder / "proxy.log"
    with open(str(log), "wb") as stream:
        process = subprocess.Popen(proxy + ["--config", config], stderr=stream, stdin=subprocess.DEVNULL,
                                   env=dict(os.environ, PYTHONUNBUFFERED="1"))
    try:
        return work(listening(log, process))
    finally:
        process.terminate()
        process.wait(60)


def listening(log, process, seconds=20):
    """The address that the proxy says it listens on."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        said = log.read_text(errors="replace")
        if "listening on " in said and "\n" in said:
            return said.split("listening on ")[1].split()[0].rstrip("\"}")       # the end of a line of JSON
        time.sleep(0.05)
    raise SystemExit("the proxy does not listen: %s" % log.read_text(errors="replace"))


def run_client(command, work, home, variables, meanwhile=None):
    """Run the client with an environment of its own; meanwhile(process) in a thread of its own -> its stdout."""
    environ = {
        "PATH": os.path.dirname(sys.executable) + ":/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb",
        "HOME": str(home), "CLAUDE_CONFIG_DIR": str(home / ".claude"), "IS_SANDBOX": "1", "DISABLE_TELEMETRY": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_MAX_RETRIES": "3"}
    environ.update(variables, PYTHONPATH=str(pathlib.Path(__file__).resolve().parents[2]))
    process = subprocess.Popen(command, cwd=str(work), env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    if meanwhile:
        threading.Thread(target=meanwhile, args=(process,), daemon=True).start()
    try:
        said, complained = process.communicate(b"", timeout=CLIENT_SECONDS)
    finally:
        process.kill()
        process.wait()
    return said.decode("utf-8", "replace") + complained.decode("utf-8", "replace")


def stopping(provider, number):
    """What sends the client a signal once the provider is silent, and notes when."""
    def stop(process):
        if provider.silent.wait(CLIENT_SECONDS):
            time.sleep(0.3)
            provider.stopped_at = time.monotonic()
            process.send_signal(number)
    return stop


def judge(scenario, provider, work, output):
    """Everything that is not as it should be, in words."""
    failed = ["the provider refused: " + reason for reason in provider.refused]
    result = next((event for event in events(output) if event.get("type") == "result"), None)
    path = work / scenarios.FILE
    if scenario.stop:
        return failed + wrong_leaving(provider)
    if scenario.ends:
        return failed + wrong_end(scenario, result)
    if scenario.told and result and "scripted ended its answer early" in str(result.get("result")):
        return failed + (["half a call has run"] if path.exists() else [])
    if not path.exists() or path.read_text(encoding="utf-8") != scenarios.CONTENT:
        failed.append("the file is not what the model wrote")
    if result is None or result.get("is_error"):
        failed.append("the client ended with %s" % (result or {}).get("result", output[-300:]))
    elif scenarios.REPORT not in str(result.get("result")):
        failed.append("the report is %r" % result.get("result"))
    elif "<think>" in output or any(step.reasoning in str(result.get("result")) for step in provider.steps):
        failed.append("reasoning stands in the text")
    failed += wrong_runs(scenario, provider, output)
    if provider.breaks_streams and any(body.get("stream") for body in provider.requests):
        failed.append("a step was streamed")
    return failed


def wrong_leaving(provider):
    """The provider must see within a second that the client has been stopped."""
    if not provider.left.wait(2):
        return ["the provider's connection stayed open"]
    seconds = provider.left_at - provider.stopped_at
    return ["the provider's connection closed after %.1f s" % seconds] if seconds > 1 else []


def wrong_end(scenario, result):
    """The client must end in an error, in which one sentence says what has happened."""
    said = str((result or {}).get("result"))
    if result is None or not result.get("is_error"):
        return ["the client did not end in an error: %s" % said]
    return [] if said.count(scenario.ends) == 1 else ["the client ended with %s" % said]


def wrong_runs(scenario, provider, output):
    """Tools must have run exactly once each, and the model must have seen what they gave."""
    uses = [block["name"] for event in events(output) if event.get("type") == "assistant"
            for block in event["message"]["content"] if block.get("type") == "tool_use"]
    failed = [] if sorted(uses) == ["Bash", "Read", "Write"] else ["the client ran %s" % ", ".join(uses)]
    results = [scripted.text_of(message["content"]) for body in provider.requests for message in body["messages"]
               if message["role"] == "tool"]
    if not any("RAN-" + scenarios.NONCE in result for result in results):
        failed.append("the result of Bash never reached the provider")
    if scenario.trouble and not set(scenario.at) <= provider.troubled:
        failed.append("the trouble never came")
    if scenario.trouble == "error chunk" and all(body.get("stream") for body in provider.requests):
        failed.append("the fallback without streaming was never used")
    return failed


def events(output):
    for line in output.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


if __name__ == "__main__":
    main()
