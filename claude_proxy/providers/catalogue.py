"""The providers that need no base_url in the configuration: where they are, their key, their models.

An Entry is what a user would otherwise have to look up: the address (and that of the other region), the environment
variable that the provider's own documents use for its key, the page where a key is made, and a model for each family
of Claude names. Everything in it can be overridden in the configuration. `fact_of(model)` knows the limits of
well-known models, whoever serves them.
"""
from functools import lru_cache
from typing import Dict, Optional, Set, Tuple
from urllib.parse import urlsplit

from .globs import fits
from .records import dataclass


@dataclass(frozen=True)
class Entry:
    """A provider of the catalogue."""

    name: str
    base_url: str                                   # no trailing slash; "" where it names an account: base_url_shape
    key_variable: str                               # the environment variable with its key; "": it asks for none
    models: Tuple[Tuple[str, str], ...] = ()        # (glob of Claude names, the provider's model)
    default: Optional[str] = None                   # the model for every other name
    key_url: str = ""                               # where to get a key
    local: bool = False                             # runs on the user's machine: counts only when configured
    regions: Tuple[Tuple[str, str], ...] = ()       # (region, base_url): a key of one is refused by the other
    key_variables: Tuple[str, ...] = ()             # further names under which its key is found
    base_url_shape: str = ""                        # what base_url looks like, where each account has its own

    @property
    def hosts(self) -> Set[Optional[str]]:
        """The host names of all its regions."""
        return {urlsplit(url).hostname for url in (self.base_url,) + tuple(url for _, url in self.regions)}


def families(small: str, large: str, largest: Optional[str] = None) -> Tuple[Tuple[str, str], ...]:
    """Rows for the four families of Claude names: haiku is the small model, opus and fable the largest."""
    largest = largest or large
    return (("claude-*haiku*", small), ("claude-*sonnet*", large),
            ("claude-*opus*", largest), ("claude-*fable*", largest))


