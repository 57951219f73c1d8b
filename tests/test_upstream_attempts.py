"""upstream/attempts.py: which try comes next. A try is written `provider/model:key`, a wait `+seconds`."""
import email.utils
from dataclasses import replace

import pytest

from claude_proxy.config import KeySource, ModelRow, Provider, Secret
from claude_proxy.errors import InvalidRequest, ProxyError, UpstreamFailed
from claude_proxy.observe import Record
from claude_proxy.providers import refusals
from claude_proxy.providers.dialects import GENERIC
from claude_proxy.providers.learned import Learned
from claude_proxy.routing import Target
from claude_proxy.upstream.attempts import Attempts, Refused, retry_after
from claude_proxy.upstream.call import Caller
from claude_proxy.upstream.faults import BrokeOff, ConnectTimeout, HungUp, NoRoom, NotReached, Silent
from claude_proxy.upstream.keys import KeyRing, Reader
from claude_proxy.upstream.waiting import Watch


def target_for(name, keys=("k",), **settings):
    sources = tuple(KeySource("literal", Secret(key), name) for key in keys)
    return Target(Provider(name, "https://%s.test" % name, sources, **settings), "m", ModelRow("m"), GENERIC, "claude-x")


class World:
    """Time that passes when it is slept, and a provider that answers from a list."""

    def __init__(self, outcomes):
        self.now, self.trace, self.outcomes, self.record = 0.0, [], list(outcomes), Record(session="s")
        self.caller, self.learned, self.relayed = Caller(self.clock), Learned(), False

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.trace.append("+%g" % seconds)

    def wait_for(self, sock, until):
        return Watch().wait_for(sock, until)

    def forget(self):
        pass

    def ask(self, target, key):
        self.trace.append("%s:%s" % (target.provider.name, key.value))
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        if outcome == "ok":
            return "answer"
        status, text, headers = (outcome + ("", {}))[:3] if isinstance(outcome, tuple) else (outcome, "", {})
        raise Refused(refusals.from_provider(status, text, headers, target), status, text, headers, {"temperature": 1.5})

    def run(self, *targets):
        """"trace = result" of a request."""
        attempts = Attempts(self.caller, self.learned, self, self.record, lambda: not self.relayed, lambda: 0.5, lambda: 0)
        try:
            result = attempts.run(targets, self.ask)
        except ProxyError as error:
            result = "%d" % error.status
        return "%s = %s" % (" ".join(self.trace), result)


ONE, TWO = target_for("a"), target_for("b")
AFTER = {"retry-after": "3"}
SPOILT = "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details."

TRIES = {
    "an answer": (["ok"], "a:k = answer"),
    # what is over in a moment
    "not reached": ([NotReached("x"), "ok"], "a:k +0.25 a:k = answer"),
    "never reached": ([NotReached("x")] * 3, "a:k +0.25 a:k +0.5 a:k = 502"),
    "no connection in time": ([ConnectTimeout("x"), "ok"], "a:k +0.25 a:k = answer"),
    "overloaded": ([503, "ok"], "a:k +0.25 a:k = answer"),
    "overloaded, as Anthropic says it": ([529, "ok"], "a:k +0.25 a:k = answer"),
    "timed out before it began": ([408, "ok"], "a:k +0.25 a:k = answer"),
    "rate limit": ([429, "ok"], "a:k +0.25 a:k = answer"),
    "rate limit with a time": ([(429, "", AFTER), "ok"], "a:k +3 a:k = answer"),
    "rate limit with a long time": ([(429, "", {"retry-after": "11"})], "a:k = 429"),
    "rate limit with nonsense": ([(429, "", {"retry-after": "-5"}), "ok"], "a:k +0.25 a:k = answer"),
    "fifteen seconds are enough": ([(429, "", {"retry-after": "9"})] * 2, "a:k +9 a:k = 429"),
    "an empty account": ([(429, '{"error": {"code": "insufficient_quota", "message": "quota"}}')], "a:k = 429"),
    "a call that the model spoilt has cost its tokens": ([(400, SPOILT)], "a:k = 400"),
    "within a 200": ([refusals.in_stream({"message": SPOILT}, "a")], "a:k = 502"),
    # what may have cost money, and what will not change
    "broke down": ([500], "a:k = 502"),
    "bad gateway": ([502], "a:k = 502"),
    "gateway timed out": ([504], "a:k = 504"),
    "hung up": ([HungUp("x")], "a:k = 502"),
    "broke off": ([BrokeOff("x")], "a:k = 502"),
    "silent": ([Silent("x")], "a:k = 504"),
    "left alone by the breaker": ([NoRoom("x", 3)], "a:k = 529"),
    "a bad request": ([400], "a:k = 400"),
    "a refused key": ([401], "a:k = 401"),
    "too large": ([413], "a:k = 413"),
    "an error in a 200": ([UpstreamFailed("x")], "a:k = 502"),
}


