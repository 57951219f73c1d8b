"""A provider that does all that `check --live` asks for, and the same with one fault in it."""
import json

GOOD_MODEL = "planted"


def good(body):
    """The script of a provider without a fault."""
    last = body["messages"][-1]
    words = last["content"] if isinstance(last["content"], str) else json.dumps(last["content"])
    if body.get("tools") and last["role"] != "tool":
        cities = [city for city in ("Paris", "Rome") if city in words]
        if isinstance(body.get("tool_choice"), dict) or body.get("tool_choice") == "required":
            cities = cities or ["Paris"]
        if body.get("parallel_tool_calls") is False:
            cities = cities[:1]
        if cities:
            return {"reasoning": "I look.", "tools": [("get_weather", {"city": city}) for city in cities]}
    return {"reasoning": "Easy.", "text": "red" if "image_url" in words else "OK."}


def refusing(fits, message, status=400):
    """Good, but for requests that fit."""
    return lambda body: {"status": status, "error": {"message": message}} if fits(body) else good(body)


def holds_image(body):
    return "image_url" in json.dumps(body["messages"])


def lacks_reasoning(body):
    return any(message.get("tool_calls") and not message.get("reasoning_content") for message in body["messages"])


def large(body):
    return body.get("max_tokens", 0) > 8192


# fault -> (script, the finding that shows it, its state, whether a line mends it)
FAULTS = {
    "unknown-model": (refusing(lambda body: body["model"] != "planted-2", "The model `planted` does not exist", 404),
                      "model", "failed", True),
    "no-stream-options": (refusing(lambda body: "stream_options" in body, "Unsupported parameter: stream_options"),
                          "stream", "mended", True),
    "no-counts": (lambda body: dict(good(body), usage=None), "token counts", "warning", True),
    "no-parallel": (refusing(lambda body: "parallel_tool_calls" in body, "Unknown parameter: parallel_tool_calls"),
                    "parallel tools", "mended", True),
    "no-forced-tool": (refusing(lambda body: body.get("tool_choice", "auto") != "auto",
                                "tool_choice: only 'auto' is supported"), "forced tool", "mended", True),
    "wants-reasoning": (refusing(lacks_reasoning, "The reasoning_content in the thinking mode must be passed back"),
                        "reasoning back", "mended", True),
    "no-images": (refusing(holds_image, "This model does not support image input"), "image", "mended", True),
    "capped": (refusing(large, "max_tokens must be at most 8192"), "max_tokens", "mended", True),
    "ignores-forced": (lambda body: {"text": "Hello!"} if isinstance(body.get("tool_choice"), dict) else good(body),
                       "forced tool", "warning", True),
    "wrong-key": (refusing(lambda body: True, "Incorrect API key provided", 401), "key", "failed", False),
    "no-money": (refusing(lambda body: True, "Insufficient balance", 402), "key", "failed", False),
    "no-tools": (refusing(lambda body: "tools" in body, "tools are not supported by this model"), "tools", "failed", False),
    "no-stream": (lambda body: dict(good(body), always="json"), "stream", "warning", False),
    "broken": (refusing(lambda body: True, "the GPU is on fire", 500), "answer", "failed", False),
}
