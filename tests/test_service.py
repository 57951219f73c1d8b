"""The unit: its own paths, and what systemd itself says to it."""
import pathlib
import re
import shutil
import subprocess

import pytest

from claude_proxy.commands import service
from claude_proxy.config import Server

PYZ = pathlib.Path("/usr/local/lib/claude-proxy/claude-proxy.pyz")


def lines_of(text, name):
    return [line for line in text.splitlines() if line.startswith(name + "=")]


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("{}")
    path.chmod(0o644)
    return path


def test_paths(config):
    text = service.unit("/usr/bin/python3.12", PYZ, config, False)
    assert lines_of(text, "ExecStart") == ["ExecStart=/usr/bin/python3.12 %s serve --config %s" % (PYZ, config)]
    assert lines_of(text, "DynamicUser") and lines_of(text, "WantedBy") == ["WantedBy=multi-user.target"]


def test_its_service_manager_waits_longer_than_it_drains(config):
    text = service.unit("/usr/bin/python3", PYZ, config, False)
    assert int(lines_of(text, "TimeoutStopSec")[0].partition("=")[2]) > Server().drain_seconds + 5


def test_a_configuration_for_its_owner_alone_comes_as_a_credential(config):
    config.chmod(0o600)
    text = service.unit("/usr/bin/python3", PYZ, config, False)
    assert "LoadCredential=config.json:%s" % config in text
    assert lines_of(text, "ExecStart")[0].endswith(" --config ${CREDENTIALS_DIRECTORY}/config.json")


def test_a_checkout_and_odd_paths(config):
    text = service.unit("/opt/my python/bin/python3", config.parent, config, False)
    assert lines_of(text, "Environment") == ["Environment=PYTHONPATH=%s" % config.parent.parent]
    assert lines_of(text, "ExecStart")[0].startswith('ExecStart="/opt/my python/bin/python3" -m claude_proxy serve')
    assert service.quoted("/a%b$c") == "/a%%b$$c"


def test_what_lies_in_a_home_is_not_hidden(config):
    text = service.unit("/usr/bin/python3", pathlib.Path("/home/me/claude-proxy.pyz"), None, False)
    assert lines_of(text, "ProtectHome") == ["ProtectHome=read-only"]
    assert any("/usr/local/lib/claude-proxy" in line for line in service.remarks(None, pathlib.Path("/home/me/x.pyz"), False))


def test_for_a_user(config):
    text = service.unit("/usr/bin/python3", PYZ, config, True)
    assert lines_of(text, "WantedBy") == ["WantedBy=default.target"]
    assert not lines_of(text, "DynamicUser") and not lines_of(text, "ProtectSystem")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_it_and_rates_it(tmp_path, config):
    program = tmp_path / "claude-proxy.pyz"
    program.write_text("")
    unit = tmp_path / "claude-proxy.service"
    unit.write_text(service.unit("/bin/true", program, config, False))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert b"claude-proxy.service" not in done.stdout, done.stdout
    rated = subprocess.run(["systemd-analyze", "security", "--offline=true", str(unit)], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT).stdout.decode("utf-8", "replace")
    found = re.search(r"Overall exposure level[^:]*: ([\d.]+)", rated)
    if found is None:
        pytest.skip("this systemd-analyze cannot rate a file")
    assert float(found.group(1)) <= 1.3
