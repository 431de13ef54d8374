from django.urls import path

from webapp.jobs import views

app_name = "jobs"
urlpatterns = [
    path("", views.queue, name="queue"),
    path("indicator/", views.queue_indicator, name="indicator"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/row/", views.row, name="row"),
    path("<int:pk>/live/", views.live, name="live"),
    path("<int:pk>/cancel/", views.cancel, name="cancel"),
]
