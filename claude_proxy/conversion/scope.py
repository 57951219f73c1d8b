"""What every step of one request's conversion may ask: whom it is for, what that one takes, and where warnings go."""
import re
from typing import Any, List

from ..providers.dialects import GENERIC, Dialect
from ..providers.records import dataclass, field

NOT_IN_A_CODE = re.compile(r"[^A-Za-z0-9_.:-]")
MAX_CODE, MAX_CODES = 60, 20           # characters of a code, codes of a request: they go into one header


@dataclass
class Scope:
    """One target, seen from the conversion. `images` and `files`: whether it takes them."""

    provider: str = ""
    model: str = ""                        # the provider's name of it
    dialect: Dialect = GENERIC
    images: bool = True
    files: bool = False
    warnings: List[str] = field(default_factory=list)
    has_files: bool = False                # an image or a document went into the request

    def warn(self, code: str) -> None:
        """Note what is dropped or replaced: a short code such as "dropped:top_k", fit for a header, once each."""
        code = NOT_IN_A_CODE.sub("_", code)[:MAX_CODE]
        if code not in self.warnings and len(self.warnings) < MAX_CODES:
            self.warnings.append(code)


def scope_of(target: Any) -> Scope:
    """The Scope of a routing.Target; the model's row says more of images than its dialect."""
    images = getattr(target.row, "images", None)
    return Scope(provider=target.provider.name, model=target.model, dialect=target.dialect,
                 images=target.dialect.images if images is None else images, files=target.dialect.files)
