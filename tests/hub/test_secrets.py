"""Secrets by their shape, by this machine's variables and by what they are assigned to; words are none."""

import pytest

from hf_selfdemo.hub.secrets import known_secrets, secret_in

_SIGNS = "a7Bq9ZkT2xWm4RnP6vLc8JdH3sGf5YtQ1eUo0iKj"

SECRETS = {
    "hugging face": "hf_" + "aB7" * 12,
    "openai": "sk-proj-" + _SIGNS,
    "anthropic": "sk-ant-api03-" + _SIGNS,
    "github": "ghp_" + _SIGNS[:36],
    "github, fine-grained": "github_pat_" + _SIGNS,
    "gitlab": "glpat-" + _SIGNS[:20],
    "aws": "AKIA" + "IOSFODNN7EXAMPL0",
    "aws, by name": "aws_secret_access_key = " + _SIGNS,
    "google": "AIza" + _SIGNS[:35],
    "slack": "xoxb-" + "1234567890-abcdef",
    "private key": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
    "pem": "-----BEGIN " + "PRIVATE KEY-----",
    "json web token": f"eyJ{_SIGNS}.eyJ{_SIGNS}.{_SIGNS}",
    "address": "postgres://me:" + "pa55word@db.internal/x",
    "bearer": "Authorization: Bearer " + _SIGNS,
    "json": '"api_key": "' + _SIGNS[:20] + '"',
    "yaml": "password: " + _SIGNS[:16],
    "code": f"WANDB_API_KEY='{_SIGNS}'",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_secrets_are_seen_in_the_middle_of_a_text_and_never_told(text):
    kind = secret_in(f"We ran it with {text} and it worked.")
    assert kind and not any(part in kind for part in text.split())


@pytest.mark.parametrize(
    "text",
    [
        "The bearer of bad news holds the key to the secret: patience.",
        '"eos_token": "<|im_end|>", "pad_token": "<PAD_TOKEN>", "num_tokens: 20381.0"',
        "tokenizer_class: PreTrainedTokenizerFast1",
        '"train.parquet": "f8148b78395f0b5ebcc7ac7d7b3c76e2ab2cda5f549645d95f4f9cf1b8f7e8da"',
        '"fingerprint": "cf78d61b6b84dc37"',
        "api_key: ${OPENAI_API_KEY}, or password: changeme, token: YOUR_TOKEN_HERE",
        "See https://example.org:8080/page@2x.png and mailto:ada@example.org",
        "the task-force-of-the-united-nations-2019, a risk-assessment-Number-12345678901234",
        "The hf_transfer package; hf_selfdemo; sk-learn; AKIA; ghp_; Akiachak in Alaska",
    ],
)
def test_words_hashes_and_placeholders_are_no_secrets(text):
    assert secret_in(text) == ""


def test_values_of_variables_that_name_a_secret_are_known_and_others_are_not():
    found = known_secrets(
        {
            "OPENAI_API_KEY": "whatever-1-looks-like",
            "HF_TOKEN": "not of any shape 2",
            "DB_PASSWORD": "hunter2!",
            "TOKENIZERS_PARALLELISM": "false-12345",
            "KEYRING_BACKEND": "subprocess-1",
            "SSH_KEY": "/keys/id_rsa1",
            "A_TOKEN": "short",
            "B_TOKEN": "disabled",
        }
    )
    assert found == {
        "whatever-1-looks-like": "the value of OPENAI_API_KEY",
        "not of any shape 2": "the value of HF_TOKEN",
        "hunter2!": "the value of DB_PASSWORD",
    }
    assert secret_in("it said hunter2! to me", found) == "the value of DB_PASSWORD"


def test_the_hubs_own_token_is_known_by_its_value(monkeypatch):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "a token of no shape")
    assert known_secrets()["a token of no shape"] == "the token that you are logged in with"
