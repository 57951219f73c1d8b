"""Names and ids that one side does not take as the other made them, there and back without any state.

Tool names: Messages takes 128 characters, Chat Completions 64. A longer one is cut and given a hash, by the same
function for `tools`, `tool_choice` and the history; the answer's names are mapped back with a table made per request.

Tool ids: a provider's id that Messages would refuse (`functions.Bash:0`) goes out as `cp1_` + base64url of it and is
decoded when it returns, because some chat templates read their own ids. An id that the conversation has used already
(providers that count from 0 in each answer) is told apart in the same way: clients drop the second of two equal ids.
"""
import base64
import binascii
import re
from typing import Callable, Collection, Dict

MAX_TOOL_NAME = 64
CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
ENCODED = "cp1_"
MISTRAL_ID = re.compile(r"[A-Za-z0-9]{9}\Z")


def shorten_tool_name(name: str) -> str:
    """The name that the provider gets: as it is up to 64 characters, else 47 of them, `_`, and 16 of its hash."""
    return name if len(name) <= MAX_TOOL_NAME else "%s_%s" % (name[:47], _digest(name, 16))


def tool_id_out(upstream_id: str, taken: Collection[str] = ()) -> str:
    """A provider's tool call id -> the client's: never one of `taken`, and reversible. "" stays "": make one."""
    if not upstream_id:
        return ""
    if CLIENT_ID.match(upstream_id) and not upstream_id.startswith(ENCODED) and upstream_id not in taken:
        return upstream_id
    client_id, number = _encoded(upstream_id), 1
    while client_id in taken:
        number += 1
        client_id = _encoded("%s\0%d" % (upstream_id, number))
    return client_id


def tool_id_back(client_id: str) -> str:
    """The provider's own id for one that tool_id_out gave out; any other as it is."""
    if not client_id.startswith(ENCODED):
        return client_id
    text = client_id[len(ENCODED):]
    try:
        upstream_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("utf-8")
    except (binascii.Error, ValueError):
        return client_id
    ours = _encoded(upstream_id) == client_id
    return ours and upstream_id.split("\0")[0] or client_id


def tool_id_for(client_id: str, style: str) -> str:
    """The id that the provider gets for a client's, as the dialect's `tool_id_style` wants it."""
    upstream_id = tool_id_back(client_id)
    if upstream_id == client_id and not CLIENT_ID.match(client_id):
        return STYLES[style](short40(client_id))         # no provider's own: there is nobody to recognise it
    return STYLES[style](upstream_id)


def short40(tool_id: str) -> str:
    """OpenAI refuses ids of more than 40 characters."""
    return tool_id if len(tool_id) <= 40 else "%s_%s" % (tool_id[:23], _digest(tool_id, 16))


def alnum9(tool_id: str) -> str:
    """Mistral takes nine letters or digits, nothing else."""
    return tool_id if MISTRAL_ID.match(tool_id) else _digest(tool_id, 9)


STYLES: Dict[str, Callable[[str], str]] = {"": str, "short40": short40, "alnum9": alnum9}


def _digest(text: str, length: int) -> str:
    import hashlib                      # with OpenSSL behind it: not before it is needed
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:length]


def _encoded(tool_id: str) -> str:
    return ENCODED + base64.urlsafe_b64encode(tool_id.encode("utf-8", "replace")).decode("ascii").rstrip("=")
