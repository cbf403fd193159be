"""`lab_thing` and `lab_read` in the words of the `tf` library."""

from threading import Event
from typing import Any

from tf.schema import Attribute, Schema
from tf.types import Number, String, Unknown

from tests.support.lab_provider import world

State = dict[str, Any]
STORED = ("content", "secret", "kind", "serial")


class Thing:
    """A file on disk, under the control of Terraform."""

    def __init__(self, provider: "Lab") -> None:
        self._stopping = provider.stopping

    @classmethod
    def get_name(cls) -> str:
        return "thing"

    @classmethod
    def get_schema(cls) -> Schema:
        return Schema(
            version=0,
            attributes=[
                Attribute("path", String(), required=True, requires_replace=True),
                Attribute("kind", String(), optional=True, requires_replace=True),
                Attribute("content", String(), optional=True),
                Attribute("secret", String(), optional=True, sensitive=True),
                Attribute("sleep", Number(), optional=True),
                Attribute("plan_sleep", Number(), optional=True),
                Attribute("fail_on", String(), optional=True),
                Attribute("serial", Number(), computed=True),
            ],
        )

    def validate(self, diagnostics: Any, type_name: str, config: State) -> None:
        known = (None, Unknown, "", "create", "update", "delete", "plan")
        if config["fail_on"] not in known:
            diagnostics.add_error(
                f"{type_name} cannot fail on {config['fail_on']!r}",
                "fail_on is one of create, update, delete, plan, or empty.",
                path=["fail_on"],
            )

    def read(self, _context: Any, current: State) -> State | None:
        found = world.look(current["path"])
        if found is None:
            return None
        return {**current, **{name: found.get(name, current[name]) for name in STORED}}

    def prepare(self, diagnostics: Any, config: State) -> None:
        """Do what was ordered for planning: dawdle, or fail."""
        if _known(config, "plan_sleep"):
            self._stopping.wait(config["plan_sleep"])
        if _known(config, "fail_on") == "plan":
            diagnostics.add_error("The lab fails as ordered", "fail_on is plan.", path=["fail_on"])

    def plan(self, context: Any, _current: State, planned: State) -> State:
        return {**planned, "serial": Unknown} if context.changed_fields else planned

    def create(self, context: Any, planned: State) -> State | None:
        serial = self._operate(context, "create", planned)
        return None if serial is None else _stored({**planned, "serial": serial})

    def update(self, context: Any, current: State, planned: State) -> State:
        serial = self._operate(context, "update", planned)
        return current if serial is None else _stored({**planned, "serial": serial})

    def delete(self, context: Any, current: State) -> State | None:
        if self._operate(context, "delete", current) is None:
            return current
        world.remove(current["path"])
        return None

    def import_(self, context: Any, path: str) -> State | None:
        found = world.look(path)
        if found is None:
            context.diagnostics.add_error(f"There is no lab_thing at {path}")
            return None
        nothing = {attribute.name: None for attribute in self.get_schema().attributes}
        return {**nothing, "path": path, **{name: found.get(name) for name in STORED}}

    def upgrade(self, _context: Any, _version: int, old: State) -> State:
        return old

    def _operate(self, context: Any, operation: str, orders: State) -> int | None:
        """Log the operation and take the ordered time; None when it failed or was stopped."""
        serial = world.begin(orders["path"], operation)
        if self._stopping.wait(orders["sleep"] or 0):
            context.diagnostics.add_error("The lab was stopped", f"Nothing was changed by this {operation}.")
            return None
        if orders["fail_on"] == operation:
            context.diagnostics.add_error(
                "The lab fails as ordered", f"fail_on is {operation} for {orders['path']}.", path=["fail_on"]
            )
            return None
        return serial


class Read:
    """What is on disk, for reading only."""

    def __init__(self, _provider: "Lab") -> None:
        pass

    @classmethod
    def get_name(cls) -> str:
        return "read"

    @classmethod
    def get_schema(cls) -> Schema:
        return Schema(
            attributes=[
                Attribute("path", String(), required=True),
                Attribute("content", String(), computed=True),
                Attribute("secret", String(), computed=True, sensitive=True),
                Attribute("kind", String(), computed=True),
                Attribute("serial", Number(), computed=True),
            ],
        )

    def validate(self, diagnostics: Any, type_name: str, config: State) -> None:
        """Accept everything: Terraform itself checks against the schema."""

    def read(self, context: Any, config: State) -> State | None:
        found = world.look(config["path"])
        if found is None:
            context.diagnostics.add_error(f"There is no lab_thing at {config['path']}", path=["path"])
            return None
        return {"path": config["path"], **{name: found.get(name) for name in STORED}}


class Lab:
    """The provider itself; it needs no configuration."""

    def __init__(self) -> None:
        self.stopping = Event()

    def full_name(self) -> str:
        return "registry.terraform.io/test/lab"

    def get_model_prefix(self) -> str:
        return "lab_"

    def get_provider_schema(self, _diagnostics: Any) -> Schema:
        return Schema()

    def validate_config(self, diagnostics: Any, config: State) -> None:
        """Accept everything: there is nothing to configure."""

    def configure_provider(self, diagnostics: Any, config: State) -> None:
        """Do nothing: there is nothing to configure."""

    def get_data_sources(self) -> list[type[Read]]:
        return [Read]

    def get_resources(self) -> list[type[Thing]]:
        return [Thing]

    def get_functions(self) -> list[Any]:
        return []

    def new_resource(self, kind: type[Thing]) -> Thing:
        return kind(self)

    def new_data_source(self, kind: type[Read]) -> Read:
        return kind(self)


def _known(config: State, name: str) -> Any:
    return None if config[name] is Unknown else config[name]


def _stored(state: State) -> State:
    world.put(state["path"], {name: state[name] for name in STORED})
    return state
