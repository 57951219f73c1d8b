"""One sentence for the person: which line of the configuration to mend, or what else helps."""
import re
from dataclasses import dataclass
from typing import Optional
from urllib.parse import urlsplit

from .. import errors
from .catalogue import CATALOGUE, ENTRIES

CLIENT_PATIENCE_SECONDS = 60        # Claude Code gives up at once where it is told to wait for longer

MODEL = re.compile(r"\bmodels?\b|deployment|\u6a21\u578b|endpoint or model|\bnot a chat")
UNKNOWN_MODEL = re.compile(
    r"model[^.]{0,80}(?:not (?:exist|found|support|available|open)|does not exist|not_found|unknown|invalid|no such|deprecated"
    r"|decommissioned|not a valid)|(?:no such|unknown|invalid|unsupported) model|not a valid model|no endpoints found"
    r"|\u6a21\u578b[^\u3002]{0,30}(?:\u4e0d\u5b58\u5728|\u672a\u627e\u5230|\u4e0d\u652f\u6301|\u65e0\u6743|\u672a\u5f00\u901a)")
FILTERED = re.compile(
    r"content.?(?:filter|management policy|policy violation|exists risk)|inappropriate content|data_?inspection|moderation"
    r"|flagged|unsafe or sensitive|safety (?:system|polic)|sensitive (?:words|content|information)"
    r"|\u654f\u611f|\u5b89\u5168\u5ba1\u6838|\u5185\u5bb9\u5b89\u5168|\u8fdd\u89c4|\u5408\u89c4")
FILTER_CODES = ("content_filter", "data_inspection_failed", "datainspectionfailed", "content_policy_violation", "1301", "1026",
                "1027", "sensitivecontentdetected", "inputtextsensitivecontentdetected")
IMAGES = re.compile(
    r"image[_ ]?(?:url|input|content)s?[^.]{0,60}(?:not|only|unsupported|isn't)|support(?:s|ing)? image|unknown variant `image_url`"
    r"|(?:not|n't) (?:support|accept|allow|handle|process)[^.]{0,40}(?:image|vision|multimodal)|(?:image|vision)s?[^.]{0,40}not"
    r" (?:supported|enabled|available|allowed)|only supports? text|not a (?:multimodal|vision)|mmproj|invalid content type[^.]*image"
    r"|(?:could not|unable to|failed to|cannot) (?:process|load|decode|read|download|fetch)[^.]{0,30}image|invalid (?:base64 )?image"
    r"|image (?:data|exceeds|is too|cannot|file|size|dimension)|unsupported image"
    r"|\u4e0d\u652f\u6301[^\u3002]{0,10}(?:\u56fe|\u591a\u6a21\u6001|\u89c6\u89c9)|(?:\u56fe\u7247|\u56fe\u50cf)[^\u3002]{0,12}"
    r"(?:\u4e0d\u652f\u6301|\u5931\u8d25|\u8fc7\u5927|\u683c\u5f0f)")
PDFS = re.compile(r"\bpdf\b|content type[^.]*\bfile\b|`?file`? (?:input|part|content)s?[^.]{0,30}not|unknown variant `file`")
TOOLS = re.compile(
    r"(?:not|n't) support (?:tool|function)|(?:tools?|function[ -]?call(?:s|ing)?|tool use)[^.]{0,40}(?:not|n't|un)[ ]?"
    r"(?:supported|available|enabled)|no endpoints found that support tool|requires --enable-auto-tool-choice|--jinja"
    r"|\u4e0d\u652f\u6301[^\u3002]{0,8}(?:\u5de5\u5177|\u51fd\u6570)")
RESPONSES_ONLY = re.compile(r"only supported in v1/responses|not a chat model|v1/responses (?:endpoint|and not)|use /v1/responses")


@dataclass(frozen=True)
class Place:
    """Where an error comes from: what is known of a target."""

    name: str = "the provider"
    model: str = ""
    base_url: str = ""
    key_hint: str = ""
    window: Optional[int] = None

    @classmethod
    def of(cls, target):
        """From a routing target, an answer's context, or a provider's bare name."""
        provider = getattr(target, "provider", target)
        row = getattr(target, "row", None)
        return cls(str(getattr(provider, "name", None) or provider or "the provider"), str(getattr(target, "model", "") or ""),
                   str(getattr(provider, "base_url", "") or ""), str(getattr(provider, "key_hint", "") or ""),
                   getattr(row, "context_window", None))

    @property
    def full_name(self):
        """"deepseek/deepseek-chat", or the provider alone."""
        return "%s/%s" % (self.name, self.model) if self.model else self.name

    @property
    def setting(self):
        """The path of its block in the configuration."""
        return "providers.%s" % self.name


def is_about_model(said):
    """Whether a 404 is about the model (or the deployment), not about the address."""
    return not said.html and (said.any_code("model_not_found", "modelnotfound", "invalid_model", "invalidendpointormodel.notfound",
                                            "deploymentnotfound") or bool(MODEL.search(said.words.lower())))


