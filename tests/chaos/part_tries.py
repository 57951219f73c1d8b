"""What is asked again, when, with which key, of whom; and that the client is told."""
import concurrent.futures
import socket
import time

import client
from world import QUICK, Proxy, Upstream

# Retry-After of one 429, then the good answer: (header, outcome, least and most seconds until it)
AFTERS = [
    ("0", "ok", 0, 0.5), ("1", "ok", 1, 1.5), ("3", "ok", 3, 3.6), ("date2", "ok", 0.9, 2.6), ("date-60", "ok", 0, 0.5),
    ("ms300", "ok", 0.3, 0.8), ("1.5", "ok", 1.5, 2.1), ("", "ok", 0, 0.9),
    ("11", "429 rate_limit_error", 0, 1.0), ("30", "429 rate_limit_error", 0, 1.0),
    ("date40", "429 rate_limit_error", 0, 1.0), ("120", "429 rate_limit_error", 0, 1.0),
    ("99999999999999999999", "429 rate_limit_error", 0, 1.0),
    ("-5", "ok|429 rate_limit_error", 0, 1.7), ("banana", "ok|429 rate_limit_error", 0, 1.7),
    ("nan", "ok|429 rate_limit_error", 0, 1.7), ("1e400", "ok|429 rate_limit_error", 0, 1.7),
]
BUSY_SECONDS = 2                         # what a busy machine may add
FRESH = ("drop@fin", "drop@rst")         # on a connection that was used before it may have been the idle limit
NEVER_TWICE = ("status@400", "status@401", "status@403", "status@404", "status@409", "status@413", "status@422", "status@500",
               "status@502", "status@504", "bytes@half", "page@200", "empty@length", "silence@head",
               "error@late@503", "cut@between@chunked@fin", "no-end@text")
AGAIN = ("status@408", "status@429", "status@503", "status@529")


def run(results, options):
    fake, other = Upstream(), Upstream()
    nobody = closed_port()
    row = dict(QUICK, base_url=fake.url)
    proxy = Proxy({
        "again": dict(row, max_retries=2), "often": dict(row, max_retries=10), "never": row,
        "gone": dict(row, base_url="http://127.0.0.1:%d/v1" % nobody, max_retries=2),
        "first": dict(row, base_url="http://127.0.0.1:%d/v3" % nobody, models={"default": "good"}),
        "faulty": dict(row, max_retries=2), "second": dict(row, base_url=other.url),
        "keys401": dict(row, api_key=["sk-a-bad", "sk-b-good"], models={"default": "by-key@401"}),
        "keys429": dict(row, api_key=["sk-a-bad", "sk-b-good"], models={"default": "by-key@429"}),
        "sessions": dict(row, api_key=["sk-1-good", "sk-2-good", "sk-3-good"]),
    }, fallbacks={"first": ["second/good"], "faulty": ["second/good"]})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        checks = [pool.submit(one, results, proxy, fake) for one in (afters, asked_once, asked_again, budget, keys, sessions)]
        checks.append(pool.submit(fallbacks, results, proxy, fake, other))
        checks.append(pool.submit(breaker, results, row))
        for check in checks:
            check.result()
    for one in (proxy, fake, other):
        one.kill()


def closed_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def afters(results, proxy, fake):
    """Retry-After in each form."""
    def one(row):
        after, expected, least, most = row
        out = client.ask(proxy.address, "again/status@429@%s@1" % after)
        results.check("Retry-After: %r" % after, out.says in expected.split("|") and least <= out.seconds <= most + BUSY_SECONDS,
                      "%s in %.1f s: %s" % (out.says, out.seconds, out.words))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, AFTERS))
    out = client.ask(proxy.address, "again/status@429@45")
    results.check("Retry-After: a long one is passed on", out.headers.get("retry-after") == "45", out.headers.get("retry-after"))
    out = client.ask(proxy.address, "again/status@429@date40")
    results.check("Retry-After: a date becomes seconds", out.headers.get("retry-after") in ("38", "39", "40"), out.headers.get("retry-after"))
    out = client.ask(proxy.address, "again/status@429@90")
    results.check("Retry-After: one that the client does not wait for is told", "90 seconds" in out.words, out.words)
    for model, expected in (("status@401", "false"), ("status@402", "false"), ("status@403", "false"), ("status@429@7", None),
                            ("status@503", None)):
        out = client.ask(proxy.address, "never/" + model)
        results.check("tries: x-should-retry of " + model, out.headers.get("x-should-retry") == expected,
                      out.headers.get("x-should-retry"))


def asked_once(results, proxy, fake):
    """What may have been worked on, or was relayed in part, is not asked again."""
    fresh = Upstream()
    more = Proxy({"fresh": dict(QUICK, base_url=fresh.url, max_retries=2)})
    for model in NEVER_TWICE + FRESH:
        nonce = client.new_nonce()
        where = (more, "fresh/") if model in FRESH else (proxy, "again/")
        client.ask(where[0].address, where[1] + model, nonce)
        asked = (fresh if model in FRESH else fake).asked(nonce)
        results.check("tries: once: " + model, asked == 1, asked)
    more.kill()
    fresh.kill()


