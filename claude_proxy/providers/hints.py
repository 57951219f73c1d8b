"""One sentence for the person: which line of the configuration to mend, or what else helps."""
from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Type, Union
from urllib.parse import urljoin, urlsplit

from .. import errors
from .catalogue import CATALOGUE, ENTRIES
from .records import dataclass
from .wording import any_of

if TYPE_CHECKING:
    from ..conversion.context import AnswerContext
    from ..errors import ProxyError
    from ..routing import Target
    from .catalogue import Entry
    from .wording import Said

CLIENT_PATIENCE_SECONDS = 60        # Claude Code gives up at once where it is told to wait for longer

MODEL = any_of(r"\bmodels?\b", "deployment", "模型", "not a chat")
UNKNOWN_MODEL = any_of(
    r"model[^.]{0,80}(?:not (?:exist|found|support|available|open)|does not exist|not_found|unknown|invalid|no such)",
    r"model[^.]{0,80}(?:deprecated|decommissioned|not a valid)", r"(?:no such|unknown|invalid|unsupported) model",
    r"not a valid model", "no endpoints found", r"模型[^。]{0,30}(?:不存在|未找到|不支持|无权|未开通)")
FILTERED = any_of(
    r"content.?(?:filter|management policy|policy violation|exists risk)", "inappropriate content", "data_?inspection",
    "moderation", "flagged", "unsafe or sensitive", r"safety (?:system|polic)",
    r"sensitive (?:words|content|information)", "敏感", "安全审核", "内容安全", "违规", "合规")
MODEL_CODES = ("model_not_found", "modelnotfound", "invalid_model", "deploymentnotfound",
               "invalidendpointormodel.notfound", "20012")
FILTER_CODES = ("content_filter", "data_inspection_failed", "datainspectionfailed", "content_policy_violation",
                "sensitivecontentdetected", "inputtextsensitivecontentdetected", "1301", "1026", "1027")
IMAGES = any_of(
    r"image[_ ]?(?:url|input|content)s?[^.]{0,60}(?:not|only|unsupported|isn't)", r"support(?:s|ing)? image",
    "unknown variant `image_url`", r"(?:not|n't) (?:support|accept|allow|process)[^.]{0,40}(?:image|vision|multimodal)",
    r"(?:image|vision)s?[^.]{0,40}not (?:supported|enabled|available|allowed)", r"only supports? text",
    r"not a (?:multimodal|vision)", "mmproj", r"invalid content type[^.]*image", r"invalid (?:base64 )?image",
    r"(?:could not|unable to|failed to|cannot) (?:process|load|decode|read|download|fetch)[^.]{0,30}image",
    r"image (?:data|exceeds|is too|cannot|file|size|dimension)", "unsupported image",
    r"不支持[^。]{0,10}(?:图|多模态|视觉)", r"(?:图片|图像)[^。]{0,12}(?:不支持|失败|过大|格式)")
PDFS = any_of(r"\bpdf\b", r"content type[^.]*\bfile\b", r"`?file`? (?:input|part|content)s?[^.]{0,30}not",
              "unknown variant `file`")
TOOLS = any_of(
    r"(?:not|n't) support (?:tool|function)", "no endpoints found that support tool",
    r"(?:tools?|function[ -]?call(?:s|ing)?|tool use)[^.]{0,40}(?:not|n't|un) ?(?:supported|available|enabled)",
    "requires --enable-auto-tool-choice", "--jinja", r"不支持[^。]{0,8}(?:工具|函数)")
TOO_MANY_TOOLS = any_of(
    r"\btools?\b[^.]{0,60}(?:too (?:many|long)|maximum length|at most|more than \d+|exceed|limit)",
    r"(?:too many|at most \d+|maximum (?:number )?of(?: \d+)?|max(?:imum)? \d+|more than \d+|limit(?:ed)? (?:of|to) "
    r"\d+) (?:tools?|functions?)\b", r"function declarations[^.]{0,40}(?:\d+|many|exceed)",
    r"(?:工具|函数)[^。]{0,12}(?:过多|超过|超出|上限|最多)", r"最多[^。]{0,12}(?:工具|函数)")
