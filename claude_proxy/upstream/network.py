"""What stands between this machine and a provider: forward proxies, and TLS that somebody inspects.

Here is what to say where they are in the way, so that a person knows which of them it was and what to set.
"""
from __future__ import annotations

import os
import sys
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping

from .. import config
from .faults import NotReached

if TYPE_CHECKING:
    import ssl
    from ..config.shapes import Provider

AUTHORITY_FILES = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")
STORES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
NOT_REACHED = "could not be reached: "
# Numbers of https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/, where a name would be new in some OpenSSL.
NOT_YET, EXPIRED, UNKNOWN_ISSUER, OTHER_NAME = 9, 10, 20, 62
FAULTY_FORM = range(79, 95)         # only the strict checks, which Python 3.13 has switched on, look at these


class NotTrusted(NotReached):
    """The provider's certificate, or the one that an inspecting proxy shows in its place, does not verify."""


def untrusted(exc: ssl.SSLCertVerificationError, host: str, platform: str = sys.platform) -> NotTrusted:
    """An SSLCertVerificationError -> the fault."""
    return NotTrusted("could not be trusted: the certificate of %s: %s" % (host, exc.verify_message.rstrip(".")),
                      _remedy(exc.verify_code, platform))


def _remedy(code: int, platform: str) -> str:
    if code in (NOT_YET, EXPIRED):
        return "check the clock of this machine; if it is right, the certificate has to be renewed"
    if code == OTHER_NAME:
        return "check the host name in base_url; a proxy may also be showing a page of its own"
    if code in FAULTY_FORM:
        return 'its form is faulty, which Python 3.13 refuses: "tls_strict": false takes it, and still verifies'
    said = "ca_file names the certificate authority of a company's own servers or proxy"
    if code == UNKNOWN_ISSUER and platform == "darwin":
        said += "; a Python from python.org knows none before its Install Certificates.command was run"
    return said


def is_loopback(authority: str) -> bool:
    """Whether "host:port" is this machine: never through a proxy."""
    return config.is_loopback(urllib.parse.urlsplit("//" + authority).hostname or "")


def proxies_of(provider: Provider) -> Dict[str, str]:
    """urllib's mapping for the provider: its own proxy, none where that is "", else the environment's, for https."""
    if provider.proxy is not None:
        return {"http": provider.proxy, "https": provider.proxy} if provider.proxy else {}
    found = urllib.request.getproxies()
    return {"https": found["https"]} if "https" in found else {}


def proxy_for(provider: Provider, scheme: str, authority: str) -> str:
    """The proxy that a request to "host:port" takes, as it was written; "" for none. NO_PROXY is heeded."""
    found = "" if is_loopback(authority) else proxies_of(provider).get(scheme, "")
    return "" if not found or urllib.request.proxy_bypass(authority) else found


def proxies_that_speak_http(provider: Provider, scheme: str, authority: str) -> Dict[str, str]:
    """urllib's mapping for a request to "host:port"; NotReached where the proxy is none that we can speak to."""
    found = proxy_for(provider, scheme, authority)
    kind, spoken, _ = found.partition("://")
    if spoken and kind.lower() != "http":
        raise NotReached("%sits proxy is a %s:// one, and only http:// ones are spoken to" % (NOT_REACHED, kind),
                         'set HTTPS_PROXY, or the provider\'s "proxy", to http://HOST:PORT ("proxy": "" for none)')
    return {scheme: found} if found else {}


def behind(fault: NotReached) -> NotReached:
    """The fault of a connection to a proxy, said to be one."""
    if fault.text.startswith(NOT_REACHED):
        fault.text = "%sits proxy: %s" % (NOT_REACHED, fault.text[len(NOT_REACHED):])
    fault.hint = 'check HTTPS_PROXY, or the provider\'s "proxy" ("" for none)'
    return fault


def refused_by_proxy(head: bytes, target: str, authorized: bool) -> NotReached:
    """The head of a proxy's answer to CONNECT -> the fault; `authorized`: it was told a name and a password."""
    first, _, fields = head.decode("latin-1").partition("\r\n")
    status = first.split(" ", 2)[1:2]
    hint = "check the proxy's address"
    if status == ["407"] and "basic" not in fields.lower() and "proxy-authenticate" in fields.lower():
        hint = "it wants an authentication that is not Basic; a relay on this machine can speak that (cntlm, px)"
    elif status == ["407"]:
        hint = ("the name or the password in its address is wrong" if authorized else
                "its address needs NAME:PASSWORD@ before the host") + " (special characters as %40 and the like)"
    elif status == ["403"]:
        hint = "whoever runs it can allow %s" % target
    return NotReached("%sthe proxy refused (%s)" % (NOT_REACHED, first[:100]), hint)


def ways_to_trust(provider: Provider, environ: Mapping[str, str],
                  exists: Callable[[str], bool] = os.path.isfile) -> List[Dict[str, Any]]:
    """Settings that may make a certificate verify, the mildest first: [{"ca_file": ...} or {"tls_strict": False} ...]

    The files are those that other programs of this machine are told of, and the system's, which not every Python knows.
    """
    named = [environ.get(name) for name in AUTHORITY_FILES]
    files = [path for path in dict.fromkeys(named + list(STORES)) if path and exists(path)]
    ways: List[Dict[str, Any]] = [{"ca_file": path} for path in files]
    if provider.tls_strict:
        ways += [{"tls_strict": False}] + [dict(way, tls_strict=False) for way in ways]
    return ways
