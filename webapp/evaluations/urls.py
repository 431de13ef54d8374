from django.urls import path

from webapp.evaluations import views_try

app_name = "evaluations"
urlpatterns = [
    path("try/", views_try.try_photo, name="try"),
]