@pytest.mark.parametrize("outcomes, expected", TRIES.values(), ids=TRIES.keys())
def test_one_target(outcomes, expected):
    assert World(outcomes).run(ONE) == expected


FALLBACKS = {
    "not reached": ([NotReached("x")] * 3 + ["ok"], "a:k +0.25 a:k +0.5 a:k b:k = answer"),
    "broke down": ([500, "ok"], "a:k b:k = answer"),
    "silent": ([Silent("x"), "ok"], "a:k b:k = answer"),
    "a refused key": ([401, "ok"], "a:k b:k = answer"),
    "no such model": ([(404, '{"error": {"message": "model not found"}}'), "ok"], "a:k b:k = answer"),
    "a long rate limit": ([(429, "", {"retry-after": "60"}), "ok"], "a:k b:k = answer"),
    "left alone by the breaker": ([NoRoom("x", 3), "ok"], "a:k b:k = answer"),
    "a wrong address": ([404, "ok"], "a:k b:k = answer"),
    "the request's own fault": ([400], "a:k = 400"),
    "too large": ([413], "a:k = 413"),
    "both fail: the first one's error": ([(429, "", {"retry-after": "60"}), 500], "a:k b:k = 429"),
}


@pytest.mark.parametrize("outcomes, expected", FALLBACKS.values(), ids=FALLBACKS.keys())
def test_two_targets(outcomes, expected):
    assert World(outcomes).run(ONE, TWO) == expected


# Requests of one session, as they follow one another: (outcomes, seconds since the one before) ...
STAYS = {
    "it stays where it was answered": ([([500, "ok"], 0), (["ok"], 299)], "a:k b:k = answer | b:k = answer"),
    "and comes back after five minutes": ([([500, "ok"], 0), (["ok"], 299), (["ok"], 2)],
                                          "a:k b:k = answer | b:k = answer | a:k = answer"),
    "or where that one fails": ([([500, "ok"], 0), ([500, "ok"], 1), (["ok"], 1)],
                                "a:k b:k = answer | b:k a:k = answer | a:k = answer"),
}


@pytest.mark.parametrize("requests, expected", STAYS.values(), ids=STAYS.keys())
def test_a_session_stays_on_its_target(requests, expected):
    world, told = World([]), []
    for outcomes, seconds in requests:
        world.trace, world.outcomes = [], list(outcomes)
        world.now += seconds
        told.append(world.run(ONE, TWO))
    assert " | ".join(told) == expected


def test_without_a_session_each_request_begins_anew():
    world = World([500, "ok", 500, "ok"])
    world.record.session = ""
    world.run(ONE, TWO)
    assert world.run(ONE, TWO) == "a:k b:k a:k b:k = answer"


def test_a_fallback_says_for_whom_it_stands():
    world, asked = World([500, "ok"]), []
    Attempts(world.caller, world.learned, world, world.record).run(
        [ONE, TWO], lambda target, key: asked.append(target.warnings) or world.ask(target, key))
    assert asked == [(), ("fallback:a/m",)]


KEYS = {
    "a refused one": ([401, "ok"], "a:k1 a:k2 = answer"),
    "one without credit": ([402, "ok"], "a:k1 a:k2 = answer"),
    "one without the right": ([403, "ok"], "a:k1 a:k2 = answer"),
    "one at its limit": ([(429, "", {"retry-after": "60"}), "ok"], "a:k1 a:k2 = answer"),
    "both at their limit": ([429, 429, "ok"], "a:k1 a:k2 +0.25 a:k1 = answer"),
    "both refused": ([401, 401], "a:k1 a:k2 = 401"),
    "not the key's fault": ([500], "a:k1 = 502"),
}