RESPONSES_ONLY = any_of("only supported in v1/responses", "not a chat model", r"v1/responses (?:endpoint|and not)",
                        "use /v1/responses")


Where = Union["Target", "AnswerContext", str]      # a routing target, an answer's context, or a provider's bare name


@dataclass(frozen=True)
class Place:
    """Where an error comes from: what is known of a target."""

    name: str = "the provider"
    model: str = ""
    base_url: str = ""
    key_hint: str = ""
    window: Optional[int] = None

    @classmethod
    def of(cls, target: Where) -> Place:
        """From a routing target, an answer's context, or a provider's bare name."""
        provider = getattr(target, "provider", target)
        row = getattr(target, "row", None)
        model = getattr(target, "upstream_model", "") or getattr(target, "model", "")
        return cls(str(getattr(provider, "name", None) or provider or "the provider"), str(model or ""),
                   getattr(provider, "base_url", "") or "", getattr(provider, "key_hint", "") or "",
                   getattr(row, "context_window", None))

    @property
    def full_name(self) -> str:
        """"deepseek/deepseek-chat", or the provider alone."""
        return "%s/%s" % (self.name, self.model) if self.model else self.name

    @property
    def setting(self) -> str:
        """The path of its block in the configuration."""
        return "providers.%s" % self.name


def is_about_model(said: Said) -> bool:
    """Whether a 404 is about the model (or the deployment), not about the address."""
    return not said.html and (said.any_code(*MODEL_CODES) or bool(MODEL.search(said.words)))


def is_filtered(said: Said) -> bool:
    """Whether the provider's content filter refused it."""
    return said.any_code(*FILTER_CODES) or bool(FILTERED.search(said.words.lower()))


def refused_media(said: Said) -> str:
    """The phrase at which Claude Code takes images or PDFs out and asks again; "" where it is about neither."""
    text = said.words.lower()
    if IMAGES.search(text):
        return "could not process image"
    return "could not process pdf" if PDFS.search(text) else ""


def wait(seconds: Optional[str]) -> str:
    """A sentence for a wait that Claude Code does not wait; seconds is a header's text."""
    if not seconds or not seconds.isdigit() or int(seconds) <= CLIENT_PATIENCE_SECONDS:
        return ""
    return "It wants a pause of %s, longer than the client waits." % _span(int(seconds))


def _span(seconds: int) -> str:
    if seconds < 120:
        return "%d seconds" % seconds
    return "%d minutes" % round(seconds / 60) if seconds < 7200 else "%d hours" % round(seconds / 3600)


def hint(kind: Type[ProxyError], status: Optional[int], said: Said, place: Place,
         location: Optional[str] = None) -> str:
    """The one sentence to add, or ""."""
    if status is not None and 300 <= status < 400:
        return _redirect(place, location)
    by_text = _by_text(kind, said, place)
    if by_text:
        return by_text
    if said.html and kind not in (errors.Overloaded, errors.UpstreamTimeout) and status is not None and status < 500:
        return "That is a web page, not an API: check %s.base_url." % place.setting
    return BY_CLASS[kind](status, place) if kind in BY_CLASS else ""


def _by_text(kind: Type[ProxyError], said: Said, place: Place) -> str:
    text = said.words.lower()
    if kind in (errors.NotAuthenticated, errors.BillingProblem, errors.RateLimited):
        return ""
    if is_filtered(said):
        return "This is %s's content filter; another provider may answer it." % place.name
    if RESPONSES_ONLY.search(text):
        return "This model needs OpenAI's Responses API for that: choose another one under %s.models." % place.setting
    if kind is errors.InvalidRequest and TOO_MANY_TOOLS.search(text):
        return ("Set ENABLE_TOOL_SEARCH=true for Claude Code, which then sends few tools at a time (or use fewer MCP "
                "servers).")
    if TOOLS.search(text):
        return _tools(text, place)
    if kind is errors.InvalidRequest and refused_media(said) == "could not process image":
        return 'For a model without eyes set "images": false in its row of %s.models.' % place.setting
    if UNKNOWN_MODEL.search(text) or said.any_code(*MODEL_CODES):
        return _model(place)
    return ""


