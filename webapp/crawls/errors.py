class CrawlError(ValueError):
    """The crawl can't be started or gone on with as asked; the message says what to change."""
