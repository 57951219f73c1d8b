"""A throwaway certificate authority and a certificate for localhost, made by openssl where there is one."""
import functools
import os
import shutil
import subprocess
import tempfile

KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"      # made in no time, unlike RSA
CONFIG = """[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[server]
subjectAltName = DNS:localhost,DNS:provider.test,IP:127.0.0.1
"""


@functools.lru_cache(maxsize=None)
def make():
    """{"ca", "cert", "key"}: paths; None where they cannot be made."""
    if not shutil.which("openssl"):
        return None
    folder = tempfile.mkdtemp(prefix="claude-proxy-test-")
    with open(os.path.join(folder, "config"), "w") as file:
        file.write(CONFIG)
    commands = (
        "req -x509 %s -keyout ca.key -out ca.pem -days 2 -subj /CN=test -config config -extensions ca" % KEY,
        "req %s -keyout key.pem -out request -subj /CN=localhost -config config" % KEY,
        "x509 -req -in request -CA ca.pem -CAkey ca.key -set_serial 1 -out cert.pem -days 2 -extfile config "
        "-extensions server",
    )
    try:
        for command in commands:
            subprocess.run(["openssl"] + command.split(), cwd=folder, check=True, stderr=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    return {name: os.path.join(folder, name + ".pem") for name in ("ca", "cert", "key")}


def need():
    """The certificates, or a skipped test."""
    import pytest                       # here, so that make() needs nothing but Python
    made = make()
    if made is None:
        pytest.skip("no openssl to make certificates with")
    return made
