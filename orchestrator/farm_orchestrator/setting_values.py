"""What the value of a setting may be, wherever it was written; each check raises ValueError with a sentence."""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from farm_orchestrator.addresses import broker_address, store_url
from farm_orchestrator.model import PRESETS


def check_store(text: str) -> str:
    store_url(text, Path("/"))
    return text


def check_broker(text: str) -> str:
    broker_address(text, Path("/"))
    return text


def check_preset(text: str) -> str:
    if text not in PRESETS:
        raise ValueError(f"must be one of {', '.join(PRESETS)}, not {text!r}{_near(text, PRESETS)}")
    return text


def check_webhook(text: str) -> str:
    """The message shows nothing of it: it may be a secret."""
    try:
        url = urlsplit(text)
        good = url.scheme in {"http", "https"} and url.hostname and url.port != 0
    except ValueError:
        good = False
    if not good or not text.isascii() or any(each.isspace() or not each.isprintable() for each in text):
        raise ValueError("must be a URL, http://HOST/... or https://HOST/..., in plain ASCII")
    return text


def check_path(text: str) -> str:
    if not text.strip() or "\0" in text:
        raise ValueError("must be a path")
    return text


def _near(text: str, known: Iterable[str]) -> str:
    from farm_inventory.problem import closest

    near = closest(text, known)
    return f"; did you mean '{near}'?" if near else ""


CHECKS = {
    "inventory": check_path,
    "store": check_store,
    "broker": check_broker,
    "runs": check_path,
    "preset": check_preset,
    "notify_webhook": check_webhook,
}
