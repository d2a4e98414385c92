"""Whatever a secret looks like, no line holds it; what looks like a secret and is none is left alone."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mapping_spark import secrets
from mapping_spark.errors import ConfigError
from mapping_spark.logs import JsonLines
from mapping_spark.secrets import HIDDEN, hide, is_reference, resolve, resolved

SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\r*"), min_size=4, max_size=12).filter(lambda text: text == text.strip())


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests have resolved secrets of their own."""
    monkeypatch.setattr(secrets, "_known", set())


def file_of(folder: Path, secret: str) -> str:
    path = folder / "secret"
    path.write_bytes(secret.encode())
    return f"${{file:{path}}}"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SECRETS)
@example('quote"d')
@example("back\\slash")
@example("umläut-ключ")
@example("two\nlines")
def test_neither_a_line_nor_its_json_holds_the_secret(tmp_path: Path, secret: str) -> None:
    secrets._known.clear()  # of the example before
    assert resolve("spark.a.password", file_of(tmp_path, secret)) == secret
    assert hide(f"<{secret}>") == f"<{HIDDEN}>"
    record = logging.makeLogRecord({"msg": f"denied for {secret}", "url": f"u:{secret}@host"})
    line = json.loads(JsonLines().format(record))
    assert (line["message"], line["url"]) == (f"denied for {HIDDEN}", f"u:{HIDDEN}@host")


@pytest.mark.parametrize("names", [("SHORT", "LONG"), ("LONG", "SHORT")])
def test_a_secret_that_begins_with_another_leaves_no_tail(monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]) -> None:
    monkeypatch.setenv("SHORT", "pa55")
    monkeypatch.setenv("LONG", "pa55-word-pa55")
    for name in names:
        resolve("spark.x", f"${{env:{name}}}")
    assert hide("pa55-word-pa55, pa55!") == f"{HIDDEN}, {HIDDEN}!"


@pytest.mark.parametrize(
    ("key", "is_secret"),
    [
        ("spark.hadoop.fs.s3a.secret.key", True),
        ("spark.hadoop.fs.s3a.access.key", True),
        ("spark.hadoop.fs.s3a.session.token", True),
        ("spark.hadoop.fs.azure.account.key.shop", True),
        ("spark.ssl.keyPassword", True),
        ("spark.hadoop.javax.jdo.option.ConnectionPASSWORD", True),
        ("spark.hadoop.fs.s3a.endpoint", False),
        ("spark.executor.memory", False),
        ("spark.sql.legacy.keyedBy", False),
    ],
)
def test_a_key_that_names_a_secret_holds_a_reference_or_nothing(key: str, is_secret: bool) -> None:
    assert resolve(key, "") == ""
    if not is_secret:
        assert resolve(key, "plain-text") == "plain-text"
        return
    with pytest.raises(ConfigError, match=r"holds a secret in plain text; expected \$\{env:NAME\} or \$\{file:/path\}") as caught:
        resolve(key, "plain-text")
    assert "plain-text" not in str(caught.value)


@pytest.mark.parametrize("secret", ["", "abc", "  abc  "])
def test_what_is_too_short_to_be_hidden_is_refused_wherever_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    place = file_of(tmp_path, secret)
    with pytest.raises(ConfigError, match=rf"the file {tmp_path}/secret holds no secret; expected at least 4 characters"):
        resolve("spark.x", place)
    monkeypatch.setenv("SOME", secret.strip())
    with pytest.raises(ConfigError, match="the environment variable SOME holds no secret"):
        resolve("spark.x", "${env:SOME}")
    with pytest.raises(ConfigError, match="the file /nowhere/at/all holds no secret"):
        resolve("spark.x", "${file:/nowhere/at/all}")


def test_bytes_that_are_no_text_are_no_secret(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe\xfd\xfc\xfb")
    with pytest.raises(ConfigError, match="holds no secret"):
        resolve("spark.x", f"${{file:{tmp_path / 'key'}}}")


@pytest.mark.parametrize("text", ["${env:}", "${vault:a}", "x${env:A}", "${env:A} ", "$env:A", "${env:A}${env:B}", ""])
def test_only_a_whole_reference_is_one(text: str) -> None:
    assert not is_reference(text)
    assert resolve("spark.x", text) == text


def test_a_session_gets_every_setting_with_its_secret_and_a_fault_names_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", "pa55-word")
    given = {"spark.master": "local[2]", "spark.a.secret": "${env:PLANTED}"}
    assert resolved(given) == {"spark.master": "local[2]", "spark.a.secret": "pa55-word"}
    assert given["spark.a.secret"] == "${env:PLANTED}"
    with pytest.raises(ConfigError, match=r"^spark\.a\.token: "):
        resolved({"spark.a.token": "plain"})
