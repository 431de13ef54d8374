from django.urls import path

from webapp.guessing import views

app_name = "guessing"
urlpatterns = [
    path("", views.page, name="page"),
    path("work/", views.work, name="work"),
    path("fit/", views.fit, name="fit"),
    path("accept/", views.accept, name="accept"),
    path("undo/", views.undo, name="undo"),
    path("alike/", views.alike, name="alike"),
    path("alike/<int:pk>/work/", views.alike_work, name="alike_work"),
]
