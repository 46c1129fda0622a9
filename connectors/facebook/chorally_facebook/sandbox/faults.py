"""Faults on demand, as the Graph API shows them: what the framework knows, in Meta's codes."""

from typing import Literal

import httpx
from pydantic import Field
from starlette.responses import JSONResponse, Response

from chorally_sdk.sandbox.faults import AnswerLost, AnyFault, Kind, NoAnswer
from chorally_sdk.sandbox.faults import Faults as AnyFaults

__all__ = ["AnswerLost", "Fault", "Faults", "Kind", "NoAnswer", "error"]

On = Literal["reply", "read", "webhook"]


class Fault(AnyFault):
    """Something that goes wrong with the next calls of one kind."""

    on: On
    """``reply``: a comment is posted; ``read``: any GET; ``webhook``: a delivery."""
    kind: Kind
    """``bad_signature`` is of webhooks only. Of webhooks, what is not ``…_after…`` fails before it is sent."""
    wait_minutes: int = Field(default=1, ge=0)
    """What ``rate_limit`` says of when access is regained."""


class Faults(AnyFaults[Fault]):
    """The faults that are still to happen."""

    def answer(self, fault: Fault, page_id: str) -> Response:
        """Return what the client sees of a fault."""
        match fault.kind:
            case "error_500_before" | "error_500_after":
                return error(2, "Service temporarily unavailable", status=500, is_transient=True)
            case "expired_token":
                return error(190, "Error validating access token: Session has expired", status=401, subcode=463)
            case "forbidden":
                return error(200, "Requires pages_manage_engagement permission", status=403)
            case "gone":
                return error(100, "Object does not exist", status=400, subcode=33)
            case "invalid":
                return error(100, "Invalid parameter", status=400)
            case "rate_limit" | "rate_limit_date":
                row = {"type": "pages", "call_count": 100, "total_cputime": 30, "total_time": 30}
                used = {page_id: [{**row, "estimated_time_to_regain_access": fault.wait_minutes}]}
                answer = error(80001, "There have been too many calls to this Page account", status=400)
                answer.headers["X-Business-Use-Case-Usage"] = httpx.Response(200, json=used).text
                return answer
            case _:
                return self.no_answer(fault)


def error(
    code: int, message: str, *, status: int, subcode: int | None = None, is_transient: bool = False
) -> JSONResponse:
    """Return an error as the Graph API shapes it."""
    told: dict[str, object] = {"message": f"(#{code}) {message}", "type": "OAuthException", "code": code}
    if subcode is not None:
        told["error_subcode"] = subcode
    if is_transient:
        told["is_transient"] = True
    return JSONResponse({"error": {**told, "fbtrace_id": "Sandbox"}}, status_code=status)
