import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.config.settings")
application = get_wsgi_application()

if os.environ.get("SORTYARD_TREE"):
    # Started by `manage.py up`: the server's own children must not outlive it either.
    from ml.family import die_with_parent

    die_with_parent()
