from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("datasets", "0005_crawl_provenance"),
        ("ingest", "0002_resumable_uploads"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                condition=models.Q(("source", "crawl")),
                fields=["dataset", "state", "source", "-id", "label", "licence"],
                name="image_of_crawl",
            ),
        ),
    ]
