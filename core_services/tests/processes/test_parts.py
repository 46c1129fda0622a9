"""Which services and roles a process consists of, by name."""

import pytest
from chorally_core.bootstrap import PARTS, Parts, Role, UnknownPart
from chorally_core.bootstrap.services import declared
from chorally_core.bootstrap.stores import used
from chorally_core.commands.services import KINDS
from chorally_core.settings import Settings


def test_a_service_named_without_roles_has_all_of_its_own() -> None:
    """And nothing of the others."""
    parts = Parts.named(["message"])
    assert [role for role in Role if parts.has("message", role)] == list(Role)
    assert not any(parts.has(name, *Role) for name in PARTS if name != "message")
    assert not parts.alone


def test_roles_may_be_several_and_services_too() -> None:
    """Each named service has each named role, as far as it has it at all."""
    parts = Parts.named(["io", "identity"], ["api", "worker"])
    assert parts.of(Role.API) == ["identity", "io"]
    assert parts.of(Role.WORKER) == ["io"]
    assert parts.of(Role.CONSUMER) == []
    assert str(parts) == "identity, io (api, worker)"


def test_everything_together_is_alone() -> None:
    """What `chorally up` runs."""
    parts = Parts()
    assert all(parts.has(name, role) for name, roles in PARTS.items() for role in roles)
    assert parts.alone


def test_all_wrong_names_are_told_at_once_with_what_was_meant() -> None:
    """A slip of the hand is recognised, and what there is is listed."""
    with pytest.raises(UnknownPart) as told:
        Parts.named(["mesage", "io", "shop"], ["workers"])
    service, other, role = str(told.value).splitlines()
    assert service.startswith("there is no service 'mesage'; did you mean message? There are identity,")
    assert other.startswith("there is no service 'shop'; there are identity,")
    assert role.startswith("there is no role 'workers'; did you mean worker?")


def test_a_process_that_would_do_nothing_is_refused() -> None:
    """Identity has no events to handle."""
    with pytest.raises(UnknownPart, match="nothing to do: identity has api"):
        Parts.named(["identity"], ["consumer"])
    with pytest.raises(UnknownPart, match="at least one service"):
        Parts.named([])


def test_every_service_is_declared_and_handles_something_if_it_is_a_consumer() -> None:
    """The table of roles, the modules and what `chorally services` prints tell the same."""
    services = {service.name: service for service in declared(PARTS)}
    consumers = {name for name, service in services.items() if service.reads is not None or service.has("behind")}
    assert consumers == {name for name, roles in PARTS.items() if Role.CONSUMER in roles}
    assert {name for listed in KINDS.values() for name in listed} == set(PARTS)


@pytest.mark.parametrize(
    ("services", "roles", "expected"),
    [
        (["identity"], [], set()), (["metadata", "rule", "author"], [], set()), (["search"], [], {"search"}),
        (["message"], ["consumer"], set()), (["message"], ["api"], {"search"}), (["media"], [], {"objects"}),
        (["io"], ["api"], {"objects"}), (["io"], ["worker"], {"objects", "search"}), (["io"], ["consumer"], set()),
    ],
)  # fmt: skip
def test_a_process_loads_no_driver_that_it_has_no_use_for(
    services: list[str], roles: list[str], expected: set[str]
) -> None:
    """A search or a store of objects that no part of it asks is left out; all else is as the settings name it."""
    settings = Settings(objects="s3://one", search="opensearch://one", bus="kafka://one")
    found = used(settings, Parts.named(services, roles))
    assert {name for name in ("objects", "search") if getattr(found, name).get_secret_value()} == expected
    assert found.bus == settings.bus


def test_what_an_installed_package_adds_may_use_everything() -> None:
    """Nobody here knows what it asks."""
    settings = Settings(objects="s3://one", search="opensearch://one")
    assert used(settings, Parts(("shop",), (Role.API,), alone=False)) == settings
