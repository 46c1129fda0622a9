"""Actions that plugins add: what they take, and what they ask for in terms of our own."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from chorally_core.services.rule_engine.actions import Action, PluggedAction, read_actions
from chorally_sdk.rules import Happened, RuleAction

MOST = 20
"""Actions that one of a plugin may ask for."""


class BadParameters(ValueError):
    """A plugin's action does not take these parameters; ``faults`` says what is wrong, by the place."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{place}: {what}" if place else what for place, what in faults.items()))
        self.faults = dict(faults)


class Plugged:
    """The actions of the installed plugins."""

    def __init__(self, actions: Sequence[RuleAction] = ()) -> None:
        self._by_type = {action.type: action for action in actions}

    @property
    def actions(self) -> tuple[RuleAction, ...]:
        """Each of them."""
        return tuple(self._by_type.values())

    def check(self, action: PluggedAction) -> None:
        """Do nothing where a plugin takes the action.

        Raises:
            BadParameters: No plugin adds it, or it does not take these parameters.
        """
        self._read(action)

    def asked(self, action: PluggedAction, happened: Happened) -> tuple[Action, ...]:
        """Return what a plugin asks for.

        Raises:
            BadParameters: It is not to be had, or asks for what there is not.
        """
        of, parameters = self._read(action)
        wanted: tuple[dict[str, Any], ...] = tuple(dict(each) for each in of.ask(parameters, happened))
        if len(wanted) > MOST:
            raise BadParameters({"": f"the plugin's action {action.type} asks for more than {MOST} actions"})
        try:
            found = read_actions(wanted)
        except ValidationError as error:
            raise BadParameters(
                {"": f"the plugin's action {action.type} asks for what there is not: {error}"}
            ) from None
        if any(isinstance(each, PluggedAction) for each in found):
            raise BadParameters({"": f"the plugin's action {action.type} asks for an action of a plugin"})
        return found

    def _read(self, action: PluggedAction) -> tuple[RuleAction, Any]:
        of = self._by_type.get(action.type)
        if of is None:
            raise BadParameters({"type": f"no installed plugin adds the action {action.type!r}"})
        try:
            return of, of.parameters.model_validate(action.parameters)
        except ValidationError as error:
            faults = {"/".join(("parameters", *map(str, each["loc"]))): each["msg"] for each in error.errors()}
            raise BadParameters(faults) from None


NONE = Plugged()
"""No plugin."""
