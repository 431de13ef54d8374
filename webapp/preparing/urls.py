from django.urls import path, re_path

from webapp.preparing import views, views_enhanced

app_name = "preparing"
urlpatterns = [
    path("", views.home, name="home"),
    path("start/", views.start, name="start"),
    path("rules/", views.rules, name="rules"),
    path("rules/counts/", views.counts, name="counts"),
    path("rules/samples/", views.samples, name="samples"),
    path("within/", views.within, name="within"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/live/", views.live, name="live"),
    path("<int:pk>/undo/", views.undo, name="undo"),
    path("enhanced/<int:number>/", views_enhanced.gallery, name="enhanced"),
    path("enhanced/<int:number>/make/", views_enhanced.make, name="make"),
    path("enhanced/<int:number>/photos.zip", views_enhanced.download, name="download"),
    re_path(
        r"^flips/(?P<sha256>[0-9a-f]{64})/(?P<transform>hflip|vflip)\.jpg$", views_enhanced.flip, name="flip"
    ),
]
