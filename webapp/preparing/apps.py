from django.apps import AppConfig


class PreparingConfig(AppConfig):
    name = "webapp.preparing"
    label = "preparing"
    default_auto_field = "django.db.models.BigAutoField"
