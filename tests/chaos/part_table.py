"""Every row of table.py against the running proxy."""
import concurrent.futures

import client
import upstream
from table import CASES, LARGE, SECONDS
from world import QUICK, Proxy, Upstream

PREFIX_NEEDED = ("between", "before-finish", "in-data", "in-size", "in-character", "late", "text")


def run(results, options):
    fake = Upstream()
    server = {"open_seconds": 30}               # so that every error that can be a status is one
    patient = dict(QUICK, base_url=fake.url, first_byte_seconds=30, idle_seconds=30)
    with_faults = Proxy({"chaos": dict(QUICK, base_url=fake.url), "patient": patient}, server)
    rows = [(case, streamed) for case in CASES for streamed in (True, False) if case[2 if streamed else 3]]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for name, faults in pool.map(lambda row: judge(with_faults, *row), rows):
            results.check(name, not faults, "; ".join(faults))
    results.check("good after all of it", client.ask(with_faults.address, "chaos/good").says == "ok")
    results.check("no traceback in the log", not any("Traceback" in line for line in with_faults.lines))
    for case in LARGE:
        large(results, with_faults, case)
    long_text(results, with_faults)
    with_faults.kill()
    fake.kill()


def judge(proxy, case, streamed):
    """(name, what is wrong) of a row."""
    promise, model, expected = case[0], case[1], case[2 if streamed else 3]
    nonce = client.new_nonce()
    out = client.ask(proxy.address, "chaos/" + model, nonce, streamed)
    faults = list(out.faults)
    if out.says not in expected.split("|"):
        faults.append("%s, not %s (%s)" % (out.says, expected, out.words))
    if out.seconds > SECONDS:
        faults.append("took %.1f s" % out.seconds)
    faults += wrong_content(model, out, nonce, streamed)
    return "%s, %s: %s" % (promise, "stream" if streamed else "plain", model), faults


def wrong_content(model, out, nonce, streamed):
    """What the answer says that it must not, or does not say that it must."""
    whole = upstream.says(nonce)
    if "call" in model:
        if out.says == "ok" and len(out.calls) != 1:
            return ["%d calls" % len(out.calls)]
        return ["a call of a broken answer is whole"] if out.calls and out.error else []
    if out.says == "ok":
        return [] if out.text.endswith(whole) else ["text %r" % out.text[:60]]
    faults = []
    if "chaos" not in out.words:
        faults.append("does not name its provider: %r" % out.words)
    if out.says.startswith("error"):
        if not whole.startswith(out.text) or not out.text and "reasoning" not in model:
            faults.append("kept %r" % out.text[:60])
        if not out.open_blocks:
            faults.append("the open block was closed")
    if "NEVER" in out.text:
        faults.append("text after the end")
    return faults


def large(results, proxy, case):
    promise, model, streamed_says, plain_says, most = case
    for streamed, expected in ((True, streamed_says), (False, plain_says)):
        if expected is None:
            continue
        before = proxy.memory()
        proxy.forget_peak()
        out = client.ask(proxy.address, "patient/" + model, None, streamed, seconds=60)
        peak = proxy.memory("VmHWM") - before
        results.check("%s, %s: %s" % (promise, "stream" if streamed else "plain", model),
                      out.says in expected.split("|") and peak < most and not out.faults,
                      "%s, %.0f MiB more at the peak, %.1f s, %s %s" % (out.says, peak, out.seconds, out.faults[:3], out.words[:200]))


def long_text(results, proxy):
    """300 MB of good deltas go through, and nothing of them stays."""
    before, nonce = proxy.memory(), client.new_nonce()
    proxy.forget_peak()
    size, tail = client.swallow(proxy.address, "patient/huge@text", nonce)
    peak = proxy.memory("VmHWM") - before
    results.check("limits, stream huge@text", size > 290 and b"message_stop" in tail and peak < 40,
                  "%.0f MiB, %.0f MiB more at the peak, %r" % (size, peak, tail[-60:]))
