"""How often the public may ask: counted in Redis per address and per model, in windows of a minute."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time

import redis
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from webapp.publishing.classify import ClassifyError, NotRunning, client
from webapp.publishing.models import PublishedModel

PER_ADDRESS = 20
PER_MODEL = 600
WINDOW_SECONDS = 60

# Both counters grow only if both allow it: a refused visitor uses up nothing of the model's own share.
_COUNT = """
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[i]) then return i end
end
for _, key in ipairs(KEYS) do
  redis.call('INCR', key)
  redis.call('EXPIRE', key, ARGV[#KEYS + 1])
end
return 0
"""


class TooMany(ClassifyError):
    """The address or the model has used up its share of this minute."""

    status = 429


def count_request(request: HttpRequest, model: PublishedModel) -> None:
    """Count one photo. Raises TooMany with the seconds to wait, NotRunning where nothing can be counted."""
    now = time.time()
    window = int(now // WINDOW_SECONDS)
    keys = [
        f"sortyard:limit:address:{_pseudonym(client_network(request))}:{window}",
        f"sortyard:limit:model:{model.pk}:{window}",
    ]
    try:
        full = client().eval(_COUNT, len(keys), *keys, PER_ADDRESS, PER_MODEL, 2 * WINDOW_SECONDS)
    except redis.RedisError as error:
        raise NotRunning from error
    seconds = int(WINDOW_SECONDS - now % WINDOW_SECONDS) + 1
    if full == 1:
        raise TooMany(_("You have sent many photos in a short time. Please wait a moment."), seconds)
    if full == 2:
        raise TooMany(_("Many people are asking at this moment. Please wait a moment."), seconds)


def client_network(request: HttpRequest) -> str:
    """Whom to count: an IPv4 address, or the /64 of an IPv6 one, since one visitor has all of that."""
    raw = str(request.META.get("REMOTE_ADDR", ""))
    if settings.SECURE_PROXY_SSL_HEADER:
        # Our own proxy appends the address it saw; what stands before it, the visitor may have written.
        raw = str(request.META.get("HTTP_X_FORWARDED_FOR", raw)).rsplit(",", 1)[-1].strip()
    try:
        address = ipaddress.ip_address(raw)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _pseudonym(network: str) -> str:
    """Addresses are people's: the broker's log gets a keyed hash instead."""
    return hmac.new(settings.SECRET_KEY.encode(), network.encode(), hashlib.sha256).hexdigest()[:24]
