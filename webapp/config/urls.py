from django.urls import include, path

from webapp.core import views as core

urlpatterns = [
    path("", include("webapp.publishing.urls")),
    path("", include("webapp.accounts.urls")),
    path("language/", core.set_language, name="set_language"),
    path("jsi18n/", core.javascript_catalog, name="javascript_catalog"),
    path("studio/", include("webapp.datasets.urls")),
    path("studio/queue/", include("webapp.jobs.urls")),
    path("studio/d/<str:slug>/upload/", include("webapp.ingest.urls")),
    path("studio/d/<str:slug>/guesses/", include("webapp.guessing.urls")),
    path("studio/d/<str:slug>/review/", include("webapp.reviewing.urls")),
    path("studio/d/<str:slug>/map/", include("webapp.mapping.urls")),
    path("studio/d/<str:slug>/clean/", include("webapp.cleaning.urls")),
    path("studio/d/<str:slug>/prepare/", include("webapp.preparing.urls")),
    path("studio/d/<str:slug>/crawls/", include("webapp.crawls.urls")),
    path("studio/d/<str:slug>/snapshots/", include("webapp.snapshots.urls")),
    path("studio/d/<str:slug>/exports/", include("webapp.exports.urls")),
    path("studio/d/<str:slug>/runs/", include("webapp.runs.urls")),
    path("studio/d/<str:slug>/runs/<int:number>/", include("webapp.evaluations.urls")),
]

handler400 = "webapp.core.views.bad_request"
handler403 = "webapp.core.views.forbidden"
handler404 = "webapp.core.views.not_found"
handler500 = "webapp.core.views.server_error"
