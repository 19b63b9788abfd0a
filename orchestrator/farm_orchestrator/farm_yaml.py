"""farm.yaml, the project's own settings; every key may be left out."""

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from farm_orchestrator.hours import check_catch_up, check_clock, check_days, check_zone
from farm_orchestrator.setting_values import check_broker, check_path, check_preset, check_store, check_webhook
from farm_reports.bounds import budget


def _keeps_no_secret(instead: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        from farm_orchestrator.addresses import holds_password

        if holds_password(value):
            raise ValueError(f"holds a password; no secret belongs in a file: leave it out here and {instead}")
        return value

    return check


IN_PASSFILE = "set FARM_STORE instead, or keep the password in ~/.pgpass"


def _open_webhook(value: str) -> str:
    """Of a URL that anyone may read."""
    if any(each in value for each in "@?#"):
        raise ValueError(
            "holds what may be a secret; no secret belongs in a file: leave it out here and set FARM_NOTIFY_WEBHOOK, "
            "or FARM_NOTIFY_WEBHOOK_FILE to a file that holds it"
        )
    return value


def _each_a_budget(value: dict[str, str]) -> dict[str, str]:
    for metric, text in value.items():
        budget(metric, text)
    return value


class NotifyFile(BaseModel):
    """Who is told what changed in a night."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="notify")

    command: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] | None = Field(
        None, description="Words of a command; it gets the JSON document on its stdin."
    )
    webhook: Annotated[str, AfterValidator(_open_webhook), AfterValidator(check_webhook)] | None = Field(
        None, description="A URL to which the document is POSTed; one with a token belongs in FARM_NOTIFY_WEBHOOK."
    )


class NightlyFile(BaseModel):
    """What `farm nightly add` takes where it is given nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="nightly")

    at: Annotated[str, AfterValidator(check_clock)] | None = Field(None, description="When nights begin: '02:30'.")
    zone: Annotated[str, AfterValidator(check_zone)] | None = Field(None, description="Europe/Berlin; default UTC.")
    days: Annotated[str, AfterValidator(check_days)] | None = Field(None, description="daily, mon-fri or mon,wed,sat.")
    until: Annotated[str, AfterValidator(check_clock)] | None = Field(None, description="When they end: '06:00'.")
    catch_up: Annotated[str, AfterValidator(check_catch_up)] | None = Field(
        None, description="How late a night may begin; default 6h."
    )


class FarmFile(BaseModel):
    """Relative paths start at the folder of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="farm.yaml")

    inventory: Annotated[str, AfterValidator(check_path)] | None = Field(None, description="Inventory of the boards.")
    store: Annotated[str, AfterValidator(_keeps_no_secret(IN_PASSFILE)), AfterValidator(check_store)] | None = Field(
        None,
        description="Database of runs: sqlite:///FILE, default sqlite:///.farm/farm.db, or of a farm of several machines "
        "postgresql+psycopg://USER@HOST/NAME?sslmode=verify-full&sslrootcert=FILE.",
    )
    broker: (
        Annotated[str, AfterValidator(_keeps_no_secret("set FARM_BROKER instead")), AfterValidator(check_broker)] | None
    ) = Field(
        None,
        description="A folder, redis://, rediss://HOST:PORT/0?ssl_ca_certs=FILE or redis+socket://; default .farm/broker.",
    )
    runs: Annotated[str, AfterValidator(check_path)] | None = Field(
        None, description="Folder of reports; default runs."
    )
    preset: Annotated[str, AfterValidator(check_preset)] | None = Field(
        None, description="quick, ci, standard or mlperf; default standard, ci where CI is set."
    )
    budgets: Annotated[dict[str, str], AfterValidator(_each_a_budget)] | None = Field(
        None,
        description="How much worse than its past a metric may be, where variants.yaml does not say: latency_p50: +5%.",
    )
    notify: NotifyFile | None = Field(None, description="Who is told what changed in a night.")
    nightly: NightlyFile | None = Field(None, description="Defaults of `farm nightly add`.")
