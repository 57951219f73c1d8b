"""Claude Code, and every client of the Anthropic Messages API, on any OpenAI-compatible provider."""

__version__ = "1.0.0"
