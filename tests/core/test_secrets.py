"""Secrets by their shape, by this machine's variables and by what they are assigned to; words are none."""

import time

import pytest
from secret_forms import MAKERS, SECRETS

from hf_selfdemo.core.secret_shapes import SHAPES, without_secrets
from hf_selfdemo.core.secrets import known_secrets, secret_in


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
