"""Which file is read, and when the door would stand open."""
from dataclasses import replace

import pytest

from claude_proxy.config import ClientKey, Config, Secret, Server, choose, exposure, is_loopback, search_order

ORDERS = {
    "a flag is the only place": (
        ({"CLAUDE_PROXY_CONFIG": "/v.json", "HOME": "/home/me"}, "/opt", "my.json", False),
        [("my.json", "--config", True)]),
    "a variable is the only place": (
        ({"CLAUDE_PROXY_CONFIG": "/v.json", "HOME": "/home/me"}, "/opt", None, False),
        [("/v.json", "$CLAUDE_PROXY_CONFIG", True)]),
    "neither": (
        ({"HOME": "/home/me"}, "/opt/", None, False),
        [("/opt/config.json", "beside the program", False),
         ("/home/me/.config/claude-proxy/config.json", "the user's configuration", False),
         ("/etc/claude-proxy/config.json", "the machine's configuration", False)]),
    "a folder for configurations": (
        ({"HOME": "/home/me", "XDG_CONFIG_HOME": "/conf"}, "/opt", None, False),
        [("/opt/config.json", "beside the program", False),
         ("/conf/claude-proxy/config.json", "the user's configuration", False),
         ("/etc/claude-proxy/config.json", "the machine's configuration", False)]),
    "a relative folder for configurations is ignored": (
        ({"XDG_CONFIG_HOME": "conf"}, "/opt", None, False),
        [("/opt/config.json", "beside the program", False),
         ("/etc/claude-proxy/config.json", "the machine's configuration", False)]),
    "Windows": (
        ({"APPDATA": "C:\\Users\\me\\AppData\\Roaming"}, "C:\\tools", None, True),
        [("C:\\tools\\config.json", "beside the program", False),
         ("C:\\Users\\me\\AppData\\Roaming\\claude-proxy\\config.json", "the user's configuration", False)]),
}


@pytest.mark.parametrize("arguments, expected", ORDERS.values(), ids=ORDERS.keys())
def test_search_order(arguments, expected):
    assert [tuple(candidate) for candidate in search_order(*arguments)] == expected


def test_choose_takes_what_exists_or_was_asked_for():
    order = search_order({"HOME": "/home/me"}, "/opt")
    assert choose(order, lambda path: path.startswith("/home")).path == "/home/me/.config/claude-proxy/config.json"
    assert choose(order, lambda path: False) is None
    assert choose(search_order({}, "/opt", "x.json"), lambda path: False).path == "x.json"


HOSTS = {"127.0.0.1": True, "127.8.8.8": True, "::1": True, "[::1]": True, "localhost": True, "LOCALHOST.": True,
         "0.0.0.0": False, "::": False, "": False, "192.168.0.1": False, "localhost.evil.example": False,
         "127.0.0.1.evil.example": False, "api.localhost": True, "xlocalhost": False, "::1%lo": True, "proxy.example": False}


@pytest.mark.parametrize("host, expected", HOSTS.items())
def test_is_loopback(host, expected):
    assert is_loopback(host) is expected


LOOPBACK = Config(Server(), source="/srv/config.json")
KEYED = (ClientKey("ci", Secret("k")),)
OPEN = {
    "this machine alone": (Server(), None),
    "every address": (Server(host="0.0.0.0"), "server.host: 0.0.0.0 can be reached from other machines"),
    "every address, for those with a key": (Server(host="::", client_keys=KEYED), None),
    "a name from outside": (Server(allowed_hosts=("localhost", "proxy.example")),
                            "server.allowed_hosts: proxy.example leads here from other machines"),
    "a name from outside, for those with a key": (Server(allowed_hosts=("proxy.example",), client_keys=KEYED), None),
}


@pytest.mark.parametrize("server, expected", OPEN.values(), ids=OPEN.keys())
def test_exposure(server, expected):
    told = exposure(replace(LOOPBACK, server=server), "fresh-key-0815")
    if expected is None:
        assert told is None
    else:
        assert told == ('%s, and no client key is asked. Put this into "server": {...} of /srv/config.json, and give '
                        'clients the key:\n    "client_keys": ["fresh-key-0815"],' % expected)
