"""A good connector whose webhooks are proven by a word that both sides know, and its twin."""

from typing import ClassVar

import chorally_sdk as sdk
from chorally_sdk.sandbox import Levers
from tests.sdk.kit.guestbook import Guestbook
from tests.sdk.kit.twin import GuestbookTwin


class Word(Guestbook):
    """Believes who knows the word, whatever is said."""

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Compare the word."""
        if hook.method == "GET":
            return self.tested(hook, keys)
        secrets = (*keys.secrets.get("webhook_secret", ()), *keys.secrets.get("subscription", ()))
        if sdk.same(hook.headers.get("authorization", ""), secrets):
            return sdk.accept(delivery_id=self.delivery_id(hook))
        return sdk.reject()


class WordTwin(GuestbookTwin):
    """Sends the word, and signs nothing."""

    signs_bodies: ClassVar[bool] = False
    signature_age = Levers.signature_age  # a word has no age, so there is no such lever

    def signed(self, body: bytes) -> sdk.RawHook:
        """Any body, with the word."""
        hook = super().signed(body)
        secret = self.held[0].secret if self.held else self.settings.webhook_secret.get_secret_value()
        kept = {"x-guestbook-delivery": hook.headers["x-guestbook-delivery"], "authorization": secret}
        return hook.model_copy(update={"headers": kept})


class UrlWord(Guestbook):
    """Believes who calls the URL with the word in it."""

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Compare the word of the query."""
        if hook.method == "GET":
            return self.tested(hook, keys)
        secrets = (*keys.secrets.get("webhook_secret", ()), *keys.secrets.get("subscription", ()))
        if sdk.same(hook.query.get("word", ""), secrets):
            return sdk.accept(delivery_id=self.delivery_id(hook))
        return sdk.reject()


class UrlWordTwin(WordTwin):
    """Sends the word with the URL, which is all that some platforms let one set."""

    def signed(self, body: bytes) -> sdk.RawHook:
        """Any body, sent to the URL with its word."""
        hook = super().signed(body)
        kept = {"x-guestbook-delivery": hook.headers["x-guestbook-delivery"]}
        return hook.model_copy(update={"headers": kept, "query": {"word": hook.headers["authorization"]}})
