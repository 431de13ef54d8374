from django.apps import AppConfig


class MappingConfig(AppConfig):
    name = "webapp.mapping"
    label = "mapping"
    default_auto_field = "django.db.models.BigAutoField"
