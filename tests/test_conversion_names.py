"""Names and ids, there and back."""
import pytest

from claude_proxy.conversion.names import shorten_tool_name, tool_id_back, tool_id_for, tool_id_out

OUT = {
    "an id that Messages takes": ("call_1-B", "call_1-B"),
    "Kimi's": ("functions.Bash:0", "cp1_ZnVuY3Rpb25zLkJhc2g6MA"),
    "one that looks like ours": ("cp1_x", "cp1_Y3AxX3g"),
    "one that is too long": ("a" * 65, "cp1_" + "YWFh" * 21 + "YWE"),
    "other scripts": ("调用", "cp1_6LCD55So"),
}


@pytest.mark.parametrize("upstream, client", OUT.values(), ids=OUT.keys())
def test_ids_go_out_and_come_back(upstream, client):
    assert tool_id_out(upstream) == client
    assert tool_id_back(client) == upstream


def test_an_id_that_was_used_is_told_apart_and_comes_back_the_same():
    first = tool_id_out("call_0")
    second = tool_id_out("call_0", {first})
    third = tool_id_out("call_0", {first, second})
    assert len({first, second, third}) == 3
    assert [tool_id_back(client) for client in (first, second, third)] == ["call_0"] * 3


@pytest.mark.parametrize("client", ["toolu_01", "cp1_", "cp1_!", "cp1_Y3AxX3g=", "cp1_gA", "cp1_a"])
def test_ids_of_others_are_left_alone(client):
    assert tool_id_back(client) == client


def test_an_empty_id_is_for_others_to_make():
    assert tool_id_out("") == ""


STYLES = {
    "as it is": ("call_" + "b" * 50, "", "call_" + "b" * 50),
    "the provider's own, however long": (tool_id_out("functions." + "a" * 70), "", "functions." + "a" * 70),
    "a client's that nobody takes": ("toolu_" + "x" * 60, "", "toolu_xxxxxxxxxxxxxxxxx_dc4d3bd4f6407594"),
    "OpenAI": ("call_" + "b" * 50, "short40", "call_bbbbbbbbbbbbbbbbbb_b8cacd430b0cb7ef"),
    "OpenAI, short enough": ("call_1", "short40", "call_1"),
    "Mistral's own": ("aB3dE6gH9", "alnum9", "aB3dE6gH9"),
    "Mistral": ("toolu_01", "alnum9", "7a95b7039"),
}


@pytest.mark.parametrize("client, style, expected", STYLES.values(), ids=STYLES.keys())
def test_styles(client, style, expected):
    assert tool_id_for(client, style) == expected


def test_long_names():
    long = "mcp__a_server_with_a_long_name__a_tool_with_a_very_long_name_indeed"
    assert shorten_tool_name("x" * 64) == "x" * 64
    assert shorten_tool_name(long) == "mcp__a_server_with_a_long_name__a_tool_with_a_v_3ca7013ca4f41242"
    assert shorten_tool_name(long + "2") != shorten_tool_name(long)
