from django.urls import path

from webapp.mapping import views

app_name = "mapping"
urlpatterns = [
    path("", views.page, name="page"),
    path("work/", views.work, name="work"),
    path("draw/", views.draw, name="draw"),
    path("points.json", views.points, name="points"),
    path("counts.json", views.counts, name="counts"),
    path("within.json", views.within, name="within"),
]
