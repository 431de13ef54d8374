"""What a fetch can end with instead of bytes. Sentences are stored in English and translated where they are shown."""

from __future__ import annotations


def gettext_noop(sentence: str) -> str:
    """Marks a sentence for the catalogue, as Django's function of this name does: nothing here knows Django."""
    return sentence


_ = gettext_noop

# addresses
URL_TOO_LONG = _("The address is longer than %(n)s characters. Give a shorter one.")
URL_CHARACTERS = _("The address holds characters that no address has. Copy it again from where it came from.")
URL_SCHEME = _("The address does not begin with http:// or https://. Only those are fetched.")
URL_USERINFO = _("The address holds a user name or password, which are never sent. Give it without them.")
URL_PORT = _("The address names a port that is not fetched from. Only ports 80 and 443 are.")
URL_HOST = _("The address names no host that can exist. Check how it is written.")
URL_NO_HOST = _("The address names no host. Write it as https://host/photo.jpg.")
URL_NUMBER = _("The host is a number in an odd spelling. Write it as four decimal numbers, or use its name.")
NOT_PUBLIC = _(
    "%(host)s is at an address that is not public (%(address)s). Only the public internet is fetched."
)
NOT_PUBLIC_NAME = _("%(host)s is a name for private networks. Only the public internet is fetched.")
OTHER_PEER = _(
    "The connection led elsewhere than to a vetted address (%(address)s), so the answer was dropped."
)

# connections
UNKNOWN_HOST = _("The host %(host)s is not known. Check the address.")
NO_NAMES = _("The address of %(host)s could not be looked up just now. Try again later.")
NO_CONNECTION = _("No connection to %(host)s: %(reason)s. Try again later.")
CERTIFICATE = _("%(host)s does not prove who it is (%(reason)s), so nothing was fetched from it.")
BROKEN_OFF = _("The connection to %(host)s broke off: %(reason)s. Try again later.")
NOT_HTTP = _("%(host)s broke off or answered with something that is not HTTP. Try again later.")
PROXY = _("The proxy gave no way to %(host)s (%(reason)s). Check the proxy.")

# answers
STATUS = _("%(host)s answered with status %(status)s instead of the file.")
BUSY = _("%(host)s is busy or asks for fewer requests (status %(status)s). Try again later.")
WAIT_TOO_LONG = _(
    "%(host)s asks to wait %(seconds)s seconds, longer than a fetch waits. Try again after that."
)
SILENT = _("%(host)s did not answer for %(seconds)s seconds. Try again later.")
TOO_SLOW = _("The transfer was not finished after %(seconds)s seconds. Try again later.")
TOO_LARGE = _("The file is larger than %(size)s, which is the most that is fetched.")
REDIRECTS = _("%(host)s led on more than %(n)s times. Give the address where it ends.")
ENCODING = _("%(host)s packed the file in a way that is not understood or is damaged.")

SENTENCES: tuple[str, ...] = tuple(
    value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str)
)
"""All of them, for the list of what is translated when it is shown."""


class FetchError(Exception):
    """Nothing was fetched. `str()` is an English sentence: what happened and, where something can be done, what to do.

    `code`: "refused_url", "refused_address", "http_error", "too_large", "too_slow", "network" or "redirects".
    `status`: of the answer, where there was one. `transient`: another try later may succeed.
    `wait`: seconds that the server asks to wait, where it says so.
    """

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        status: int | None = None,
        transient: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.status = status
        self.transient = transient
        self.wait = wait


class RefusedUrl(FetchError):
    """The text is no address that is fetched from."""

    def __init__(self, sentence: str) -> None:
        super().__init__("refused_url", sentence)


class RefusedAddress(FetchError):
    """The host is not on the public internet."""

    def __init__(self, sentence: str) -> None:
        super().__init__("refused_address", sentence)
