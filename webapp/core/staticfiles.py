"""Static files with a hash in their names, so that browsers may keep them for good."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc] # untyped
    # ES modules import each other by relative path: Django rewrites those too.
    support_js_module_import_aggregation = True
    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """A page must not fail because a file was added since `collectstatic` last ran: it gets its plain name."""
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name
