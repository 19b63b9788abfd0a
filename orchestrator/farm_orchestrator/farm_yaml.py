"""farm.yaml, the project's own settings; every key may be left out."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from farm_orchestrator.setting_values import check_broker, check_path, check_preset, check_store


def _keeps_no_secret(value: str) -> str:
    from farm_orchestrator.addresses import holds_password

    if holds_password(value):
        raise ValueError("holds a password; no secret belongs in a file: leave it out here and set FARM_BROKER instead")
    return value


class FarmFile(BaseModel):
    """Relative paths start at the folder of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="farm.yaml")

    inventory: Annotated[str, AfterValidator(check_path)] | None = Field(None, description="Inventory of the boards.")
    store: Annotated[str, AfterValidator(check_store)] | None = Field(
        None, description="Database of runs, sqlite:///FILE; default sqlite:///.farm/farm.db."
    )
    broker: Annotated[str, AfterValidator(_keeps_no_secret), AfterValidator(check_broker)] | None = Field(
        None, description="A folder, redis://, rediss:// or redis+socket://; default .farm/broker."
    )
    runs: Annotated[str, AfterValidator(check_path)] | None = Field(
        None, description="Folder of reports; default runs."
    )
    preset: Annotated[str, AfterValidator(check_preset)] | None = Field(
        None, description="quick, ci, standard or mlperf; default standard, ci where CI is set."
    )