def asked_again(results, proxy, fake):
    """Twice more, in moments."""
    for model in AGAIN:
        nonce = client.new_nonce()
        out = client.ask(proxy.address, "again/" + model, nonce)
        results.check("tries: three times: " + model, fake.asked(nonce, 3) == 3 and out.seconds < 2 + BUSY_SECONDS,
                      "%d in %.1f s" % (fake.asked(nonce), out.seconds))
    nonce = client.new_nonce()
    out = client.ask(proxy.address, "again/status@503@0@2", nonce, False)
    results.check("tries: the third one helps", out.says == "ok" and out.headers["x-claude-proxy-target"] == "again/status@503@0@2",
                  out.says)
    line = proxy.log_of("again/status@503@0@2 ")
    results.check("tries: the log tells of the tries", line and "after=\"again/status@503@0@2: 503, again" in line, line)
    out = client.ask(proxy.address, "gone/good")
    results.check("tries: a refused connection", out.says == "502 api_error" and out.seconds < 2 + BUSY_SECONDS and "gone" in out.words,
                  "%s %.1f s" % (out.says, out.seconds))


def budget(results, proxy, fake):
    """Never more than 15 s in all, and not at regular times."""
    nonce = client.new_nonce()
    out = client.ask(proxy.address, "often/status@503", nonce, seconds=40)
    time.sleep(0.2)
    at = [one["at"] for one in fake.all_seen("request", nonce)]
    gaps = [after - before for before, after in zip(at, at[1:])]
    results.check("tries: all tries within 15 s", out.says == "529 overloaded_error" and out.seconds <= 15 + BUSY_SECONDS and len(at) > 2,
                  "%d tries, %.1f s" % (len(at), out.seconds))
    results.check("tries: at random times", all(gap <= min(8, 0.5 * 2 ** n) + BUSY_SECONDS for n, gap in enumerate(gaps)), gaps)


def keys(results, proxy, fake):
    """The next key for one that is refused, which then rests."""
    for name in ("keys401", "keys429"):
        nonces = [client.new_nonce() for _ in range(6)]
        says = {client.ask(proxy.address, name + "/by-key@" + name[4:], nonce).says for nonce in nonces}
        fake.asked(nonces[-1])
        used = [one["key"] for nonce in nonces for one in fake.all_seen("request", nonce)]
        results.check("keys: %s: the other one answers" % name, says == {"ok"} and used.count("sk-a-bad") == 1, "%s %s" % (says, used))


def sessions(results, proxy, fake):
    """A session stays on its key; others take turns."""
    used = {}
    for session in ("s1", "s2", "s3", ""):
        nonces = [client.new_nonce() for _ in range(6)]
        for nonce in nonces:
            client.ask(proxy.address, "sessions/good", nonce, headers={"X-Claude-Code-Session-Id": session} if session else {})
        fake.asked(nonces[-1])
        used[session] = [one["key"] for nonce in nonces for one in fake.all_seen("request", nonce)]
    stays = all(len(set(used[session])) == 1 for session in ("s1", "s2", "s3"))
    results.check("keys: a session stays on its own", stays, used)
    results.check("keys: they take turns", len({used[session][0] for session in ("s1", "s2", "s3")}) == 3
                  and len(set(used[""])) == 3, used)


def fallbacks(results, proxy, fake, other):
    """The next target where the first does not answer, and both are named."""
    out = client.ask(proxy.address, "first/good")
    results.check("a fallback answers", out.says == "ok" and out.headers["x-claude-proxy-target"] == "second/good",
                  "%s %s" % (out.says, out.headers))
    results.check("... and is called one", "fallback:first/good" in out.headers.get("x-claude-proxy-warning", ""), out.headers)
    line = proxy.log_of("-> second/good")
    results.check("... and the log says after what", line and "first/good: could not be reached" in line, line)
    for model in ("error@late@503", "cut@between@chunked@fin", "status@400", "status@413"):
        nonce = client.new_nonce()
        out = client.ask(proxy.address, "faulty/" + model, nonce)
        results.check("no fallback after " + model, out.says != "ok" and not other.all_seen("request", nonce), out.says)
    for model in ("status@500", "drop@fin", "status@401", "status@404", "silence@head", "empty@role", "error@first"):
        out = client.ask(proxy.address, "faulty/" + model)
        results.check("a fallback after " + model, out.says == "ok", "%s %s" % (out.says, out.words))
    session = {"X-Claude-Code-Session-Id": "stays"}
    nonces = [client.new_nonce() for _ in range(3)]
    says = [client.ask(proxy.address, "faulty/status@500", nonce, headers=session).says for nonce in nonces]
    asked = [fake.asked(nonces[0])] + [len(fake.all_seen("request", nonce)) for nonce in nonces[1:]]
    results.check("a session stays on the target that answered", says == ["ok"] * 3 and asked == [1, 0, 0], (says, asked))


def breaker(results, row):
    """Five failed connects open it; 529 at once with Retry-After; one probe; recovery."""
    port = closed_port()
    proxy = Proxy({"breaks": dict(row, base_url="http://127.0.0.1:%d/v1" % port)})
    says = [client.ask(proxy.address, "breaks/good", None, number % 2 == 0) for number in range(7)]
    results.check("breaker: open after five", [out.says for out in says] == ["502 api_error"] * 5 + ["529 overloaded_error"] * 2,
                  [out.says for out in says])
    results.check("breaker: at once, with Retry-After", says[-1].seconds < BUSY_SECONDS and 1 <= int(says[-1].headers.get("retry-after", 0)) <= 5,
                  says[-1].headers)
    fake = Upstream(port=port)
    time.sleep(5.1)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        outs = list(pool.map(lambda _: client.ask(proxy.address, "breaks/slow"), range(8)))
    results.check("breaker: a probe closes it", any(out.says == "ok" for out in outs), [out.says for out in outs])
    results.check("breaker: and then all pass", client.ask(proxy.address, "breaks/good").says == "ok")
    fake.kill()
    proxy.kill()
