"""A small framework that makes a stateful twin of a platform's API short to write.

A twin says its routes, its errors and how it signs webhooks; objects, paging, OAuth, rate limits, faults on
demand and the control plane under ``/_sandbox`` come from here. It stands on Starlette (extra ``dev``), and
nothing in production imports it. The checks of ``chorally_sdk.testing`` pull its levers.
"""

from chorally_sdk.sandbox.clock import Clock
from chorally_sdk.sandbox.faults import AnswerLost, Fault, Faults, NoAnswer
from chorally_sdk.sandbox.hooks import Courier, Signer, hmac_signer
from chorally_sdk.sandbox.leases import Leases, answers_test
from chorally_sdk.sandbox.levers import Connection, Levers, Made, NotOffered, Profile, Subscribed
from chorally_sdk.sandbox.oauth import OAuth, Refused
from chorally_sdk.sandbox.objects import Shelf, Thing
from chorally_sdk.sandbox.paging import Cut, by_link, by_number, by_offset, by_token
from chorally_sdk.sandbox.parts import Part
from chorally_sdk.sandbox.routes import Call, Failure, Refusal, answers
from chorally_sdk.sandbox.tokens import KeySet, TokenKey
from chorally_sdk.sandbox.twin import Twin

__all__ = [
    "AnswerLost", "Call", "Clock", "Connection", "Courier", "Cut", "Failure", "Fault", "Faults", "KeySet", "Leases",
    "Levers", "Made", "NoAnswer", "NotOffered", "OAuth", "Part", "Profile", "Refusal", "Refused", "Shelf", "Signer",
    "Subscribed", "Thing", "TokenKey", "Twin", "answers", "answers_test", "by_link", "by_number", "by_offset",
    "by_token", "hmac_signer",
]  # fmt: skip