def is_filtered(said):
    """Whether the provider's content filter refused it."""
    return said.any_code(*FILTER_CODES) or bool(FILTERED.search(said.words.lower()))


def refused_media(said):
    """The phrase at which Claude Code takes images or PDFs out and asks again; "" where it is about neither."""
    text = said.words.lower()
    if IMAGES.search(text):
        return "could not process image"
    return "could not process pdf" if PDFS.search(text) else ""


def wait(seconds):
    """A sentence for a wait that Claude Code does not wait; seconds is a header's text."""
    if not (seconds or "").isdigit() or int(seconds) <= CLIENT_PATIENCE_SECONDS:
        return ""
    return "It wants a pause of %s, longer than the client waits." % _span(int(seconds))


def _span(seconds):
    if seconds < 120:
        return "%d seconds" % seconds
    return "%d minutes" % round(seconds / 60) if seconds < 7200 else "%d hours" % round(seconds / 3600)


def hint(kind, status, said, place, location=None):
    """The one sentence to add, or ""."""
    if status is not None and 300 <= status < 400:
        return _redirect(place, location)
    by_text = _by_text(kind, said, place)
    if by_text:
        return by_text
    if said.html and kind not in (errors.Overloaded, errors.UpstreamTimeout) and status is not None and status < 500:
        return "That is a web page, not an API: check %s.base_url." % place.setting
    return BY_CLASS[kind](status, place) if kind in BY_CLASS else ""


def _by_text(kind, said, place):
    text = said.words.lower()
    if kind in (errors.NotAuthenticated, errors.BillingProblem, errors.RateLimited):
        return ""
    if is_filtered(said):
        return "This is %s's content filter; another provider may answer it." % place.name
    if RESPONSES_ONLY.search(text):
        return "This model needs OpenAI's Responses API for that: choose another one under %s.models." % place.setting
    if TOOLS.search(text):
        return _tools(text, place)
    if kind is errors.InvalidRequest and refused_media(said) == "could not process image":
        return 'For a model without eyes set "images": false in its row of %s.models, or a vision_model.' % place.setting
    if UNKNOWN_MODEL.search(text) or said.any_code("model_not_found", "invalid_model", "20012"):
        return _model(place)
    return ""


def _tools(text, place):
    if "--jinja" in text:
        return "Start llama-server with --jinja."
    if "--enable-auto-tool-choice" in text:
        return "Start vLLM with --enable-auto-tool-choice and the --tool-call-parser of the model."
    return "Claude Code cannot work without tools: choose a model that takes them under %s.models." % place.setting


def _model(place):
    return "Set a model that %s has under %s.models (`claude-proxy models` lists them)." % (place.name, place.setting)


def _key(status, place):
    fix = "Mend it: %s." % (place.key_hint or "set %s.api_key" % place.setting)
    entry = _entry(place)
    if entry and entry.key_url:
        fix += " A key is made at %s." % entry.key_url
    return fix + _other_region(place, entry)


def _other_region(place, entry):
    """A key of one region is unknown in the other, and the refusal does not say so."""
    others = [url for region, url in (entry.regions if entry else ()) if urlsplit(url).hostname != urlsplit(place.base_url).hostname]
    if not others:
        return ""
    return " If the key is of another region, set %s.base_url to %s." % (place.setting, " or ".join(dict.fromkeys(others)))


def _entry(place):
    """The catalogue's entry for a provider: by host, else by name."""
    host = urlsplit(place.base_url).hostname
    for entry in ENTRIES:
        if host and host in [urlsplit(url).hostname for url in (entry.base_url,) + tuple(url for _, url in entry.regions)]:
            return entry
    return None if host else CATALOGUE.get(place.name)


def _redirect(place, location):
    parts = urlsplit(location or "")
    to = " (to %s://%s%s)" % (parts.scheme, parts.hostname, parts.path) if parts.hostname else ""
    return "Redirects are not followed, the key would travel%s: set %s.base_url to the final address." % (to, place.setting)


def _address(status, place):
    if status == 404:
        shown = " (now %s)" % place.base_url if place.base_url else ""
        return "The address may be wrong: check %s.base_url%s, it usually ends in /v1." % (place.setting, shown)
    return ""


def _forbidden(status, place):
    return "Its key may lack the right to this model, or the region is not served: check the account, or %s" % (
        _key(status, place)[len("Mend it: "):])


BY_CLASS = {
    errors.NotAuthenticated: _key,
    errors.Forbidden: _forbidden,
    errors.BillingProblem: lambda status, place: 'The account at %s needs credit, or set another target under "fallbacks".' % place.name,
    errors.NotFound: lambda status, place: _model(place),
    errors.InvalidRequest: _address,
    errors.RateLimited: lambda status, place: 'More keys (%s.api_key takes a list) or "fallbacks" spread the load.' % place.setting,
    errors.TooLarge: lambda status, place: "The request is larger than %s takes: compact the conversation or send less." % place.name,
    errors.UpstreamFailed: lambda status, place: 'The fault is at %s; a target under "fallbacks" takes over when it fails.' % place.name,
}
