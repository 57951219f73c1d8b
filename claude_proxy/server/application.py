"""What all connections share: the configuration, the way to the providers, and what this run has learned."""
import time
from typing import Any, Dict, Optional, Tuple

from .. import routing
from ..config import Config, secrets_of
from ..conversion import SeenTools
from ..cores import Cores
from .guards import Door, Places


MAX_WAYS = 256                      # names of models whose way is remembered
MAX_SECRETS = 1000                  # of this configuration, and of those before it


class Application:
    """Made once, by `serve`. A request keeps the configuration that it began with."""

    def __init__(self, config: Config, caller: Any, metrics: Any, learned: Any) -> None:
        self.caller = caller                        # upstream.Caller
        self.metrics = metrics                      # observe.Metrics
        metrics.stale_retries = lambda: caller.pool.stale_retries
        self.cores = Cores(metrics.running)
        self.learned = learned                      # providers.learned.Learned
        self.seen_tools = SeenTools()
        self.started = time.monotonic()
        self.draining = False                       # no new connections; answers say `connection: close`
        self.drain_over = False                     # the patience with running answers has ended
        self.places = Places()
        self._ways: Tuple[Any, int, Dict[Any, Tuple[routing.Target, ...]]] = (None, 0, {})
        self.loopback = True                        # listens on addresses of this machine alone
        self._secrets: Tuple[str, ...] = ()
        self.replace_config(config)

    @property
    def config(self) -> Config:
        """The configuration of requests that begin now."""
        return self._config

    @property
    def door(self) -> Door:
        """The checks that go with the configuration."""
        return self._door

    def secrets(self) -> Tuple[str, ...]:
        """Whatever must be in no answer and no log: the keys and passwords that this process knows."""
        return self._secrets + self.caller.keys.known()

    def targets(self, model: Any, provider_in_path: Optional[str]) -> Tuple[routing.Target, ...]:
        """routing.targets, kept for as long as the configuration and what was learned are the same."""
        config, version, ways = self._ways
        if config is not self._config or version != self.learned.version or len(ways) >= MAX_WAYS:
            config, version, ways = self._ways = self._config, self.learned.version, {}
        if not isinstance(model, str):
            return routing.targets(config, model, provider_in_path, self.learned)      # raises
        found = ways.get((model, provider_in_path))
        if found is None:
            found = routing.targets(config, model, provider_in_path, self.learned)
            ways[model, provider_in_path] = found
        return found

    def replace_config(self, config: Config, loopback: Optional[bool] = None) -> None:
        """Take another configuration; requests that run keep theirs."""
        if loopback is not None:
            self.loopback = loopback
        self._door = Door(config.server, self.loopback)
        self._config = config
        # What runs has the keys of before, and its provider may quote them.
        self._secrets = tuple(dict.fromkeys(secrets_of(config) + self._secrets))[:MAX_SECRETS]
        self.metrics.know(config)
