"""The config.json of the repository works as it lies there."""
import pathlib

import pytest

from claude_proxy import config, routing
from claude_proxy.config.matching import FAMILIES
from claude_proxy.providers.catalogue import CATALOGUE

TEXT = (pathlib.Path(__file__).resolve().parent.parent / "config.json").read_text(encoding="utf-8")
VARIABLES = {"siliconflow": "SILICONFLOW_API_KEY", "deepseek": "DEEPSEEK_API_KEY", "openai": "OPENAI_API_KEY",
             "zhipu": "ZHIPU_API_KEY"}


def test_without_a_key_the_demo_answers():
    found = config.with_demo(config.read(TEXT, {}), "http://127.0.0.1:9/v1")
    assert found.default_provider == "demo" and not found.warnings
    assert routing.targets(found, "claude-opus-5-5")[0].provider.name == "demo"


@pytest.mark.parametrize("name, variable", VARIABLES.items())
def test_one_key_is_enough(name, variable):
    found = config.read(TEXT, {variable: "sk-0815"})
    assert found.default_provider == name and found.server == config.Server()
    assert [provider.name for provider in found.providers if provider.usable] == [name]
    assert not found.warnings


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_row(name, family):
    found = config.read(TEXT, {VARIABLES[name]: "sk-0815"})
    for asked in ("claude-%s-5-5" % family, "claude-3-5-%s-20241022" % family, family):
        target = routing.targets(found, asked)[0]
        assert target.provider.name == name and not target.warnings
        assert "haiku" not in family or target.model != found.provider(name).default_model.model


@pytest.mark.parametrize("name", VARIABLES)
def test_it_names_the_models_of_the_catalogue(name):
    """A model that the catalogue avoids for a reason must not come back by this file."""
    found = config.read(TEXT, {VARIABLES[name]: "sk-0815"}).provider(name)
    assert {pattern: row.model for pattern, row in found.models} == dict(CATALOGUE[name].models)
    assert found.default_model.model == CATALOGUE[name].default


def test_a_missing_key_is_named():
    found = config.read(TEXT, {})
    for name, variable in VARIABLES.items():
        assert found.provider(name).key_hint.startswith("set %s, or providers.%s.api_key" % (variable, name))
