"""Build the .pyz: `pyz.py OUTPUT` packs the package beside this folder into one executable file.

zipapp's own archives differ from build to build (file times, order, the __main__.py that it writes); here every entry
has the commit's time, one mode, and stands in the order of its name. An auditor who builds the same commit gets the
same bytes.
"""
import os
import pathlib
import subprocess
import sys
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHEBANG = b"#!/usr/bin/env python3\n"
EARLIEST = 315532800            # 1980-01-01, the first day that a zip file knows
SUFFIXES = (".py", ".html", ".service", ".svg", ".js", ".css", ".json")


def commit_time() -> int:
    """Seconds since the epoch: $SOURCE_DATE_EPOCH, else the commit's time, else 1980."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return max(EARLIEST, int(given))
    try:
        said = subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=str(ROOT), stderr=subprocess.DEVNULL)
        return int(said)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return EARLIEST


def entries():
    """(name in the archive, bytes) in the order of the names."""
    package = ROOT / "claude_proxy"
    found = {"__main__.py": package / "__main__.py", "LICENSE": ROOT / "LICENSE"}
    for path in package.rglob("*"):
        if path.is_file() and path.suffix in SUFFIXES and "__pycache__" not in path.parts:
            found[path.relative_to(ROOT).as_posix()] = path
    for name in sorted(found):
        yield name, found[name].read_bytes().replace(b"\r\n", b"\n")


def build(output: pathlib.Path) -> None:
    """Write the archive, whole or not at all."""
    moment = time.gmtime(commit_time())[:6]
    output.parent.mkdir(parents=True, exist_ok=True)
    draft = output.with_suffix(".draft")
    with open(str(draft), "wb") as stream:
        stream.write(SHEBANG)
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in entries():
                info = zipfile.ZipInfo(name, moment)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.create_system = 3                      # Unix, whichever machine builds
                info.external_attr = 0o100644 << 16
                archive.writestr(info, data)
    os.chmod(str(draft), 0o755)
    os.replace(str(draft), str(output))


if __name__ == "__main__":
    build(pathlib.Path(sys.argv[1]))
    print("%s: %d bytes" % (sys.argv[1], os.path.getsize(sys.argv[1])))
