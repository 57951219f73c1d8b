"""The estimator against counts that the real tokenizers gave (`make tokens` asks them again, on far more text)."""
import base64
import struct
import time

import pytest

from claude_proxy.conversion import tokens
from claude_proxy.conversion.image_size import image_size, image_tokens

PROSE = ("The build failed again last night, and this time nobody touched the lock file. I compared the two logs line "
         "by line: the only difference is that the second run picked up a newer image, so the compiler now warns about "
         "an unused variable and the pipeline treats warnings as errors.")
CODE = '''def find_route(method, path):
    """The route for a request, or None."""
    for route in ROUTES:
        if route.method == method and route.pattern.match(path):
            return route
    return None
'''
JSON = '{"id":"call_81","type":"function","function":{"name":"read_file","arguments":"{\\"path\\":\\"/tmp/a.txt\\"}"}}'
CHINESE = "轮换凭据时，请先创建第二个密钥，然后逐个重启工作进程，让每个进程读取新密钥，最后再吊销第一个。不要跳过等待。"
JAPANESE = "昨夜のビルドがまた失敗しましたが、今回は誰もロックファイルに触っていません。二つのログを比べてみました。"
KOREAN = "어젯밤 빌드가 또 실패했는데, 이번에는 아무도 잠금 파일을 건드리지 않았습니다. 두 로그를 비교해 보았습니다."
RUSSIAN = "Вчера вечером сборка снова упала, и на этот раз никто не трогал файл блокировки. Я сравнил оба журнала."
FRENCH = "La compilation a encore échoué hier soir, et cette fois personne n'avait touché au fichier de verrouillage."

COUNTED = {     # text: tokens by o200k, deepseek, qwen
    PROSE: (56, 56, 56),
    CODE: (45, 49, 45),
    JSON: (30, 32, 31),
    CHINESE: (42, 34, 39),
    JAPANESE: (37, 32, 30),
    KOREAN: (35, 44, 38),
    RUSSIAN: (29, 38, 36),
    FRENCH: (23, 28, 27),
}


@pytest.mark.parametrize("text, counts", COUNTED.items(), ids=[text[:12] for text in COUNTED])
@pytest.mark.parametrize("column, family", [(0, "o200k"), (1, "deepseek"), (2, "qwen")])
def test_a_short_text_is_within_a_fifth(text, counts, column, family):
    assert abs(tokens.estimate_text(text, family) - counts[column]) <= max(2, counts[column] * 0.2)


@pytest.mark.parametrize("text, counts", COUNTED.items(), ids=[text[:12] for text in COUNTED])
def test_an_unknown_tokenizer_is_not_taken_low(text, counts):
    assert tokens.estimate_text(text, "") >= 0.9 * max(counts)


@pytest.mark.parametrize("family", ("o200k", "deepseek", "qwen", "", "never heard of"))
@pytest.mark.parametrize("text", ("", "a", " " * 5000, "\n" * 5000, "=" * 5000, "0" * 5000, "é" * 5000, "\ud800", "😀"))
def test_odd_texts_have_sane_counts(family, text):
    assert 0 <= tokens.estimate_text(text, family) <= 6 * len(text)


def test_a_long_text_counts_as_its_parts_do_and_is_quick():
    text = (PROSE + CODE + JSON + RUSSIAN) * 2000
    began = time.perf_counter()
    whole = tokens.estimate_text(text, "o200k")
    assert time.perf_counter() - began < 0.5
    assert whole == pytest.approx(tokens.estimate_text(text[:200000], "o200k") * len(text) / 200000, rel=0.03)


def base64_of(data):
    return base64.b64encode(data).decode()


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 800, 600) + b"\x08\x02\0\0\0"
JPEG = b"\xff\xd8\xff\xe1\0\x10" + b"\0" * 14 + b"\xff\xff\xc0\0\x11\x08" + struct.pack(">HH", 600, 800) + b"\x03"
SIZES = {
    "png": (PNG, (800, 600)),
    "jpeg, after metadata and a fill byte": (JPEG, (800, 600)),
    "gif": (b"GIF89a" + struct.pack("<HH", 20, 10), (20, 10)),
    "webp, lossy": (b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480), (640, 480)),
    "webp, lossless": (b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 639 | 479 << 14), (640, 480)),
    "webp, extended": (b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0" + b"\x7f\x02\0\xdf\x01\0", (640, 480)),
    "cut short": (PNG[:18], None),
    "jpeg without a frame": (b"\xff\xd8\xff\xda\0\x02", None),
    "text": (b"not an image at all", None),
}


@pytest.mark.parametrize("data, size", SIZES.values(), ids=SIZES.keys())
def test_image_size(data, size):
    assert image_size(base64_of(data)) == size


def test_image_size_of_what_is_not_base64():
    assert image_size("%%%") is None


@pytest.mark.parametrize("width, height, family, expected", [
    (800, 600, "", 640), (4000, 3000, "", 1600), (1, 1, "", 1), (0, 0, "", 1),
    (512, 512, "o200k", 255), (1024, 1024, "o200k", 765), (4000, 2000, "o200k", 1105),
])
def test_image_tokens(width, height, family, expected):
    assert image_tokens(width, height, family) == expected


def image(data):
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": base64_of(data)}}


def count(content, **more):
    return tokens.estimate_request(dict({"messages": [{"role": "user", "content": content}]}, **more))


def test_an_image_costs_its_pixels_not_its_bytes():
    assert count([image(PNG + b"\0" * 900000)]) == count([image(PNG)]) == count([]) + 640


GROWS = {
    "system": {"system": "Answer in one word."},
    "system blocks": {"system": [{"type": "text", "text": "Answer in one word."}]},
    "tools": {"tools": [{"name": "ls", "description": "List a folder", "input_schema": {"type": "object"}}]},
}


@pytest.mark.parametrize("more", GROWS.values(), ids=GROWS.keys())
def test_everything_that_is_sent_counts(more):
    assert count("hi", **more) > count("hi") + 3


BLOCKS = {
    "tool use": {"type": "tool_use", "id": "a", "name": "ls", "input": {"path": "/var/log"}},
    "tool result": {"type": "tool_result", "tool_use_id": "a", "content": "syslog auth.log kern.log"},
    "result blocks": {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "auth.log"}]},
    "image in a result": {"type": "tool_result", "tool_use_id": "a", "content": [image(PNG)]},
    "thinking": {"type": "thinking", "thinking": "The user wants the list of logs.", "signature": "x"},
    "text document": {"type": "document", "source": {"type": "text", "data": "Minutes of the meeting"}},
    "pdf": {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "A" * 4000}},
    "blocks in a document": {"type": "document", "source": {"type": "content", "content": "Minutes of the meeting"}},
    "a later kind": {"type": "search_result", "title": "Minutes", "source": "https://example.com", "content": []},
}


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS.keys())
def test_every_block_counts(block):
    assert count([block]) > count([]) + 3


@pytest.mark.parametrize("body", [
    {}, {"messages": None}, {"messages": [None, 3, {"content": 7}]}, {"messages": [{"content": [1, {"type": "text"}]}]},
    {"messages": [{"content": [{"type": "image"}, {"type": "document"}, {"type": ["x"]}]}], "system": 3, "tools": "x"},
])
def test_a_malformed_request_still_counts(body):
    assert tokens.estimate_request(body) >= 1


def test_quick_estimate_leaves_base64_out():
    assert tokens.quick_estimate(1000400, 1000000, 4.0) == 100
    assert tokens.quick_estimate(0, 0, 0.0) == 1
