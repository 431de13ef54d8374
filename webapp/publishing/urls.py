"""One module for the public pages and the studio's, since both are of the namespace `publishing`."""

from django.urls import path

from webapp.publishing import views, views_public

app_name = "publishing"
_STUDIO = "studio/d/<str:slug>/models/"
urlpatterns = [
    path("", views_public.home, name="home"),
    path("m/<str:slug>/", views_public.model, name="model"),
    path(_STUDIO, views.models, name="models"),
    path(f"{_STUDIO}publish/<int:number>/", views.publish, name="publish"),
    path(f"{_STUDIO}<int:pk>/current/", views.make_current, name="make_current"),
    path(f"{_STUDIO}<int:pk>/card/", views.card, name="card"),
    path(f"{_STUDIO}<int:pk>/bundle.zip", views.download, name="download"),
]
