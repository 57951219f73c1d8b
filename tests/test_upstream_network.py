"""Proxies and inspected TLS: which of them was in the way, and what to set, in words."""
import ssl
from types import SimpleNamespace

import certificates
import pytest
from fake_proxy import FakeProxy
from test_upstream_pool import target_for

from claude_proxy.upstream import Caller
from claude_proxy.upstream.faults import NotReached
from claude_proxy.upstream.network import untrusted, ways_to_trust

BASIC = "Proxy-Authenticate: Basic realm=\"x\"\r\n"
URL = "https://provider.test/v1"


def fault_of(proxy, **settings):
    with pytest.raises(NotReached) as caught:
        Caller().call(target_for(URL, proxy=proxy, **settings), b"{}")
    return "%s; %s" % (caught.value.text, caught.value.hint)


REFUSALS = {            # the proxy's answer, credentials in its address -> what is said
    "it wants a name": ("407 Who are you", BASIC, "", "could not be reached: the proxy refused (HTTP/1.1 407 Who are you); "
                        "its address needs NAME:PASSWORD@ before the host (special characters as %40 and the like)"),
    "another name": ("407 No", BASIC, "me:secret@", "could not be reached: the proxy refused (HTTP/1.1 407 No); "
                     "the name or the password in its address is wrong (special characters as %40 and the like)"),
    "not by Basic": ("407 No", "Proxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate\r\n", "",
                     "could not be reached: the proxy refused (HTTP/1.1 407 No); it wants an authentication that is not "
                     "Basic; a relay on this machine can speak that (cntlm, px)"),
    "not there": ("403 Forbidden", "", "", "could not be reached: the proxy refused (HTTP/1.1 403 Forbidden); "
                  "whoever runs it can allow provider.test:443"),
    "no proxy": ("501 Eh", "", "", "could not be reached: the proxy refused (HTTP/1.1 501 Eh); check the proxy's address"),
}


@pytest.mark.parametrize("status, fields, who, said", REFUSALS.values(), ids=REFUSALS.keys())
def test_what_a_proxy_refuses(status, fields, who, said):
    with FakeProxy(refusal=("HTTP/1.1 %s\r\n%s\r\n" % (status, fields)).encode()) as proxy:
        assert fault_of(proxy.url.replace("//", "//" + who)) == said


def test_a_proxy_that_is_down():
    assert fault_of("http://127.0.0.1:9") == ("could not be reached: its proxy: 127.0.0.1:9: Connection refused; check "
                                              "HTTPS_PROXY, or the provider's \"proxy\" (\"\" for none)")


@pytest.mark.parametrize("scheme", ["socks5", "https"])
def test_a_proxy_that_speaks_something_else(monkeypatch, scheme):
    monkeypatch.setenv("https_proxy", scheme + "://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert fault_of(None) == (
        "could not be reached: its proxy is a %s:// one, and only http:// ones are spoken to; set HTTPS_PROXY, or the "
        "provider's \"proxy\", to http://HOST:PORT (\"proxy\": \"\" for none)" % scheme)


def test_a_certificate_for_another_name():
    made = certificates.need()
    context = ssl.create_default_context(cafile=made["ca"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made["cert"], made["key"])
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(there, here, server_hostname="other.test")
    peer = server.wrap_bio(here, there, server_side=True)
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        for side in (client, peer, client, peer, client):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    fault = untrusted(caught.value, "other.test")
    assert "could not be trusted: the certificate of other.test: Hostname mismatch" in fault.text
    assert fault.hint == "check the host name in base_url; a proxy may also be showing a page of its own"


CODES = {               # OpenSSL's number -> the hint's beginning
    10: "check the clock",
    19: "ca_file names",
    20: "ca_file names",
    62: "check the host name",
    85: "its form is faulty",
    92: "its form is faulty",
}


@pytest.mark.parametrize("code, said", CODES.items())
def test_each_reason_has_its_remedy(code, said):
    problem = SimpleNamespace(verify_code=code, verify_message="why")
    assert untrusted(problem, "x.test", "linux").hint.startswith(said)
    assert ("Install Certificates" in untrusted(problem, "x.test", "darwin").hint) == (code == 20)


def test_ways_to_trust():
    environ = {"NODE_EXTRA_CA_CERTS": "/company.pem", "SSL_CERT_FILE": "/company.pem", "CURL_CA_BUNDLE": "/gone.pem"}
    lax, strict = SimpleNamespace(tls_strict=False), SimpleNamespace(tls_strict=True)
    assert ways_to_trust(lax, environ, lambda path: path == "/company.pem") == [{"ca_file": "/company.pem"}]
    assert ways_to_trust(strict, environ, lambda path: path == "/company.pem") == [
        {"ca_file": "/company.pem"}, {"tls_strict": False}, {"ca_file": "/company.pem", "tls_strict": False}]
    assert ways_to_trust(lax, {}, lambda path: False) == []
