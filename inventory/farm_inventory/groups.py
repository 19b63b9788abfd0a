"""Ansible's inventory shape: groups of hosts, with variables that flow down to them."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel

from farm_inventory.fields import Fields, Folder, Host, KeyFile, Port, User

AUTO_PYTHON = ("auto", "auto_silent", "auto_legacy", "auto_legacy_silent")
OURS = {  # the board's field and Ansible's names for it; the last one that is set wins
    "host": ("ansible_ssh_host", "ansible_host"),
    "user": ("ansible_ssh_user", "ansible_user"),
    "port": ("ansible_ssh_port", "ansible_port"),
    "key": ("ansible_private_key_file", "ansible_ssh_private_key_file"),
    "python": ("ansible_python_interpreter",),
}
KNOWN = {name for names in OURS.values() for name in names} | {"ansible_connection"}


def _empty(value: Any) -> Any:
    """`name:` with nothing behind it is an empty mapping in Ansible."""
    return {} if value is None else value


def _without_foreign(value: Any) -> Any:
    """Ansible knows hundreds of variables of its own; those that do not say how to reach a board are not ours."""
    if not isinstance(value, dict):
        return value
    return {k: v for k, v in value.items() if not k.startswith("ansible_") or k in KNOWN}


class Variables(Fields):
    """Fields of a board or Ansible's words for them."""

    model_config = ConfigDict(
        json_schema_extra={"patternProperties": {"^ansible_": {"description": "Read where it says how to connect."}}}
    )

    ansible_host: Host | None = None
    ansible_ssh_host: Host | None = None
    ansible_user: User | None = None
    ansible_ssh_user: User | None = None
    ansible_port: Port | None = None
    ansible_ssh_port: Port | None = None
    ansible_private_key_file: KeyFile | None = None
    ansible_ssh_private_key_file: KeyFile | None = None
    ansible_python_interpreter: Folder | None = None
    ansible_connection: str | None = None

    def fields(self) -> Fields:
        """The same in the board's own words; the board's own words win."""
        written = self.written()
        if written.get("ansible_python_interpreter") in AUTO_PYTHON:
            del written["ansible_python_interpreter"]
        mapped = {ours: written[name] for ours, names in OURS.items() for name in names if name in written}
        if "ansible_connection" in written:
            mapped["local"] = written["ansible_connection"] in ("local", "ansible.builtin.local")
        own = {name: value for name, value in written.items() if not name.startswith("ansible_")}
        return Fields(**{**mapped, **own})


Vars = Annotated[Variables, BeforeValidator(_without_foreign), BeforeValidator(_empty)]


class Group(BaseModel):
    """One group; a host or a child may stand in several."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hosts: Annotated[dict[str, Vars], BeforeValidator(_empty)] = Field(default={}, description="Names or ranges.")
    vars: Vars = Variables()
    children: Annotated[dict[str, "GroupOrEmpty"], BeforeValidator(_empty)] = {}


GroupOrEmpty = Annotated[Group, BeforeValidator(_empty)]
Group.model_rebuild()


class AnsibleFile(RootModel[dict[str, GroupOrEmpty]]):
    """`all:` and other groups at the top."""


class ShortFile(BaseModel):
    """`boards:` with one line or more for each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    boards: dict[str, Annotated[Fields, BeforeValidator(_empty)]]
