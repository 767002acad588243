"""Secrets by their shape, by this machine's variables and by what they are assigned to; words are none."""

import time

import pytest

from hf_selfdemo.core.secret_shapes import SHAPES, without_secrets
from hf_selfdemo.core.secrets import known_secrets, secret_in

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


_HEX = "0a1b2c3d4e5f6789" * 8
_LONG = _SIGNS * 3

MAKERS = {
    "stripe": "sk_live_" + _SIGNS[:24],
    "stripe, restricted": "rk_live_" + _SIGNS[:24],
    "stripe hook": "whsec_" + _SIGNS[:32],
    "npm": "npm_" + _SIGNS[:36],
    "pypi": "pypi-AgEIcHlwaS5vcmc" + _LONG,
    "rubygems": "rubygems_" + _HEX[:48],
    "sendgrid": f"SG.{_SIGNS[:22]}.{_LONG[:43]}",
    "mailchimp": _HEX[:32] + "-us12",
    "mailgun": "key-" + _HEX[:32],
    "databricks": "dapi" + _HEX[:32],
    "groq": "gsk_" + _LONG[:52],
    "replicate": "r8_" + _SIGNS[:37],
    "perplexity": "pplx-" + _LONG[:48],
    "xai": "xai-" + _LONG[:80],
    "nvidia": "nvapi-" + _LONG[:64],
    "pinecone": "pcsk_" + _LONG[:64],
    "langsmith": f"lsv2_pt_{_HEX[:32]}_{_HEX[:10]}",
    "docker": "dckr_pat_" + _SIGNS[:27],
    "slack hook": "https://hooks.slack.com/services/T0000000A/B0000000B/" + _SIGNS[:24],
    "slack app": "xapp-1-A0-" + _SIGNS,
    "discord": f"MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.{_SIGNS[:27]}",
    "telegram": "110201543:AA" + _SIGNS[:33],
    "discord hook": "https://discord.com/api/webhooks/123456789012345678/" + _LONG[:60],
    "twilio": "SK" + _HEX[:32],
    "azure": f"AccountKey={_LONG[:86]}==",
    "square": "sq0csp-" + _LONG[:43],
    "shopify": "shpat_" + _HEX[:32],
    "digitalocean": "dop_v1_" + _HEX[:64],
    "heroku": "HRKU-" + _SIGNS,
    "netlify": "nfp_" + _SIGNS[:36],
    "vercel": f"vercel_blob_rw_{_SIGNS[:16]}_{_SIGNS[:30]}",
    "supabase": "sbp_" + _HEX[:40],
    "vault": "hvs." + _LONG[:60],
    "planetscale": "pscale_tkn_" + _SIGNS,
    "doppler": "dp.pt." + _LONG[:43],
    "pulumi": "pul-" + _HEX[:40],
    "grafana": f"glsa_{_SIGNS[:32]}_{_HEX[:8]}",
    "newrelic": "NRAK-" + "A7BQ9ZKT2XWM4RNP6VLC8JDH3SG",
    "figma": "figd_" + _SIGNS,
    "sentry": "sntrys_" + _LONG[:60],
    "airtable": f"pat{_SIGNS[:14]}.{_HEX[:64]}",
    "atlassian": "ATATT3xFfGF0" + _LONG,
    "linear": "lin_api_" + _SIGNS,
    "notion": "ntn_" + _LONG[:46],
    "postman": f"PMAK-{_HEX[:24]}-{_HEX[:34]}",
    "age": "AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 2,
    "google client": "GOCSPX-" + _SIGNS[:28],
    "google access": "ya29." + _LONG[:80],
    "aws bedrock": "ABSK" + _LONG[:90],
}


@pytest.mark.parametrize("text", MAKERS.values(), ids=MAKERS)
def test_every_makers_shape_is_seen_by_itself_and_taken_out_of_messages(text):
    kind = secret_in(f"see {text}, then go on")
    assert kind in SHAPES
    assert text not in without_secrets(f"see {text}, then go on") and kind in without_secrets(text)


@pytest.mark.parametrize(
    "unit",
    ["sk-", "eyJ", "a", "://a:", "hf_", "token: ", "token" + " " * 50, "glpat-", "A1-", "0", "N"],
)
def test_time_grows_with_the_text_and_no_faster(unit):
    def seconds(signs):
        text, start = unit * (signs // len(unit)), time.process_time()
        secret_in(text)
        without_secrets(text)
        return time.process_time() - start

    seconds(1000)
    assert seconds(100_000) < 1.0


@pytest.mark.parametrize("name", ["DB_PASS", "API_PWD", "GH_PAT", "ROOT_PW", "AWS_CREDS", "SSH_PASSPHRASE", "A_TOKEN"])
@pytest.mark.parametrize("value", ["correcthorsebattery", "/wA9k3Zq7Lm2XcV8b", "hunterTwoThree", "a-1-b-2-c"])
def test_values_are_known_under_every_name_of_a_secret(name, value):
    assert known_secrets({name: value}) == {value: f"the value of {name}"}


@pytest.mark.parametrize("name", ["PWD", "OLDPWD", "COMPASS", "BYPASS", "PATH", "KEY_FILE", "API_KEY_ENV"])
def test_other_names_are_none(name):
    assert known_secrets({name: "correct-horse-7-battery"}) == {}


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
