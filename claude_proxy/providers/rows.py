"""The facts behind the dialects, as data: a row for each provider, the hosts that pick it, what single models change.

    ROWS       a provider's differences from a careful unknown server: {field of Dialect: value}
    HOSTS      (end of a host name, or host:port of a local server, row's name); the first that fits
    MODELS     (rows, globs of model names, changes): all that fit, in order; "*" stands for every row

Globs are held against the last part of the model's name in lower case ("zai-org/GLM-5.2" is "glm-5.2").
"""

from typing import Any, Dict

ROOM = 4096     # tokens that a reasoning model needs beside a short answer: it spends max_tokens on its thoughts first

OPENAI = dict(
    max_tokens_field="max_completion_tokens", strict_tools=True, files=True, user_field="safety_identifier",
    tool_id_style="short40", think_tags=False, tokenizer="o200k", drop_schema_keys=())

# Servers that render a model's own chat template: a system message in the middle breaks many of them.
LOCAL = dict(system_anywhere=False, extra_params=("top_k",), text_tool_calls=True)

ROWS: Dict[str, Dict[str, Any]] = {
    "openai-compatible": {},

    # -- OpenAI and those who serve its models
    "openai": OPENAI,
    "azure-openai": dict(
        OPENAI, user_field="user", files=False, auth_header="api-key", auth_scheme="",
        path="/openai/deployments/{model}/chat/completions", query="api-version=2025-04-01-preview"),
    "github-models": dict(OPENAI, user_field="", files=False, strict_tools=False),

    # -- China
    "deepseek": dict(
        thinking_style="thinking_effort", efforts=("high", "max"), min_max_tokens=ROOM, images=False,
        echo_reasoning="tool_turns", missing_reasoning="empty", response_format="json_object", tokenizer="deepseek",
        stop_limit=16, forces_in_thinking=False),
    "siliconflow": dict(extra_params=("top_k",), response_format="json_object"),
    "zhipu": dict(
        thinking_style="thinking", forces_tools=False, names_tool=False, parallel_tool_calls=False, stop_limit=1,
        stream_options=False, response_format="json_object", echo_reasoning="tool_turns", min_max_tokens=ROOM,
        tokenizer="glm"),
    "moonshot": dict(
        images_in_tool_results=True, echo_reasoning="always", missing_reasoning="omit", forces_in_thinking=False,
        response_format="json_object", stop_limit=5, tokenizer="kimi", prefill_mark="partial"),
    "dashscope": dict(
        thinking_style="enable_thinking", extra_params=("top_k",), forces_tools=False, forces_in_thinking=False,
        response_format="json_object", tokenizer="qwen", thinks_only_streaming=True, prefill_mark="partial"),
    "minimax": dict(
        thinking_style="reasoning_split", echo_reasoning="always", reasoning_field="reasoning_details",
        system_anywhere=False, forces_tools=False, names_tool=False, parallel_tool_calls=False, response_format="",
        stop_limit=0, images=False, min_max_tokens=ROOM),
    "volcengine": dict(thinking_style="thinking", forces_tools=False, min_max_tokens=ROOM, max_max_tokens=32768),
    "hunyuan": dict(
        thinking_style="enable_thinking", system_anywhere=False, user_first=True, forces_tools=False,
        parallel_tool_calls=False, response_format="", images=False),
    "tokenhub": dict(thinking_style="thinking", system_anywhere=False, forces_tools=False,
                     response_format="json_object"),
    "qianfan": dict(thinking_style="enable_thinking", system_anywhere=False, parallel_tool_calls=False,
                    response_format="json_object"),
    "stepfun": dict(response_format="json_object", min_max_tokens=ROOM),
    "modelscope": dict(extra_params=("top_k",), response_format="json_object", tokenizer="qwen"),
    "mimo": dict(
        max_tokens_field="max_completion_tokens", thinking_style="thinking", echo_reasoning="tool_turns",
        missing_reasoning="empty", forces_tools=False, images=False, min_max_tokens=ROOM),

    # -- elsewhere
    "openrouter": dict(
        thinking_style="reasoning", efforts=("low", "medium", "high", "xhigh"), extra_params=("top_k",),
        echo_reasoning="always", reasoning_field="reasoning_details", files=True, user_field="user",
        extra_headers=(("HTTP-Referer", "http://localhost"), ("X-Title", "claude-proxy"))),
    "groq": dict(max_tokens_field="max_completion_tokens", drop_schema_keys=("$schema", "$id")),
    "mistral": dict(
        tool_id_style="alnum9", stream_options=False, system_anywhere=False, user_after_tool=False,
        prefill_mark="prefix", tokenizer="mistral"),
    "xai": dict(stop_limit=0, min_max_tokens=ROOM),
    "gemini": dict(
        schema_style="gemini", thinking_style="effort", echo_reasoning="tool_turns", reasoning_field="extra_content",
        system_anywhere=False, parallel_tool_calls=False, user_first=True, min_max_tokens=ROOM, tokenizer="gemini"),
    "together": dict(extra_params=("top_k",)),
    "fireworks": dict(extra_params=("top_k",), echo_reasoning="tool_turns"),
    "cerebras": dict(max_tokens_field="max_completion_tokens",
                     drop_schema_keys=("$schema", "$id", "format", "pattern")),
    "perplexity": dict(
        drop_params=("tools", "tool_choice", "parallel_tool_calls", "stop", "stream_options"), tool_choice=False,
        forces_tools=False, names_tool=False, parallel_tool_calls=False, stream_options=False, user_first=True,
        system_anywhere=False, extra_params=("top_k",)),
    "nvidia": dict(system_anywhere=False, parallel_tool_calls=False),
    "cloudflare": dict(usage_adds_up=True, empty_content="", system_anywhere=False, parallel_tool_calls=False,
                       extra_params=("top_k",)),
    "huggingface": dict(drop_schema_keys=("$schema", "$id")),

    # -- on the user's own machine
    "ollama": dict(LOCAL, reasoning_field="reasoning", echo_reasoning="tool_turns", parallel_tool_calls=False,
                   extra_params=()),
    "lmstudio": dict(LOCAL, names_tool=False, parallel_tool_calls=False, user_first=True),
    "vllm": dict(LOCAL, thinking_style="template", reasoning_field="reasoning", echo_reasoning="tool_turns"),
    "sglang": dict(LOCAL, thinking_style="template", reasoning_field="reasoning_content", echo_reasoning="tool_turns"),
    "llama.cpp": dict(LOCAL, thinking_style="template", names_tool=False, echo_reasoning="tool_turns"),
}

