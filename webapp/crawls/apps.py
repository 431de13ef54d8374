from django.apps import AppConfig


class CrawlsConfig(AppConfig):
    name = "webapp.crawls"
    label = "crawls"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from webapp.crawls.services import crawl_end_unfinished
        from webapp.crawls.sources import address_rules
        from webapp.jobs.endings import on_unsuccessful_end
        from webapp.jobs.models import JobKind

        on_unsuccessful_end(JobKind.CRAWL, crawl_end_unfinished)
        address_rules()  # in production a door left open stops the start
