"""Secrets are known by their names, and innocent words are left alone."""

from __future__ import annotations

import pytest

from jaxarc.records.secrets import REDACTED, redacted, redacted_arguments

SECRET = (
    "api_key",
    "api-key",
    "apikey",
    "wandb.api_key",
    "HF_TOKEN",
    "token",
    "db.password",
    "aws_secret_key",
)
PLAIN = ("tokenizer", "max_tokens", "pad_token", "eos_token", "key", "author", "secretary", "keys", "lr")


@pytest.mark.parametrize("name", SECRET)
def test_what_is_called_a_secret_is_left_out(name: str):
    """In mappings however deep, in lists, and on a command line in both spellings."""
    assert redacted({"a": [{name: "s3"}]}) == {"a": [{name: REDACTED}]}
    assert redacted_arguments([f"--{name}=s3", f"--{name}", "s3", f"+{name}=s3", "next"]) == [
        f"--{name}={REDACTED}", f"--{name}", REDACTED, f"+{name}={REDACTED}", "next"
    ]  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_what_only_sounds_like_one_stays(name: str):
    """Names of models and of settings are not secrets; nor are numbers, and nothing."""
    assert redacted({name: "s3"}) == {name: "s3"}
    assert redacted({"token": 3, "password": None, "secret": ""}) == {
        "token": 3,
        "password": None,
        "secret": "",
    }


def test_users_in_addresses_are_left_out_wherever_they_stand():
    """The rest of an address stays."""
    assert redacted("postgres://u:p@host/x?y") == f"postgres://{REDACTED}@host/x?y"
    assert redacted("https://host/a@b") == "https://host/a@b"
    assert redacted_arguments(["--uri=http://u:p@h"]) == [f"--uri=http://{REDACTED}@h"]


@pytest.mark.parametrize("value", [None, 3, 0.5, "", "a=b", "me@host", [1, ["x", None]], {"a": {"b": [""]}}])
def test_nothing_else_is_changed(value: object):
    """Values without such names and without addresses come back as they were."""
    assert redacted(value) == value