def _tools(text: str, place: Place) -> str:
    if "--jinja" in text:
        return "Start llama-server with --jinja."
    if "--enable-auto-tool-choice" in text:
        return "Start vLLM with --enable-auto-tool-choice and the --tool-call-parser of the model."
    return "Claude Code cannot work without tools: choose a model that takes them under %s.models." % place.setting


def _model(place: Place) -> str:
    return "Set a model that %s has under %s.models (`claude-proxy models` lists them)." % (place.name, place.setting)


def _key(status: Optional[int], place: Place) -> str:
    return "Mend it: %s" % _new_key(place)


def _forbidden(status: int, place: Place) -> str:
    return "Its key may lack the right to this model, or the region is not served; else %s" % _new_key(place)


def _new_key(place: Place) -> str:
    fix = "%s." % (place.key_hint or "set %s.api_key" % place.setting)
    entry = _entry(place)
    if entry and entry.key_url and entry.key_url not in fix:
        fix += " A key is made at %s." % entry.key_url
    return fix + _other_region(place, entry)


def _other_region(place: Place, entry: Optional[Entry]) -> str:
    """A key of one region is unknown in the other, and the refusal does not say so."""
    here = urlsplit(place.base_url or (entry.base_url if entry else "")).hostname
    others = [url for _, url in (entry.regions if entry else ()) if urlsplit(url).hostname != here]
    if not others:
        return ""
    return " If the key is of another region, set %s.base_url to %s." % (place.setting, " or ".join(others))


def _entry(place: Place) -> Optional[Entry]:
    """The catalogue's entry for a provider: by host, else by name."""
    host = urlsplit(place.base_url).hostname
    if not host:
        return CATALOGUE.get(place.name)
    return next((entry for entry in ENTRIES if host in entry.hosts), None)


def _destination(place: Place, location: Optional[str]) -> str:
    """Where a redirect leads, without what may be secret in it; "" where that is no web address."""
    try:
        parts = urlsplit(urljoin(place.base_url or "", location))
    except ValueError:                      # http://[
        return ""
    if not location or parts.scheme not in ("http", "https"):
        return ""
    return " (to %s://%s%s)" % (parts.scheme, parts.netloc.rpartition("@")[2], parts.path)


def _redirect(place: Place, location: Optional[str]) -> str:
    to = _destination(place, location or "")
    return "Redirects%s are not followed, the key would travel: set %s.base_url to the final address." % (
        to, place.setting)


def _address(status: Optional[int], place: Place) -> str:
    if status == 404:
        shown = " (now %s)" % place.base_url if place.base_url else ""
        return "The address may be wrong: check %s.base_url%s, it usually ends in /v1." % (place.setting, shown)
    return ""


def _credit(status: Optional[int], place: Place) -> str:
    return 'The account at %s needs credit, or set another target under "fallbacks".' % place.name


def _load(status: Optional[int], place: Place) -> str:
    return 'More keys (%s.api_key takes a list) or "fallbacks" spread the load.' % place.setting


def _size(status: int, place: Place) -> str:
    return "The request is larger than %s takes: compact the conversation or send less." % place.name


def _fault(status: Optional[int], place: Place) -> str:
    return 'The fault is at %s; a target under "fallbacks" takes over when it fails.' % place.name


BY_CLASS = {
    errors.NotAuthenticated: _key,
    errors.Forbidden: _forbidden,
    errors.BillingProblem: _credit,
    errors.NotFound: lambda status, place: _model(place),
    errors.InvalidRequest: _address,
    errors.RateLimited: _load,
    errors.TooLarge: _size,
    errors.UpstreamFailed: _fault,
}
