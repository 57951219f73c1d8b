"""What an image costs in tokens, by its size in pixels, which is read from the first bytes of the file."""
import base64
import binascii
import math
import struct
from typing import Optional, Tuple

HEAD_CHARACTERS = 65536         # of the base64: enough for JPEG metadata before the frame header
MOST_TOKENS = 1600              # larger images are scaled down by whoever reads them


def image_tokens(width: int, height: int, family: str = "") -> int:
    """Tokens of an image of width x height pixels."""
    return max(1, COSTS.get(family, _by_area)(width, height))


def _by_area(width: int, height: int) -> int:
    """A token for 750 pixels, the longer side scaled down to 1568; close to the 28 x 28 patches of Qwen's as well.

    https://docs.anthropic.com/en/docs/build-with-claude/vision#calculate-image-costs
    """
    scale = min(1.0, 1568 / max(width, height, 1))
    return min(MOST_TOKENS, int(width * scale * height * scale / 750))


def _by_tiles(width: int, height: int) -> int:
    """85 and 170 for each tile of 512 x 512, scaled down to fit 2048 x 2048 and to a shorter side of 768.

    https://platform.openai.com/docs/guides/images-vision#calculating-costs
    """
    scale = min(1.0, 2048 / max(width, height, 1))
    scale *= min(1.0, 768 / max(min(width, height) * scale, 1))
    return 85 + 170 * math.ceil(width * scale / 512) * math.ceil(height * scale / 512)


COSTS = {"o200k": _by_tiles}


def image_size(encoded: str) -> Optional[Tuple[int, int]]:
    """(width, height) in pixels, read from the head of a base64 PNG, JPEG, GIF or WebP; None where it is none."""
    try:
        head = base64.b64decode(encoded[:HEAD_CHARACTERS][:len(encoded) // 4 * 4])
    except (binascii.Error, ValueError):
        return None
    for magic, read in FORMATS:
        if head.startswith(magic):
            try:
                return read(head)
            except (struct.error, IndexError):
                return None
    return None


def _png(head: bytes) -> Optional[Tuple[int, int]]:
    return struct.unpack(">II", head[16:24])


def _gif(head: bytes) -> Optional[Tuple[int, int]]:
    return struct.unpack("<HH", head[6:10])


def _jpeg(head: bytes) -> Optional[Tuple[int, int]]:
    """Walks the markers to the frame header (SOF0-SOF15 without DHT, JPG, DAC)."""
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[at + 5:at + 9])
            return width, height
        at += 1 if marker == 0xFF else 2 + struct.unpack(">H", head[at + 2:at + 4])[0]
    return None


def _webp(head: bytes) -> Optional[Tuple[int, int]]:
    """The three kinds of WebP: lossy, lossless, extended. https://developers.google.com/speed/webp/docs/riff_container"""
    kind = head[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = struct.unpack("<I", head[21:25])[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        wide, high = head[24:27] + b"\0", head[27:30] + b"\0"
        return struct.unpack("<I", wide)[0] + 1, struct.unpack("<I", high)[0] + 1
    return None


FORMATS = ((b"\x89PNG", _png), (b"GIF8", _gif), (b"\xff\xd8", _jpeg), (b"RIFF", _webp))
