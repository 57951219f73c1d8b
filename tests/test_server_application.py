"""What all connections share: the ways of models are kept until the configuration, or what was learned, changes."""
import json

from claude_proxy import config, upstream
from claude_proxy.observe import Metrics
from claude_proxy.providers.complaints import Remedy
from claude_proxy.providers.learned import Learned
from claude_proxy.server import Application


def configuration(model):
    """A provider with one model."""
    return config.read(json.dumps({"providers": {"fake": {
        "base_url": "http://127.0.0.1:9/v1", "api_key": "sk-fake-0123456789", "models": {"default": model}}}}), {})


def test_the_keys_of_before_are_still_kept_out_of_what_is_said():
    app = Application(configuration("first"), upstream.Caller(), Metrics(), Learned())
    app.replace_config(config.read(None, {"DEEPSEEK_API_KEY": "sk-new-0123456789"}))
    assert app.secrets() == ("sk-new-0123456789", "sk-fake-0123456789")


def test_the_way_of_a_model_is_kept_until_something_changes():
    app = Application(configuration("first"), upstream.Caller(), Metrics(), Learned())
    way = app.targets("claude-sonnet-5", None)
    assert way[0].model == "first" and app.targets("claude-sonnet-5", None) is way
    app.learned.remember("fake", "first", Remedy("images", {"images": False}))
    assert app.targets("claude-sonnet-5", None)[0].dialect.images is False
    app.replace_config(configuration("second"))
    assert app.targets("claude-sonnet-5", None)[0].model == "second"
