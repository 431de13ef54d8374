from django.apps import AppConfig


class SnapshotsConfig(AppConfig):
    name = "webapp.snapshots"
    label = "snapshots"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from webapp.jobs.endings import on_unsuccessful_end
        from webapp.jobs.models import JobKind
        from webapp.snapshots.services import snapshot_end_unfinished

        on_unsuccessful_end(JobKind.SNAPSHOT, snapshot_end_unfinished)