ENTRIES = (
    Entry("deepseek", "https://api.deepseek.com", "DEEPSEEK_API_KEY",
          families("deepseek-v4-flash", "deepseek-v4-pro"), "deepseek-v4-pro",
          "https://platform.deepseek.com/api_keys"),
    Entry("openai", "https://api.openai.com/v1", "OPENAI_API_KEY",
          # later ones refuse to reason beside function tools in Chat Completions
          families("gpt-5-mini", "gpt-5.1"), "gpt-5.1", "https://platform.openai.com/api-keys",
          regions=(("US", "https://api.openai.com/v1"), ("EU", "https://eu.api.openai.com/v1"))),
    Entry("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY",
          families("anthropic/claude-haiku-4.5", "anthropic/claude-sonnet-4.6", "anthropic/claude-opus-4.6"),
          "anthropic/claude-sonnet-4.6", "https://openrouter.ai/settings/keys"),
    Entry("siliconflow", "https://api.siliconflow.cn/v1", "SILICONFLOW_API_KEY",
          families("zai-org/GLM-4.5-Air", "deepseek-ai/DeepSeek-V3.2"), "deepseek-ai/DeepSeek-V3.2",
          "https://cloud.siliconflow.cn/account/ak",
          regions=(("China", "https://api.siliconflow.cn/v1"), ("international", "https://api.siliconflow.com/v1"))),
    Entry("zhipu", "https://open.bigmodel.cn/api/paas/v4", "ZHIPU_API_KEY",
          families("glm-4.7-flash", "glm-5.2"), "glm-5.2", "https://open.bigmodel.cn/usercenter/apikeys",
          regions=(("China", "https://open.bigmodel.cn/api/paas/v4"), ("international", "https://api.z.ai/api/paas/v4"),
                   ("China, coding plan", "https://open.bigmodel.cn/api/coding/paas/v4"),
                   ("international, coding plan", "https://api.z.ai/api/coding/paas/v4")),
          key_variables=("ZHIPUAI_API_KEY", "BIGMODEL_API_KEY")),
    Entry("zai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY",
          families("glm-4.7-flash", "glm-5.2"), "glm-5.2", "https://z.ai/manage-apikey/apikey-list",
          regions=(("China", "https://open.bigmodel.cn/api/paas/v4"), ("international", "https://api.z.ai/api/paas/v4"),
                   ("international, coding plan", "https://api.z.ai/api/coding/paas/v4")),
          key_variables=("Z_AI_API_KEY",)),
    Entry("moonshot", "https://api.moonshot.cn/v1", "MOONSHOT_API_KEY",
          families("kimi-k2.5", "kimi-k2.5"), "kimi-k2.5", "https://platform.moonshot.cn/console/api-keys",
          regions=(("China", "https://api.moonshot.cn/v1"), ("international", "https://api.moonshot.ai/v1")),
          key_variables=("KIMI_API_KEY",)),
    Entry("dashscope", "https://dashscope.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY",
          families("qwen-flash", "qwen3-coder-plus", "qwen3-max"), "qwen3-coder-plus",
          "https://bailian.console.aliyun.com/?tab=model#/api-key",
          regions=(("China", "https://dashscope.aliyuncs.com/compatible-mode/v1"),
                   ("international", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
                   ("US", "https://dashscope-us.aliyuncs.com/compatible-mode/v1")),
          key_variables=("QWEN_API_KEY",)),
    Entry("minimax", "https://api.minimaxi.com/v1", "MINIMAX_API_KEY",
          families("MiniMax-M2.5", "MiniMax-M2.5"), "MiniMax-M2.5",
          "https://platform.minimaxi.com/user-center/basic-information/interface-key",
          regions=(("China", "https://api.minimaxi.com/v1"), ("international", "https://api.minimax.io/v1"))),
    Entry("volcengine", "https://ark.cn-beijing.volces.com/api/v3", "ARK_API_KEY",
          families("doubao-seed-1-6-flash-250828", "doubao-seed-code-preview-251028"),
          "doubao-seed-code-preview-251028",
          "https://console.volcengine.com/ark/region:ark+cn-beijing/apiKey",
          regions=(("China", "https://ark.cn-beijing.volces.com/api/v3"),
                   ("international", "https://ark.ap-southeast.bytepluses.com/api/v3")),
          key_variables=("VOLCENGINE_API_KEY", "DOUBAO_API_KEY")),
    Entry("hunyuan", "https://api.hunyuan.cloud.tencent.com/v1", "HUNYUAN_API_KEY",
          families("hunyuan-lite", "hunyuan-turbos-latest", "hunyuan-t1-latest"), "hunyuan-turbos-latest",
          "https://console.cloud.tencent.com/hunyuan/api-key"),
    Entry("qianfan", "https://qianfan.baidubce.com/v2", "QIANFAN_API_KEY",
          families("ernie-speed-pro-128k", "ernie-4.5-turbo-128k", "ernie-x1.1-preview"), "ernie-4.5-turbo-128k",
          "https://console.bce.baidu.com/iam/#/iam/apikey/list", key_variables=("BAIDU_API_KEY",)),
    Entry("stepfun", "https://api.stepfun.com/v1", "STEPFUN_API_KEY",
          families("step-3.5-flash", "step-3.5-flash"), "step-3.5-flash", "https://platform.stepfun.com/interface-key",
          regions=(("China", "https://api.stepfun.com/v1"), ("international", "https://api.stepfun.ai/v1")),
          key_variables=("STEP_API_KEY",)),
    Entry("modelscope", "https://api-inference.modelscope.cn/v1", "MODELSCOPE_API_KEY",
          families("Qwen/Qwen3-30B-A3B-Instruct-2507", "Qwen/Qwen3-Coder-480B-A35B-Instruct"),
          "Qwen/Qwen3-Coder-480B-A35B-Instruct", "https://modelscope.cn/my/myaccesstoken"),
    Entry("mimo", "https://api.xiaomimimo.com/v1", "MIMO_API_KEY",
          families("mimo-v2-flash", "mimo-v2-flash"), "mimo-v2-flash",
          "https://platform.xiaomimimo.com/#/console/api-keys",
          key_variables=("XIAOMI_API_KEY", "XIAOMI_MIMO_API_KEY")),
    Entry("gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY",
          families("gemini-2.5-flash", "gemini-2.5-pro"), "gemini-2.5-pro", "https://aistudio.google.com/apikey"),
    Entry("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY",
          families("openai/gpt-oss-20b", "openai/gpt-oss-120b"), "openai/gpt-oss-120b", "https://console.groq.com/keys"),
    Entry("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY",
          families("mistral-small-latest", "mistral-medium-latest", "mistral-large-latest"), "mistral-medium-latest",
          "https://console.mistral.ai/api-keys"),
    Entry("xai", "https://api.x.ai/v1", "XAI_API_KEY",
          families("grok-4-fast-non-reasoning", "grok-code-fast-1", "grok-4"), "grok-code-fast-1",
          "https://console.x.ai"),
    Entry("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY",
          families("openai/gpt-oss-20b", "moonshotai/Kimi-K2.5"), "moonshotai/Kimi-K2.5",
          "https://api.together.ai/settings/api-keys"),
    Entry("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY",
          families("accounts/fireworks/models/gpt-oss-20b", "accounts/fireworks/models/kimi-k2p5"),
          "accounts/fireworks/models/kimi-k2p5", "https://app.fireworks.ai/settings/users/api-keys"),
    Entry("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY",
          families("gpt-oss-120b", "gpt-oss-120b"), "gpt-oss-120b", "https://cloud.cerebras.ai"),
    Entry("nvidia", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY",
          families("openai/gpt-oss-20b", "openai/gpt-oss-120b"), "openai/gpt-oss-120b", "https://build.nvidia.com",
          key_variables=("NIM_API_KEY",)),
    Entry("perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY",
          families("sonar", "sonar-pro"), "sonar-pro", "https://www.perplexity.ai/account/api/keys",
          key_variables=("PPLX_API_KEY",)),
    Entry("azure-openai", "", "AZURE_OPENAI_API_KEY", key_url="https://portal.azure.com",
          base_url_shape="https://RESOURCE.openai.azure.com"),
    Entry("cloudflare", "", "CLOUDFLARE_API_TOKEN",
          families("@cf/openai/gpt-oss-20b", "@cf/openai/gpt-oss-120b"), "@cf/openai/gpt-oss-120b",
          "https://dash.cloudflare.com/profile/api-tokens",
          base_url_shape="https://api.cloudflare.com/client/v4/accounts/ACCOUNT_ID/ai/v1"),
    # not GITHUB_TOKEN, and HF_TOKEN last: tokens that lie about for other ends must not choose who reads the prompts
    Entry("github-models", "https://models.github.ai/inference", "GITHUB_MODELS_TOKEN",
          families("openai/gpt-4.1-mini", "openai/gpt-4.1"), "openai/gpt-4.1", "https://github.com/settings/tokens"),
    Entry("huggingface", "https://router.huggingface.co/v1", "HF_TOKEN",
          families("openai/gpt-oss-20b", "openai/gpt-oss-120b"), "openai/gpt-oss-120b",
          "https://huggingface.co/settings/tokens", key_variables=("HUGGINGFACE_API_KEY",)),

    Entry("ollama", "http://127.0.0.1:11434/v1", "", local=True),
    Entry("lmstudio", "http://127.0.0.1:1234/v1", "", local=True),
    Entry("vllm", "http://127.0.0.1:8000/v1", "", local=True),
    Entry("sglang", "http://127.0.0.1:30000/v1", "", local=True),
    Entry("llama.cpp", "http://127.0.0.1:8080/v1", "", local=True),
)

CATALOGUE: Dict[str, Entry] = {entry.name: entry for entry in ENTRIES}


@dataclass(frozen=True)
class ModelFact:
    """What is known of a model, whoever serves it. Tokens; None: not known."""

    context_window: Optional[int] = None
    max_output_tokens: Optional[int] = None
    images: Optional[bool] = None


# The first glob that fits the last part of a model's name, in lower case.
MODEL_FACTS = (
    ("deepseek-v4*", ModelFact(1000000, 384000, False)),
    ("deepseek-chat*", ModelFact(1000000, None, False)),
    ("deepseek-reasoner*", ModelFact(1000000, None, False)),
    ("deepseek-v3*", ModelFact(131072, None, False)),
    ("deepseek-r1*", ModelFact(131072, None, False)),
    ("gpt-5-chat*", ModelFact(128000, 16384, True)),
    ("gpt-5*", ModelFact(400000, 128000, True)),
    ("gpt-4.1*", ModelFact(1047576, 32768, True)),
    ("gpt-4o*", ModelFact(128000, 16384, True)),
    ("gpt-oss*", ModelFact(131072, None, False)),
    ("o3-mini*", ModelFact(200000, 100000, False)),
    ("o[134]*", ModelFact(200000, 100000, True)),
    ("claude-*", ModelFact(200000, 64000, True)),
    ("gemini-2.5*", ModelFact(1048576, 65536, True)),
    ("gemini-3*", ModelFact(1048576, 65536, True)),
    ("kimi-k2.[5-9]*", ModelFact(262144, None, True)),
    ("kimi-k2*", ModelFact(262144, None, False)),
    ("moonshot-v1-8k*", ModelFact(8192, None, None)),
    ("moonshot-v1-32k*", ModelFact(32768, None, None)),
    ("moonshot-v1-128k*", ModelFact(131072, None, None)),
    ("glm-*v", ModelFact(None, None, True)),
    ("glm-4.5*", ModelFact(131072, 98304, False)),
    ("glm-4.[67]*", ModelFact(200000, 131072, False)),
    ("glm-5*", ModelFact(200000, 131072, False)),
    ("qwen3-max*", ModelFact(262144, 65536, False)),
    ("qwen3-coder-plus*", ModelFact(1000000, 65536, False)),
    ("qwen3-coder-flash*", ModelFact(1000000, 65536, False)),
    ("qwen-flash*", ModelFact(1000000, 32768, False)),
    ("qwen-plus*", ModelFact(1000000, 32768, False)),
    ("qwen3-coder*", ModelFact(262144, 65536, False)),
    ("minimax-m2*", ModelFact(204800, None, False)),
    ("grok-4-fast*", ModelFact(2000000, None, True)),
    ("grok-4.1-fast*", ModelFact(2000000, None, True)),
    ("grok-4*", ModelFact(256000, None, True)),
    ("grok-code-fast*", ModelFact(256000, None, False)),
    ("doubao-seed-*", ModelFact(262144, 32768, True)),
    ("llama-3.3*", ModelFact(131072, None, False)),
    ("mistral-large*", ModelFact(262144, None, True)),
    ("mistral-medium*", ModelFact(131072, None, True)),
    ("mistral-small*", ModelFact(131072, None, True)),
    ("mimo-v2*", ModelFact(262144, None, False)),
    ("step-3.5*", ModelFact(262144, None, False)),
)

UNKNOWN_MODEL = ModelFact()


@lru_cache(maxsize=1024)             # asked for each request
def fact_of(model: str) -> ModelFact:
    """The ModelFact for a provider's model name, "zai-org/GLM-5.2" as well as "glm-5.2"."""
    name = model.lower().rsplit("/", 1)[-1]
    return next((fact for pattern, fact in MODEL_FACTS if fits(name, pattern)), UNKNOWN_MODEL)
