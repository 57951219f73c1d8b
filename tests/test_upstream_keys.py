"""upstream/keys.py: where keys come from, and which one a request uses."""
import errno
import os
import socket
import sys
import threading

import pytest

from claude_proxy.config import KeySource, Provider, Secret
from claude_proxy.errors import NotAuthenticated
from claude_proxy.upstream import ClientLeft, Watch
from claude_proxy.upstream.faults import NoRoom
from claude_proxy.upstream.keys import KeyRing, Reader, run_command


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def provider_with(*sources, **settings):
    return Provider("deepseek", "https://api.test/v1", tuple(sources), **settings)


def literal(key):
    return KeySource("literal", Secret(key), "DEEPSEEK_API_KEY")


THREE = provider_with(literal("one"), literal("two"), literal("three"))


def test_a_provider_without_a_key_says_which_to_set():
    with pytest.raises(NotAuthenticated) as caught:
        KeyRing().pick(provider_with(key_hint="set DEEPSEEK_API_KEY, or providers.deepseek.api_key"))
    assert caught.value.message == "deepseek has no key: set DEEPSEEK_API_KEY, or providers.deepseek.api_key"
    assert caught.value.headers == {"x-should-retry": "false"}


def test_a_provider_that_needs_no_key_is_asked_without_one():
    assert KeyRing().pick(provider_with(key_needed=False)).value == ""


def test_several_keys_take_turns():
    ring = KeyRing()
    assert [ring.pick(THREE).value for _ in range(4)] == ["one", "two", "three", "one"]


def test_a_session_stays_on_its_key_until_that_is_refused():
    ring = KeyRing(Clock())
    first = ring.pick(THREE, "s1")
    assert [ring.pick(THREE, session).value for session in ("s2", "s1", "s2", "s1")] == ["two", "one", "two", "one"]
    ring.refused(first, 429)
    assert [ring.pick(THREE, "s1").value for _ in range(3)] == ["two"] * 3


COOLING = {
    "a rate limit without a time": (429, None, 30),
    "a rate limit with a time": (429, 5.0, 5),
    "a refused key": (401, None, 300),
    "an hour at most": (429, 1e9, 3600),
}


@pytest.mark.parametrize("status, retry_after, seconds", COOLING.values(), ids=COOLING.keys())
def test_a_key_that_is_refused_rests(status, retry_after, seconds):
    clock = Clock()
    ring, both = KeyRing(clock), provider_with(literal("one"), literal("two"))
    ring.refused(ring.pick(both), status, retry_after)
    clock.now += seconds - 1
    assert [ring.pick(both).value for _ in range(3)] == ["two"] * 3
    clock.now += 1
    assert {ring.pick(both).value for _ in range(2)} == {"one", "two"}


def test_a_fault_that_is_not_the_keys_does_not_cool_it():
    ring, both = KeyRing(), provider_with(literal("one"), literal("two"))
    ring.refused(ring.pick(both), 500)
    assert {ring.pick(both).value for _ in range(2)} == {"one", "two"}


def test_where_all_rest_the_one_that_is_back_first_is_used():
    clock = Clock()
    ring, both = KeyRing(clock), provider_with(literal("one"), literal("two"))
    ring.refused(ring.pick(both), 429, 20.0)
    ring.refused(ring.pick(both), 429, 10.0)
    assert ring.pick(both).value == "two"


def test_a_key_that_was_tried_is_not_given_again():
    ring, one = KeyRing(), THREE.keys[0]
    assert ring.pick(THREE, "", THREE.keys[:2]).value == "three"
    assert {ring.pick(THREE, "", [one]).value for _ in range(2)} == {"two", "three"}
    assert ring.pick(THREE, "", THREE.keys) is None
    assert ring.pick(provider_with(literal("one")), "", [one]) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_key_file_as_windows_writes_it(tmp_path, encoding):
    path = tmp_path / "key"
    path.write_bytes("sk-0123456789\r\n".encode(encoding))
    provider = provider_with(KeySource("file", str(path), "providers.deepseek.api_key_file"))
    assert KeyRing().pick(provider).value == "sk-0123456789"