# Other names for the same row, as people write them under "dialect", or name their provider.
ALIASES = {
    "azure": "azure-openai", "z.ai": "zhipu", "zai": "zhipu", "glm": "zhipu", "bigmodel": "zhipu", "kimi": "moonshot",
    "qwen": "dashscope", "bailian": "dashscope", "doubao": "volcengine", "ark": "volcengine", "baidu": "qianfan",
    "tencent": "hunyuan", "xiaomi": "mimo", "google": "gemini", "grok": "xai", "hf": "huggingface",
    "llamacpp": "llama.cpp", "llama-cpp": "llama.cpp", "lm-studio": "lmstudio", "nim": "nvidia",
    "cloudflare-workers-ai": "cloudflare", "openai_compatible": "openai-compatible",
}

HOSTS = (
    ("api.openai.com", "openai"),
    ("openai.azure.com", "azure-openai"), ("cognitiveservices.azure.com", "azure-openai"),
    ("services.ai.azure.com", "azure-openai"),
    ("models.github.ai", "github-models"), ("models.inference.ai.azure.com", "github-models"),
    ("api.githubcopilot.com", "github-models"),
    ("deepseek.com", "deepseek"),
    ("siliconflow.cn", "siliconflow"), ("siliconflow.com", "siliconflow"),
    ("bigmodel.cn", "zhipu"), ("z.ai", "zhipu"),
    ("moonshot.cn", "moonshot"), ("moonshot.ai", "moonshot"), ("kimi.com", "moonshot"),
    ("aliyuncs.com", "dashscope"),
    ("minimaxi.com", "minimax"), ("minimax.io", "minimax"), ("minimax.chat", "minimax"),
    ("volces.com", "volcengine"), ("bytepluses.com", "volcengine"),
    ("hunyuan.cloud.tencent.com", "hunyuan"), ("tencentcloudmaas.com", "tokenhub"),
    ("baidubce.com", "qianfan"),
    ("stepfun.com", "stepfun"), ("stepfun.ai", "stepfun"),
    ("modelscope.cn", "modelscope"), ("xiaomimimo.com", "mimo"),
    ("openrouter.ai", "openrouter"), ("groq.com", "groq"), ("mistral.ai", "mistral"), ("x.ai", "xai"),
    ("googleapis.com", "gemini"),
    ("together.xyz", "together"), ("together.ai", "together"),
    ("fireworks.ai", "fireworks"), ("cerebras.ai", "cerebras"), ("perplexity.ai", "perplexity"),
    ("api.nvidia.com", "nvidia"), ("api.cloudflare.com", "cloudflare"), ("gateway.ai.cloudflare.com", "cloudflare"),
    ("huggingface.co", "huggingface"), ("ollama.com", "ollama"),
)

# What listens on a port of the user's own machine; only ports that nothing else is known for.
LOCAL_PORTS = ((11434, "ollama"), (1234, "lmstudio"), (30000, "sglang"))

