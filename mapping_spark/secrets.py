"""Secrets by reference: `${env:NAME}` or `${file:/path}` in the settings, resolved when they are read, hidden wherever text goes out."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from mapping_spark.errors import ConfigError

HIDDEN = "***"
_REFERENCE = re.compile(r"\$\{(env|file):([^}]+)\}")
_SECRET_NAME = re.compile(r"secret|password|passwd|token|credential|access[._-]?key|account[._-]?key", re.IGNORECASE)
"""As spark.redaction.regex in conf/spark-defaults.conf: what Spark hides in its own logs and pages."""
_SHORTEST = 4
"""Characters; a shorter value would hide half of every text."""
_known: set[str] = set()
"""Values resolved by this process, each as it is and as JSON writes it, so that no line it writes holds one."""


def resolve(key: str, text: str) -> str:
    """`text` with its reference replaced by the secret. A key that names a secret must hold a reference.

    Raises `ConfigError`, which never quotes a value.
    """
    found = _REFERENCE.fullmatch(text)
    if found is None:
        if _SECRET_NAME.search(key) and text:
            fix = "Move it to an environment variable or a mounted file."
            raise ConfigError(key, f"{key} holds a secret in plain text", "${env:NAME} or ${file:/path}", fix)
        return text
    kind, name = found.groups()
    secret = os.environ.get(name, "") if kind == "env" else _read(name)
    if len(secret) < _SHORTEST:
        place = f"environment variable {name}" if kind == "env" else f"file {name}"
        raise ConfigError(key, f"{key}: the {place} holds no secret", f"at least {_SHORTEST} characters", "Set it before the job starts.")
    _known.update((secret, json.dumps(secret)[1:-1]))
    return secret


def resolved(settings: Mapping[str, str]) -> dict[str, str]:
    """All settings with their references replaced: what a session is started with. Raises as `resolve` does."""
    return {key: resolve(key, text) for key, text in settings.items()}


def is_reference(text: str) -> bool:
    """Whether `text` stands for a secret."""
    return _REFERENCE.fullmatch(text) is not None


def hide(text: str) -> str:
    """`text` without any secret that this process has resolved."""
    for secret in sorted(_known, key=len, reverse=True):  # a secret may begin with another one
        text = text.replace(secret, HIDDEN)
    return text


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
