from django.apps import AppConfig
from django.contrib.staticfiles.apps import StaticFilesConfig


class CoreConfig(AppConfig):
    name = "webapp.core"
    label = "core"
    default_auto_field = "django.db.models.BigAutoField"


class OurStaticFilesConfig(StaticFilesConfig):
    # htmx 4 and its extensions are not used, and one of them imports a file that does not exist.
    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "htmx-4*", "htmax-4*", "ext"]
