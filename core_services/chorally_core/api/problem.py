"""Errors of the API as problem details (RFC 9457): what is wrong, and what to do."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from chorally_core.api.responses import MEDIA_TYPE, describe
from chorally_core.ports.documents import Conflict
from chorally_core.ports.objects import Unavailable
from chorally_core.ports.refused import Refused

_TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Request timeout",
    409: "Conflict",
    412: "Precondition failed",
    413: "Content too large",
    415: "Unsupported media type",
    416: "Range not satisfiable",
    422: "Unprocessable content",
    428: "Precondition required",
    429: "Too many requests",
    500: "Internal error",
    502: "Bad gateway",
    503: "Service unavailable",
    507: "Insufficient storage",
}

_REFUSED = {"missing": 404, "conflict": 409, "invalid": 422, "forbidden": 403}


class Problem(Exception):
    """An error that the caller is told."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str = "",
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Describe what is wrong.

        Args:
            status: HTTP status.
            detail: What is wrong and what to do, for people; never a secret.
            code: A short word that programs can rely on; becomes part of ``type``.
            errors: One entry for each wrong field: ``{"field": "/body/name", "message": "…"}``.
            headers: Further headers of the answer, such as ``Retry-After``.
        """
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code or _TITLES.get(status, "error").lower().replace(" ", "-")
        self.errors = errors or []
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the problem document."""
        found: dict[str, Any] = {
            "type": f"urn:chorally:problem:{self.code}",
            "title": _TITLES.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            found["errors"] = self.errors
        return found

    def response(self) -> JSONResponse:
        """Return the answer."""
        return JSONResponse(self.document(), self.status, headers=self.headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of the application a problem document, and say so in its OpenAPI."""
    describe(app)

    @app.exception_handler(Problem)
    async def on_problem(_: Request, problem: Problem) -> JSONResponse:
        return problem.response()

    @app.exception_handler(Refused)
    async def on_refused(_: Request, refused: Refused) -> JSONResponse:
        errors = [{"field": f"/body/{refused.field}", "message": refused.detail}] if refused.field else []
        return Problem(_REFUSED[refused.why], refused.detail, code=refused.code, errors=errors).response()

    @app.exception_handler(Conflict)
    async def on_conflict(_: Request, __: Conflict) -> JSONResponse:
        detail = "others keep changing the same record; try again"
        return Problem(409, detail, code="changed-meanwhile", headers={"Retry-After": "1"}).response()

    @app.exception_handler(Unavailable)
    async def on_unavailable(_: Request, __: Unavailable) -> JSONResponse:
        detail = "files cannot be had or stored at the moment; try again"
        return Problem(503, detail, code="objects-unavailable", headers={"Retry-After": "5"}).response()

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> JSONResponse:
        return Problem(error.status_code, str(error.detail), headers=error.headers).response()

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {"field": "/" + "/".join(str(part) for part in e["loc"]), "message": str(e["msg"])} for e in error.errors()
        ]
        return Problem(422, "the request does not fit; see errors", code="invalid", errors=errors).response()

    @app.exception_handler(Exception)
    async def on_error(_: Request, __: Exception) -> JSONResponse:
        return unexpected().response()


def unexpected() -> Problem:
    """Return what a caller is told of an error that nobody foresaw; the log tells the rest."""
    return Problem(500, "something went wrong here; try again, and tell the operator if it stays so", code="internal")
