from django.urls import path

from webapp.cleaning import views

app_name = "cleaning"
urlpatterns = [
    path("", views.groups, name="groups"),
    path("work/", views.work, name="work"),
    path("look/", views.look, name="look"),
    path("undo/", views.undo, name="undo"),
    path("keep-best/", views.keep_best_of_all, name="keep_best_of_all"),
    path("<int:pk>/decide/", views.decide, name="decide"),
]
