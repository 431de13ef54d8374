"""All settings of the site, from the environment or with defaults that suit one laptop.

docs/settings.md lists every variable; a test holds the two together.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from webapp.config.broker import broker_url
from webapp.config.environment import Environment, kept_secret, make_data_folder

BASE_DIR = Path(__file__).resolve().parents[2]
env = Environment(os.environ)

DATA_DIR = env.folder("SORTYARD_DATA", BASE_DIR / "var")
make_data_folder(DATA_DIR)
CACHE_DIR = env.folder("SORTYARD_CACHE", DATA_DIR / "cache")

DEBUG = env.flag("SORTYARD_DEBUG")
SECRET_KEY = env.text("SORTYARD_SECRET_KEY") or kept_secret(DATA_DIR / "secret-key")
PRODUCTION = env.flag("SORTYARD_PRODUCTION")
ALLOWED_HOSTS = env.words("SORTYARD_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
if PRODUCTION and DEBUG:
    raise ImproperlyConfigured("SORTYARD_PRODUCTION=1 and SORTYARD_DEBUG=1 exclude each other: unset one.")
if PRODUCTION and not env.text("SORTYARD_ALLOWED_HOSTS"):
    raise ImproperlyConfigured(
        "SORTYARD_PRODUCTION=1 needs SORTYARD_ALLOWED_HOSTS, the names the site is reached by."
    )

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "webapp.core.apps.OurStaticFilesConfig",
    "csp",
    "django_htmx",
    "axes",
    "webapp.core.apps.CoreConfig",
    "webapp.accounts",
    "webapp.datasets",
    "webapp.ingest",
    "webapp.jobs",
    "webapp.snapshots",
    "webapp.runs",
    "webapp.evaluations",
    "webapp.publishing",
    "webapp.cleaning",
    "webapp.guessing",
    "webapp.mapping",
    "webapp.exports",
    "webapp.preparing",
    "webapp.crawls",
    "webapp.reviewing",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "webapp.accounts.middleware.AccessMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "webapp.config.urls"
WSGI_APPLICATION = "webapp.config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "webapp.core.context.shell",
            ],
            "builtins": [
                "webapp.core.templatetags.sortyard",
                "django.templatetags.i18n",
                "django.templatetags.static",
            ],
            "loaders": [
                ("django.template.loaders.cached.Loader", ["django.template.loaders.filesystem.Loader"]),
            ],
        },
    },
]
if DEBUG:
    TEMPLATES[0]["OPTIONS"]["loaders"] = ["django.template.loaders.filesystem.Loader"]  # type: ignore[index]


def database() -> dict[str, Any]:
    """SQLite in WAL mode unless DATABASE_URL names a PostgreSQL."""
    url = env.text("DATABASE_URL")
    if url:
        options: dict[str, Any] = environ.Env.db_url_config(url)
        if options.get("ENGINE") != "django.db.backends.postgresql":
            # The URL may hold a password, so the message does not repeat it.
            raise ImproperlyConfigured(
                "DATABASE_URL: use postgres://user:password@host/name, or leave it out for SQLite."
            )
        return options
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "sortyard.sqlite3",
        "OPTIONS": {
            "timeout": 20,
            # A deferred transaction that turns into a write fails at once when another writes: take the lock first.
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;",
        },
        "TEST": {"NAME": str(DATA_DIR / f"test-{os.getpid()}.sqlite3")},
    }


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "datasets:list"
LOGOUT_REDIRECT_URL = "publishing:home"
# Guessing passwords: ten tries a quarter of an hour for a name from an address.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "accounts/locked_out.html"
AXES_VERBOSE = False

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "webapp" / "locale"]
FORMAT_MODULE_PATH = "webapp.core.formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.text("SORTYARD_TIME_ZONE", "UTC")
LANGUAGE_COOKIE_SAMESITE = "Lax"

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "webapp.core.staticfiles.HashedStaticFilesStorage"},
}

# Uploads: one request carries a part of a batch, never a whole folder.
MAX_FILE_BYTES = int(env.number("SORTYARD_MAX_FILE_MB", 50, low=1, high=500)) * 2**20
MAX_ARCHIVE_BYTES = int(env.number("SORTYARD_MAX_ARCHIVE_MB", 4096, low=1, high=100_000)) * 2**20
MAX_PUBLIC_BYTES = 10 * 2**20
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
DATA_UPLOAD_MAX_NUMBER_FILES = 500
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
FILE_UPLOAD_TEMP_DIR = str(DATA_DIR / "spool")
Path(FILE_UPLOAD_TEMP_DIR).mkdir(mode=0o700, exist_ok=True)

# Security
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "webapp.core.views.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.flag("SORTYARD_HTTPS")
CSRF_TRUSTED_ORIGINS = env.words("SORTYARD_TRUSTED_ORIGINS", [])
if env.flag("SORTYARD_BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        # Plotly positions its layers with style attributes; templates use none.
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": [SELF, "blob:", "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

# Queue
REDIS_URL = broker_url(env.text("REDIS_URL"), DATA_DIR)
JOB_LEASE_SECONDS = env.number("SORTYARD_LEASE_SECONDS", 60, low=1, high=3600)
JOB_HEARTBEAT_SECONDS = env.number("SORTYARD_HEARTBEAT_SECONDS", 15, low=0.2, high=1200)
JOB_REAPER_SECONDS = env.number("SORTYARD_REAPER_SECONDS", 30, low=0.5, high=600)
JOB_MAX_LOSSES = 3
PREP_PROCESSES = int(env.number("SORTYARD_PREP_PROCESSES", min(4, os.cpu_count() or 1), low=1, high=64))

# Crawls
CRAWL_CONTACT = env.text("SORTYARD_CRAWL_CONTACT")
CRAWL_PROXY = env.text("SORTYARD_CRAWL_PROXY")
# 0 asks as fast as answers come: for a server of one's own.
CRAWL_SECONDS_BETWEEN = env.number("SORTYARD_CRAWL_SECONDS_BETWEEN", 1, low=0, high=3600)
CRAWL_PHOTO_SECONDS = env.number("SORTYARD_CRAWL_PHOTO_SECONDS", 60, low=1, high=3600)
CRAWL_AT_ONCE = int(env.number("SORTYARD_CRAWL_AT_ONCE", 3, low=1, high=16))
# A provider without an entry is asked where it lives.
CRAWL_BASE_URLS = {
    key: url
    for key, url in (
        ("openverse", env.text("SORTYARD_OPENVERSE_URL")),
        ("commons", env.text("SORTYARD_COMMONS_URL")),
        ("baidu", env.text("SORTYARD_BAIDU_URL")),
        ("bing", env.text("SORTYARD_BING_URL")),
    )
    if url
}
CRAWL_CREDENTIALS = {
    "openverse": {
        "client_id": env.text("SORTYARD_OPENVERSE_CLIENT_ID"),
        "client_secret": env.text("SORTYARD_OPENVERSE_CLIENT_SECRET"),
    }
}
# (address, port) pairs of the tests' own servers on loopback. No environment sets it, and production refuses it.
CRAWL_TEST_ADDRESSES: frozenset[tuple[str, int]] = frozenset()

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {
        "handlers": ["console"],
        "level": env.choice("SORTYARD_LOG", "WARNING", ("DEBUG", "INFO", "WARNING", "ERROR")),
    },
}
SILENCED_SYSTEM_CHECKS = ["axes.W006"]
