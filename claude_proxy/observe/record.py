"""What is remembered of one request: filled in on its way, counted and logged at its end."""
from typing import Any, Callable, List, Mapping, Optional

from ..providers.records import dataclass, field


@dataclass
class Record:
    """One request. Times are readings of the monotonic clock, in seconds; None until they happen."""

    request_id: str = ""
    method: str = ""
    route: str = ""                         # the route's pattern, never the raw target
    client_key: str = ""                    # the name of the client's key
    session: str = ""
    requested_model: str = ""
    provider: str = ""
    model: str = ""
    status: int = 0
    error_type: str = ""
    error: str = ""
    input_tokens: int = 0                   # Anthropic's counting: without the cached ones
    output_tokens: int = 0
    cached_tokens: int = 0
    started: float = 0.0
    first_byte: Optional[float] = None
    ended: Optional[float] = None
    retries: int = 0
    attempts: List[str] = field(default_factory=list)        # "deepseek/deepseek-chat: 429"
    warnings: List[str] = field(default_factory=list)
    bytes_in: int = 0
    bytes_out: int = 0
    stop_reason: str = ""
    client_left: bool = False
    so_far: Optional[Callable[[], Mapping[str, Any]]] = None        # the usage of an answer that is under way
