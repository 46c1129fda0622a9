"""What the pages about conversations that we begin, merged tickets and approved answers tell a reader to do is done."""

from chorally_core.ports.ledger import Step, Work
from chorally_core.services.identity import User
from chorally_mail.testing import FakeImap, FakeSmtp, a_mailbox

from tests.docs.following import ConnectPage, follow
from tests.docs.place import Place
from tests.docs.shell import Shell


async def _commented(place: Place, connect_page: ConnectPage, *names: str) -> Shell:
    """A shell, once as many people have commented."""
    await connect_page()
    for number, name in enumerate(names):
        place.page.comment(f"p{number}", "Siete aperti domenica?", author_name=name)
    shell = place.shell()
    await shell.run_until(
        'curl -s "$API/message/v1/tickets" -H "Authorization: Bearer $TOKEN"',
        {"items": [{"status": "open"} for _ in names]},
    )
    return shell


async def test_conversations_are_begun(place: Place) -> None:
    """The how-to, with a mailbox: one letter, and a list of which one person has declined."""
    async with FakeImap() as imap, FakeSmtp() as smtp:
        settings = a_mailbox(imap, smtp).account.settings.model_dump(mode="json", exclude={"password"})
        await place.system.io.accounts.connect(
            account_id="account-mail", tenant="acme", platform="mail", name="Help", settings=settings,
            credentials={"password": "s3cret-word"}, since=None,
        )  # fmt: skip
        await follow("docs/how-to/start-a-conversation.md", place.shell())
        assert len(smtp.sent) == 2


async def test_tickets_are_merged_and_split(place: Place, connect_page: ConnectPage) -> None:
    """The how-to, after two people have commented."""
    await follow("docs/how-to/merge-tickets.md", await _commented(place, connect_page, "Bruno", "Carla"))


async def test_a_trainees_answer_is_approved(place: Place, connect_page: ConnectPage) -> None:
    """The how-to, after a comment has come."""
    shell = await _commented(place, connect_page, "Bruno")
    tom = User(
        id="tom", tenant="acme", login="tom", email="tom@example.org", name="Tom", password_hash="",
        roles=("trainee",), created_at=place.clock(), updated_at=place.clock(),
    )  # fmt: skip
    await place.system.ledger.commit(Work([Step.of([tom])]))
    issued = place.system.trust.issuer.issue(
        subject="tom", tenant="acme", name="Tom", roles=("trainee",), generation=tom.token_generation
    )
    shell.variables["TRAINEE"] = issued.access_token
    await follow("docs/how-to/approve-replies.md", shell)
