"""Speaks as api.openverse.org does: /v1/images/ and /v1/auth_tokens/token/."""

from __future__ import annotations

import math

from tests.support.providers.catalogue import Catalogue, Picture
from tests.support.providers.rates import Rate, as_json
from tests.support.webserver import Request, Response

CLIENT = ("sortyard", "a secret")
TOKEN = "DLBYIcfnKfolaXKcmMC8RIDCavc2hW"
LICENCES = (
    "by",
    "by-nc",
    "by-nc-nd",
    "by-nc-sa",
    "by-nd",
    "by-sa",
    "cc0",
    "nc-sampling+",
    "pdm",
    "sampling+",
)
TYPES = {
    "all": LICENCES,
    "all-cc": tuple(one for one in LICENCES if one != "pdm"),
    "commercial": ("by", "by-nd", "by-sa", "cc0", "pdm", "sampling+"),
    "modification": ("by", "by-nc", "by-nc-sa", "by-sa", "cc0", "nc-sampling+", "pdm", "sampling+"),
}
URLS = {"cc0": "publicdomain/zero", "pdm": "publicdomain/mark"}


class OpenverseServer:
    """Anonymous: 20 pages of 20 and `day_quota` requests. `rate`: least seconds between requests."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        rate: float = 0.0,
        day_quota: int | None = 200,
        expires_in: int = 43_200,
    ) -> None:
        self.catalogue, self.expires_in = catalogue, expires_in
        self.rate, self.client_rate = Rate(rate, day_quota), Rate(rate / 5)
        self.tokens = 0
        """How many were given out."""

    def answer(self, path: str, request: Request, root: str) -> Response:
        if path == "/v1/auth_tokens/token/":
            return self._token(request)
        if path == "/v1/images/":
            return self._search(request, root)
        return as_json({"detail": "Not found."}, 404)

    def _token(self, request: Request) -> Response:
        if request.method != "POST":
            return as_json({"detail": f'Method "{request.method}" not allowed.'}, 405)
        if request.form.get("grant_type") != "client_credentials":
            return as_json({"error": "unsupported_grant_type"}, 400)
        if (request.form.get("client_id"), request.form.get("client_secret")) != CLIENT:
            return as_json({"error": "invalid_client"}, 401)
        self.tokens += 1
        return as_json(
            {
                "access_token": TOKEN,
                "expires_in": self.expires_in,
                "token_type": "Bearer",
                "scope": "read write",
            }
        )

    def _search(self, request: Request, root: str) -> Response:
        said = request.headers.get("authorization")
        if said not in (None, f"Bearer {TOKEN}"):
            return as_json({"detail": "Invalid token."}, 401)
        if refused := (self.client_rate if said else self.rate).refusal():
            return refused
        query = request.query
        try:
            page, page_size = int(query.get("page", "1")), int(query.get("page_size", "20"))
        except ValueError:
            return as_json({"detail": {"page": ["A valid integer is required."]}}, 400)
        if not said and page_size > 20:
            return as_json({"detail": "page_size must be between 1 & 20 for unauthenticated requests."}, 401)
        if page_size > 500 or page_size < 1:
            return as_json(
                {"detail": {"page_size": ["Ensure this value is less than or equal to 500."]}}, 400
            )
        if page < 1 or (not said and page > 20):
            return as_json({"detail": {"page": ["Ensure this value is less than or equal to 20."]}}, 400)
        allowed = _allowed(query.get("license"), query.get("license_type"))
        if allowed is None:
            return as_json({"detail": {"license": ["License is invalid."]}}, 400)
        found = [one for one in self.catalogue.find(query.get("q", "")) if one.licence in allowed]
        shown = found[(page - 1) * page_size : page * page_size]
        return as_json(
            {
                "result_count": len(found),
                "page_count": math.ceil(len(found) / page_size),
                "page_size": page_size,
                "page": page,
                "results": [_result(one, root) for one in shown],
                "warnings": None,
            }
        )


def _allowed(licence: str | None, kind: str | None) -> set[str] | None:
    """Codes that both filters let through; None when a filter is none."""
    kinds = [TYPES.get(one) for one in kind.split(",")] if kind else [LICENCES]
    if any(one is None for one in kinds):
        return None
    codes = set(licence.lower().split(",")) if licence else set(LICENCES)
    if not codes <= set(LICENCES):
        return None
    return codes & {code for one in kinds if one for code in one}


def _result(picture: Picture, root: str) -> dict[str, object]:
    width, height = picture.dimensions()
    deed = URLS.get(picture.licence, f"licenses/{picture.licence}")
    return {
        "id": picture.id,
        "title": picture.title,
        "url": f"{root}/pictures/{picture.name}",
        "thumbnail": f"{root}/pictures/thumb/{picture.name}",
        "creator": picture.author,
        "creator_url": None,
        "license": picture.licence,
        "license_version": picture.version,
        "license_url": f"https://creativecommons.org/{deed}/{picture.version}/",
        "attribution": f'"{picture.title}" by {picture.author} is licensed under {picture.licence.upper()}.',
        "foreign_landing_url": f"https://example.org/photos/{picture.id}",
        "filetype": picture.name.rpartition(".")[2],
        "filesize": picture.told_size(),
        "width": width,
        "height": height,
        "mature": False,
    }
