"""What the Cloud API's errors cause: Meta's table, and what is said of WhatsApp only.

Sources: "Error codes" of the Cloud API (read 2026-11-23); codes marked (third-party) are known from public code only.
"""

from collections.abc import Mapping
from datetime import timedelta

import httpx
from chorally_meta import errors
from chorally_meta.errors import Code, Means, Transient, ended, error_of, passing, refused, throttled

import chorally_sdk as sdk

__all__ = ["MORE", "PAIR", "PAIR_WAIT", "Transient", "fault"]

_BLOCKED, _PERMISSION, _INVALID = sdk.Reason.BLOCKED, sdk.Reason.PERMISSION, sdk.Reason.INVALID
_TEMPLATE = refused(_INVALID, "choose another template, or other values")

PAIR = 131056
"""Too many messages from one number to one person: about one in six seconds (third-party)."""
PAIR_WAIT = timedelta(seconds=6)

MORE: Mapping[Code, Means] = {
    0: ended(),
    33: refused(_PERMISSION, "the phone number was deleted; connect another one"),
    130429: throttled(),  # messages in a second
    130472: refused(_BLOCKED, "the person is part of an experiment of WhatsApp's; send no marketing"),
    130497: refused(_BLOCKED, "the business may not write to people in this country"),
    131000: passing(),  # unverified, as the other two that pass
    131005: refused(_PERMISSION),
    131016: passing(),
    131026: refused(_BLOCKED, "the person cannot be reached on WhatsApp at this number"),
    131030: refused(_INVALID, "a test number writes to the people of its list only; add this one in the dashboard"),
    131031: refused(_BLOCKED, "the account is locked; see the Business Support Home"),
    131037: refused(_PERMISSION, "the display name must be approved first"),
    131042: refused(_PERMISSION, "see the account's payment settings"),
    131045: refused(_PERMISSION, "register the phone number first"),
    131047: refused(sdk.Reason.WINDOW, "send a template"),
    131048: throttled(advice="people have complained; see the quality of the number in WhatsApp Manager"),
    131049: refused(_BLOCKED, "WhatsApp holds marketing back from this person; try no sooner than in a day"),
    131050: refused(_BLOCKED, "the person takes no marketing messages"),
    131051: refused(_INVALID, "WhatsApp takes no messages of this kind"),
    131052: refused(_INVALID, "the file could not be read"),
    131053: refused(_INVALID, "the file could not be taken; see its type and size"),
    131055: refused(_PERMISSION),
    131057: passing("the account is under maintenance"),
    **dict.fromkeys(range(132000, 132017), _TEMPLATE),
    132007: refused(_BLOCKED, "the template goes against WhatsApp's policy"),
    132068: refused(_BLOCKED, "the flow is blocked; mend it in WhatsApp Manager"),
    132069: throttled(advice="the flow is throttled"),
    133004: passing(),
    133010: refused(_PERMISSION, "register the phone number first"),
    133016: throttled(advice="the phone number was registered too often"),
}
"""Codes of WhatsApp; every other one is in Meta's own table."""


def fault(answer: httpx.Response) -> sdk.ConnectorError | None:
    """Classify an answer by the error in its body, whatever its status; by the status where it has none.

    Too many messages to one person hold back that message only, and not the account.
    """
    told = errors.fault(answer, name="WhatsApp", more=MORE)
    if told is not None and (error_of(answer) or {}).get("code") == PAIR:
        return sdk.RetryLater(str(told), wait=PAIR_WAIT)
    return told
