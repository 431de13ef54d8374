import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("snapshots", "0003_filter")]

    operations = [
        migrations.CreateModel(
            name="SnapshotContent",
            fields=[
                (
                    "snapshot",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="content",
                        serialize=False,
                        to="snapshots.snapshot",
                    ),
                ),
                ("packed", models.BinaryField(help_text="compressed JSON, see contents.py")),
            ],
        ),
    ]