EVERYWHERE = ("*",)
OPENAI_ROWS = ("openai", "azure-openai", "github-models", "openai-compatible")

# An unknown gateway hands parameters on to the maker of the model, so what only the model knows holds there too.
PASSED_ON = ("openai-compatible", "siliconflow", "volcengine", "dashscope", "qianfan", "tokenhub", "modelscope",
             "nvidia", "huggingface", "fireworks", "together")

MODELS = (
    # -- tokenizers and eyes: facts of the model, whoever serves it
    (EVERYWHERE, ("gpt-*", "o[134]*", "chatgpt-*"), dict(tokenizer="o200k")),
    (EVERYWHERE, ("deepseek-*", "deepseek[:_]*"), dict(tokenizer="deepseek", images=False)),
    (EVERYWHERE, ("deepseek-*ocr*", "deepseek-vl*"), dict(images=True)),
    (EVERYWHERE, ("qwen*", "qwq*", "qvq*"), dict(tokenizer="qwen")),
    (EVERYWHERE, ("glm-*", "chatglm*"), dict(tokenizer="glm", images=False)),
    (EVERYWHERE, ("glm-*v", "glm-*v-*", "glm-*v:*"), dict(images=True)),
    (EVERYWHERE, ("kimi-*", "moonshot-*"), dict(tokenizer="kimi")),
    (EVERYWHERE, ("gemini-*", "gemma*"), dict(tokenizer="gemini")),
    (EVERYWHERE, ("mistral-*", "magistral-*", "devstral-*", "codestral-*", "ministral-*", "mixtral-*"),
     dict(tokenizer="mistral")),
    (EVERYWHERE, ("gpt-oss*", "minimax-m2*", "gpt-3.5*", "llama-3.1*", "llama-3.3*", "grok-code*", "o3-mini*",
                  "qwen3-coder*", "qwen3-max*", "kimi-k2-*", "kimi-k2"), dict(images=False)),

    # -- OpenAI's reasoning models: https://platform.openai.com/docs/guides/reasoning
    (OPENAI_ROWS, ("o[134]", "o[134]-*", "o4-mini*", "gpt-5*"),
     dict(max_tokens_field="max_completion_tokens", drop_params=("temperature", "top_p"), stop_limit=0,
          min_max_tokens=ROOM, thinking_style="effort", think_tags=False)),
    (("openai", "azure-openai"), ("o[134]", "o[134]-*", "o4-mini*", "gpt-5*"), dict(system_role="developer")),
    (OPENAI_ROWS, ("o[134]", "o[134]-*", "o4-mini*"), dict(parallel_tool_calls=False)),
    (OPENAI_ROWS, ("gpt-5-chat*", "gpt-5.[0-9]-chat*"),
     dict(drop_params=(), stop_limit=4, min_max_tokens=0, system_role="system", thinking_style="")),
    (OPENAI_ROWS, ("gpt-5", "gpt-5-mini*", "gpt-5-nano*", "gpt-5-20*"),
     dict(efforts=("minimal", "low", "medium", "high"), effort_off="minimal")),
    (OPENAI_ROWS, ("gpt-5.1", "gpt-5.1-2*"), dict(effort_off="none")),
    # these refuse function tools beside any reasoning but "none" in Chat Completions, even the default one
    (OPENAI_ROWS, ("gpt-5.[2-9]", "gpt-5.[2-9]-[!c]*", "gpt-[6-9]*"),
     dict(efforts=("low", "medium", "high", "xhigh"), effort_off="none", effort_with_tools="none")),

    # -- DeepSeek: https://api-docs.deepseek.com/guides/thinking_mode
    (("deepseek",), ("deepseek-chat*",),
     dict(thinking_style="", efforts=(), min_max_tokens=0, max_max_tokens=8192, echo_reasoning="tool_turns")),
    (("deepseek",), ("deepseek-reasoner*",),
     dict(thinking_style="", efforts=(), max_max_tokens=65536, tool_choice=False)),
    (PASSED_ON, ("deepseek-v4*", "deepseek-reasoner*", "mimo-v2*"),
     dict(echo_reasoning="tool_turns", missing_reasoning="empty", min_max_tokens=ROOM)),

    # -- thinking switches that belong to a model, not to its server
    (("siliconflow", "modelscope"), ("qwen3-*b", "qwen3-*b-a*b", "glm-4.[5-9]*", "glm-5*", "deepseek-v3.[12]*",
                                     "hunyuan-a13b*"), dict(thinking_style="enable_thinking", min_max_tokens=ROOM)),
    (("siliconflow", "modelscope"), ("qwen3-*-instruct*", "qwen3-*-thinking*", "qwen3-coder*"),
     dict(thinking_style="")),
    (("dashscope",), ("qwen3-coder*", "qwen3-*-instruct*", "qwen2*", "qwen-turbo-20*", "qwen-max*"),
     dict(thinking_style="")),
    (("moonshot",), ("kimi-k2.[5-9]*", "kimi-k[3-9]*"),
     dict(thinking_style="thinking", min_max_tokens=ROOM, drop_params=("temperature", "top_p"))),
    (("moonshot",), ("kimi-k2-thinking*", "kimi-thinking*", "kimi-for-coding*"), dict(min_max_tokens=ROOM)),
    (PASSED_ON, ("kimi-k2-thinking*", "kimi-k2.[5-9]*"), dict(echo_reasoning="tool_turns", min_max_tokens=ROOM)),
    (("zhipu",), ("glm-4-*", "glm-4v*"), dict(thinking_style="", min_max_tokens=0, echo_reasoning="")),
    (("zhipu",), ("glm-4.[6-9]*", "glm-5*"), dict(extra_body=(("tool_stream", True),))),
    (("volcengine",), ("doubao-1-5-*", "doubao-1.5-*", "doubao-pro-*", "doubao-lite-*"),
     dict(thinking_style="", min_max_tokens=0, max_max_tokens=12288)),
    (("volcengine",), ("doubao-1-5-thinking*", "doubao-1.5-thinking*"),
     dict(min_max_tokens=ROOM, max_max_tokens=16384)),
    (("hunyuan", "qianfan"),
     ("hunyuan-t1*", "hunyuan-lite*", "hunyuan-turbo*", "ernie-[34]*", "ernie-speed*", "ernie-x*"),
     dict(thinking_style="")),
    (("minimax",), ("minimax-text*", "abab*"),
     dict(thinking_style="", min_max_tokens=0, echo_reasoning="", images=True)),
    (("minimax",), ("minimax-m[3-9]*",), dict(images=True)),

    # -- reasoning efforts, where only some models of a server have them
    (("groq",), ("gpt-oss*",), dict(thinking_style="effort", min_max_tokens=ROOM)),
    (("groq",), ("qwen3*", "deepseek-r1*"),
     dict(thinking_style="effort", efforts=(), effort_off="none", min_max_tokens=ROOM,
          extra_body=(("reasoning_format", "parsed"),))),
    (("groq",), ("deepseek-r1*",), dict(effort_off="")),
    (("cerebras",), ("gpt-oss*",), dict(thinking_style="effort", min_max_tokens=ROOM)),
    (("cerebras",), ("zai-glm*", "glm-*"), dict(thinking_style="disable_reasoning", min_max_tokens=ROOM)),
    (("together", "fireworks", "huggingface", "nvidia", "cloudflare", "lmstudio", "llama.cpp"), ("gpt-oss*",),
     dict(thinking_style="effort", min_max_tokens=ROOM)),
    (("xai",), ("grok-3-mini*",), dict(thinking_style="effort", efforts=("low", "high"))),
    (("xai",), ("grok-3", "grok-3-fast*", "grok-2*"), dict(stop_limit=4, min_max_tokens=0)),
    (("gemini",), ("gemini-2.5-flash*",), dict(effort_off="none")),
    (("gemini",), ("gemini-3*",), dict(missing_reasoning="dummy")),
    (("gemini",), ("gemini-[12].[0-4]*", "gemma*"), dict(thinking_style="", min_max_tokens=0)),
    (("ollama",), ("gpt-oss*",), dict(thinking_style="effort", min_max_tokens=ROOM)),
    (("ollama",), ("qwen3*", "deepseek-r1*", "deepseek-v3.1*", "magistral*", "glm-*"),
     dict(thinking_style="effort", effort_off="none", min_max_tokens=ROOM)),
    (("ollama",), ("qwen3-coder*", "qwen3*instruct*"), dict(thinking_style="", min_max_tokens=0)),
    (("vllm", "sglang", "llama.cpp"),
     ("qwen3*", "glm-4.[5-9]*", "glm-5*", "deepseek-v3.*", "deepseek-v4*", "kimi-k2.*"),
     dict(min_max_tokens=ROOM)),
    (("vllm", "sglang"), ("gpt-oss*",), dict(thinking_style="effort", min_max_tokens=ROOM)),

    # -- what a maker insists on, or what saves money there, behind the gateways that hand it on
    (("openrouter",), ("claude-*",),        # https://openrouter.ai/docs/guides/best-practices/prompt-caching
     dict(extra_body=(("cache_control", {"type": "ephemeral"}),))),
    (("openai-compatible", "nvidia", "vllm", "huggingface", "together", "fireworks"),
     ("mistral-*", "devstral-*", "ministral-*", "magistral-*"), dict(user_after_tool=False)),
    (("openai-compatible",), ("gemini-*",),
     dict(schema_style="gemini", echo_reasoning="tool_turns", reasoning_field="extra_content")),
)
