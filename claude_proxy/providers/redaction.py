"""Takes keys out of texts that others wrote: providers quote what they were sent."""
from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Iterable, List, Tuple, Union
from urllib.parse import quote

if TYPE_CHECKING:
    from ..config import Secret

KEY = "[key]"

# Texts, compiled (and kept, by re) where they are first needed: together they cost a millisecond.
# Keys as well-known providers make them; a provider may quote one that was mistyped and is not among ours.
SHAPES = (
    r"\b(?:gsk|xai|csk|fw|pplx|nvapi|tgp)[-_](?=[A-Za-z0-9_*\u2026-]*[0-9*\u2026])[A-Za-z0-9_*\u2026-]{8,}"
    r"|\bsk-[A-Za-z0-9_*\u2026-]{4,}(?:\.+[A-Za-z0-9_*-]{3,})?"
    r"|\b(?:hf|ghp|gho|ghs|glpat)_[A-Za-z0-9]{16,}|\bgithub_pat_[A-Za-z0-9_]{16,}"
    r"|\bAIza[A-Za-z0-9_-]{20,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+"
    r"|\b[0-9a-f]{32}\.[A-Za-z0-9]{12,}")
BEARER = (
    r"(?i)\b(bearer)(\s+|%20|:\s*)(?!(?:auth|authentication|authorization|token|tokens|scheme|is|key|format)\b)[^\s\"',;)}\]]+")
IN_URL = r"(?i)([?&](?:key|api_key|apikey|token|access_token)=)[^&\s\"']+"
CREDENTIALS = r"(://)[^/\s@\"']+@"


def redacted(text: str, secrets: Iterable[Union[str, Secret]] = ()) -> str:
    """`text` without any of `secrets` (strings, or things with .reveal()), and without what looks like a key."""
    text = without(text, map(_plain, secrets))
    text = re.sub(BEARER, r"\1\2" + KEY, text)
    text = re.sub(CREDENTIALS, r"\1" + KEY + "@", re.sub(IN_URL, r"\1" + KEY, text))
    return re.sub(SHAPES, KEY, text)


def without(text: str, secrets: Iterable[str]) -> str:
    """`text` with [key] for each of `secrets`."""
    for secret in _longest_first(tuple(secrets)):
        text = _without(text, secret)
    return text


@lru_cache(maxsize=64)
def _longest_first(secrets: Tuple[str, ...]) -> List[str]:
    return sorted(secrets, key=len, reverse=True)


@lru_cache(maxsize=1024)
def _quoted(secret: str) -> str:
    return quote(secret, safe="")


def _plain(secret: Union[str, Secret]) -> str:
    return secret.reveal() if hasattr(secret, "reveal") else str(secret or "")


def _without(text: str, secret: str) -> str:
    if len(secret) >= 8:
        return text.replace(secret, KEY).replace(_quoted(secret), KEY)
    if secret and not secret.isalpha():     # "none" and "ollama" are no secrets, and are words
        return re.sub(r"(?<![A-Za-z0-9])%s(?![A-Za-z0-9])" % re.escape(secret), KEY, text)
    return text