def test_a_key_file_is_read_again_when_it_changes(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"\xef\xbb\xbfsk-one\n")
    provider, ring = provider_with(KeySource("file", str(path), "providers.deepseek.api_key_file")), KeyRing()
    assert ring.pick(provider).value == "sk-one"
    path.write_text("sk-second\n")
    assert ring.pick(provider).value == "sk-second"
    assert set(ring.known()) == {"sk-one", "sk-second"}


def test_a_key_that_is_in_use_is_never_forgotten(tmp_path):
    path, calls = tmp_path / "key", []
    path.write_text("sk-one")
    ring = KeyRing(reader=Reader(lambda command: calls.append(command) or "sk-%d" % len(calls)))
    ring.pick(provider_with(KeySource("file", str(path), "x")))
    for _ in range(300):
        ring.refresh(ring.pick(provider_with(COMMAND)))
    assert {"sk-one", "sk-300"} <= set(ring.known()) and len(ring.known()) < 300


FILES = {
    "none": (None, "providers.deepseek.api_key_file: the key of deepseek cannot be had: No such file or directory"),
    "an empty one": ("\n", "providers.deepseek.api_key_file: the key of deepseek is empty"),
    "two lines": ("a\nb", "providers.deepseek.api_key_file: the key of deepseek holds a character that no header can carry"),
}


@pytest.mark.parametrize("text, message", FILES.values(), ids=FILES.keys())
def test_key_files_that_hold_no_key(tmp_path, text, message):
    path = tmp_path / "key"
    if text is not None:
        path.write_text(text)
    with pytest.raises(NotAuthenticated) as caught:
        KeyRing().pick(provider_with(KeySource("file", str(path), "providers.deepseek.api_key_file")))
    assert caught.value.message == message


COMMAND = KeySource("command", "vault read key", "providers.deepseek.api_key_command")


def test_a_command_is_run_once_and_again_when_its_key_was_refused():
    calls = []

    def run(command):
        calls.append(command)
        return "sk-%d\n" % len(calls)
    ring, provider = KeyRing(reader=Reader(run)), provider_with(COMMAND)
    keys = [ring.pick(provider) for _ in range(3)]
    assert [key.value for key in keys] == ["sk-1"] * 3
    assert ring.refresh(keys[0]) and ring.refresh(keys[1])      # two requests were refused: one new key is enough
    assert [ring.pick(provider).value for _ in range(2)] == ["sk-2"] * 2
    assert ring.refresh(keys[2])                                # refused late, with the old key
    assert ring.pick(provider).value == "sk-2"
    assert calls == ["vault read key"] * 2
    assert set(ring.known()) == {"sk-1", "sk-2"}                # a provider may still quote the first one
    assert not ring.refresh(ring.pick(provider_with(literal("one"))))


def test_a_client_that_leaves_does_not_wait_for_a_command_and_the_others_share_its_key():
    calls, told = [], threading.Event()

    def run(command):
        calls.append(command)
        assert told.wait(5)
        return "sk-late"
    ring, found = KeyRing(reader=Reader(run)), []
    client, served = socket.socketpair()
    waiters = [threading.Thread(target=lambda: found.append(ring.pick(provider_with(COMMAND)).value)) for _ in range(2)]
    for waiter in waiters:
        waiter.start()
    client.close()
    with served, pytest.raises(ClientLeft):
        ring.pick(provider_with(COMMAND), watch=Watch(served))
    assert not found
    told.set()
    for waiter in waiters:
        waiter.join(5)
    assert found == ["sk-late"] * 2 and calls == ["vault read key"]


def test_a_command_that_has_failed_is_run_again_for_the_next_request():
    texts = iter((OSError(2, "No such file or directory"), "two words", "sk-good"))

    def run(command):
        text = next(texts)
        if isinstance(text, OSError):
            raise text
        return text
    ring, said = KeyRing(reader=Reader(run)), []
    for _ in range(2):
        with pytest.raises(NotAuthenticated) as caught:
            ring.pick(provider_with(COMMAND))
        said.append(caught.value.message.partition("the key of deepseek ")[2])
    assert said == ["cannot be had: No such file or directory", "holds a character that no header can carry"]
    assert ring.pick(provider_with(COMMAND)).value == "sk-good"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_command_that_could_not_even_be_begun_is_run_again_for_the_next_request():
    endings = iter((RuntimeError("can't start new thread"), "sk-good"))

    def run(command):
        found = next(endings)
        if isinstance(found, RuntimeError):
            raise found
        return found
    ring = KeyRing(reader=Reader(run))
    with pytest.raises(RuntimeError):
        ring.pick(provider_with(COMMAND))
    for thread in threading.enumerate():
        if thread.name == "key-command":            # it tells of its end, and that is not the next test's
            thread.join(5)
    assert ring.pick(provider_with(COMMAND)).value == "sk-good"


