"""Rules beyond a field's type: one message, checked by the models here and by CEL in Kubernetes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

CEL = "x-kubernetes-validations"
UNIT = "x-unit"
ALSO = "x-also"


@dataclass(frozen=True)
class Rule:
    """What must hold of a value; metadata of an annotation, or one of a section's `rules`.

    Attributes:
        message: What is accepted.
        holds: The check in Python; gets the validated value or section.
        cel: The same check in the Common Expression Language; `self` is the value. Empty where CEL
            cannot see it: what a schema preserves as unknown is hidden from it.
    """

    message: str
    holds: Callable[[Any], bool]
    cel: str = ""

    @property
    def validations(self) -> list[dict[str, str]]:
        """The rule as entries of `x-kubernetes-validations`, one or none."""
        return [{"rule": self.cel, "message": self.message}] if self.cel else []

    def check(self, value: Any) -> Any:
        """Return the value.

        Raises:
            ValueError: The rule does not hold; the message says what is accepted.
        """
        if not self.holds(value):
            raise ValueError(self.message)
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        made = handler(schema)
        rules = [*made.get(CEL, []), *self.validations]
        return {**made, CEL: rules} if rules else made


@dataclass(frozen=True)
class Note:
    """A further key in the JSON schema of a field; metadata of an annotation."""

    key: str
    value: str

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), self.key: self.value}


def unit(name: str) -> Note:
    """Return the unit of a field, for the reference."""
    return Note(UNIT, name)


def also(kind: str) -> Note:
    """Return what a field reads besides its type, for editors: `number`, `string` or `mapping`."""
    return Note(ALSO, kind)