@pytest.mark.parametrize("outcomes, expected", KEYS.values(), ids=KEYS.keys())
def test_two_keys(outcomes, expected):
    assert World(outcomes).run(target_for("a", ("k1", "k2"))) == expected


def test_a_refused_key_rests_for_the_next_request():
    world, target = World([401, "ok", "ok"]), target_for("a", ("k1", "k2"))
    world.record.session = ""                       # a session stays with the other key, whether the first rests or not
    world.run(target)
    world.trace.clear()
    assert world.run(target) == "a:k2 = answer"


def test_a_key_from_a_command_is_asked_for_again():
    world, keys = World([401, "ok"]), iter(("old", "new"))
    world.caller.keys = KeyRing(world.clock, Reader(lambda command: next(keys)))
    provider = Provider("a", "https://a.test", (KeySource("command", "vault", "x"),))
    assert world.run(Target(provider, "m", ModelRow("m"), GENERIC, "m")) == "a:old a:new = answer"


def test_no_retries_where_none_are_wanted():
    assert World([503]).run(target_for("a", max_retries=0)) == "a:k = 529"


def test_nothing_follows_an_answer_that_has_begun():
    for outcome, expected in ((BrokeOff("x"), "a:k = 502"), (503, "a:k = 529"), (NO_TEMPERATURE, "a:k = 400")):
        world = World([outcome])
        world.relayed = True
        assert world.run(ONE, TWO) == expected


def test_the_first_error_tells_of_the_others():
    world = World([(429, "", {"retry-after": "60"}), NoRoom("is full", 1)])
    with pytest.raises(ProxyError) as caught:
        Attempts(world.caller, world.learned, world, world.record).run([ONE, TWO], world.ask)
    assert caught.value.message.endswith("(and then b is full)") and caught.value.status == 429


def test_what_the_record_keeps():
    world = World([NotReached("could not be reached"), 503, "ok"])
    world.run(ONE)
    assert (world.record.attempts, world.record.retries) == (["a/m: could not be reached", "a/m: 503"], 2)


# -- healing

NO_TEMPERATURE = (400, '{"error": {"message": "Unsupported parameter: \'temperature\' is not supported with this model."}}')


class Healing(World):
    """Notes with which dialect it is asked."""

    def ask(self, target, key):
        self.dialect = target.dialect
        return super().ask(target, key)


def test_a_complaint_is_mended_and_remembered():
    world = Healing([NO_TEMPERATURE, "ok"])
    assert world.run(ONE) == "a:k a:k = answer"
    assert "temperature" in world.dialect.drop_params
    assert world.learned.quirks_for("a", "m") == {"drop_params": world.dialect.drop_params}


def test_the_same_complaint_twice_is_told():
    assert Healing([NO_TEMPERATURE, NO_TEMPERATURE]).run(ONE) == "a:k a:k = 400"


def test_no_mending_where_none_is_wanted():
    assert Healing([NO_TEMPERATURE]).run(target_for("a", heal=False)) == "a:k = 400"


def test_no_mending_without_a_complaint():
    assert Healing([(400, '{"error": {"message": "messages.0: nonsense"}}')]).run(ONE) == "a:k = 400"


def test_an_unconvertible_request_is_no_ones_retry():
    assert World([InvalidRequest("messages: empty")]).run(ONE, TWO) == "a:k = 400"


# -- Retry-After

RETRY_AFTER = {
    "seconds": ({"retry-after": "7"}, 7.0),
    "a fraction": ({"retry-after": "0.5"}, 0.5),
    "milliseconds": ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
    "a date": ({"retry-after": email.utils.formatdate(1000000030, usegmt=True)}, 30.0),
    "a date that is past": ({"retry-after": email.utils.formatdate(999999000, usegmt=True)}, 0.0),
    "none": ({}, None),
    "negative": ({"retry-after": "-1"}, None),
    "no number": ({"retry-after": "nan"}, None),
    "infinity": ({"retry-after": "inf"}, None),
    "nonsense": ({"retry-after": "soon"}, None),
}


@pytest.mark.parametrize("headers, expected", RETRY_AFTER.values(), ids=RETRY_AFTER.keys())
def test_retry_after(headers, expected):
    assert retry_after(headers, 1000000000) == expected


def test_targets_are_not_changed_for_others():
    before = replace(ONE)
    Healing([NO_TEMPERATURE, "ok"]).run(ONE)
    assert ONE == before