FULL = {
    errno.EMFILE: "deepseek was not asked: this proxy may open no more files; ulimit -n raises that",
    errno.ENFILE: "deepseek was not asked: this machine has no room for more (%s)" % os.strerror(errno.ENFILE),
    errno.ENOMEM: "deepseek was not asked: this machine has no room for more (%s)" % os.strerror(errno.ENOMEM),
}


@pytest.mark.parametrize("number, told", FULL.items())
def test_a_machine_without_room_is_no_fault_of_the_key(number, told):
    def run(command):
        raise OSError(number, os.strerror(number))
    with pytest.raises(NoRoom) as caught:
        KeyRing(reader=Reader(run)).pick(provider_with(COMMAND))
    assert caught.value.told_of("deepseek").message == told


def prints(data):
    return [sys.executable, "-c", "import sys; sys.stdout.buffer.write(%r)" % data]


# what a command does -> (the command, what is said of its key, or the key)
COMMANDS = {
    "prints a key": (prints(b"sk-key"), "sk-key"),
    "ends it with lines": (prints(b"\n sk-key\r\n\r\n"), "sk-key"),
    "marks it as UTF-8": (prints(b"\xef\xbb\xbfsk-key\n"), "sk-key"),
    "prints UTF-16": (prints("\ufeffsk-key\r\n".encode("utf-16-le")), "sk-key"),
    "prints nothing": (prints(b""), "is empty"),
    "prints an empty line": (prints(b"\n"), "is empty"),
    "prints two lines": (prints(b"sk-key\nsk-other\n"), "holds a character that no header can carry"),
    "prints a NUL": (prints(b"sk-\0key"), "holds a character that no header can carry"),
    "prints letters beyond ASCII": (prints("sk-\u00e9".encode("utf-8")), "holds a character that no header can carry"),
    "prints what is not UTF-8": (prints(b"sk-\xff"), "cannot be had: it is not UTF-8"),
    "fails": ([sys.executable, "-c", "print('sk-key'); exit(3)"], "cannot be had: the command ended with status 3"),
    "does not exist": (["/no/such/command"], "cannot be had: No such file or directory"),
}


@pytest.mark.skipif(os.name == "nt", reason="words as POSIX has them")
@pytest.mark.parametrize("command, told", COMMANDS.values(), ids=COMMANDS.keys())
def test_what_a_command_may_do(command, told):
    ring = KeyRing(reader=Reader(lambda _: run_command(command)))       # a list cannot be part of a source
    if told.startswith("sk-"):
        assert ring.pick(provider_with(COMMAND)).value == told
        return
    with pytest.raises(NotAuthenticated) as caught:
        ring.pick(provider_with(COMMAND))
    said = caught.value.message.partition(": '/no/such")[0]              # 3.7 tells the path as well
    assert said == "providers.deepseek.api_key_command: the key of deepseek " + told


@pytest.mark.skipif(os.name == "nt", reason="a shell as POSIX has it")
def test_a_command_that_hangs_is_ended_although_its_children_go_on(monkeypatch):
    monkeypatch.setattr("claude_proxy.upstream.keys.COMMAND_SECONDS", 0.05)
    with pytest.raises(NotAuthenticated, match="cannot be had: the command took more than 0 s"):
        KeyRing().pick(provider_with(KeySource("command", "sleep 1; echo sk-late", "x")))


def test_commands_are_lines_for_the_shell_or_words():
    assert run_command("echo sk-$((1+1))" if os.name == "posix" else "echo sk-2").strip() == "sk-2"
    assert run_command([sys.executable, "-c", "print('sk-3')"]).strip() == "sk-3"


def test_a_command_that_fails_says_so_without_its_words():
    source = KeySource("command", "echo sk-secret && exit 3", "providers.x.api_key_command")
    with pytest.raises(NotAuthenticated) as caught:
        KeyRing().pick(provider_with(source))
    assert caught.value.message == ("providers.x.api_key_command: the key of deepseek cannot be had: "
                                    "the command ended with status 3")
