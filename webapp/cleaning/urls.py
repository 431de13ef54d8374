from django.urls import path

from webapp.cleaning import views, views_suspects

app_name = "cleaning"
urlpatterns = [
    path("", views.groups, name="groups"),
    path("work/", views.work, name="work"),
    path("look/", views.look, name="look"),
    path("undo/", views.undo, name="undo"),
    path("keep-best/", views.keep_best_of_all, name="keep_best_of_all"),
    path("<int:pk>/decide/", views.decide, name="decide"),
    path("labels/", views_suspects.suspects, name="suspects"),
    path("labels/work/", views_suspects.work, name="suspects_work"),
    path("labels/check/", views_suspects.check, name="check"),
    path("labels/<int:pk>/decide/", views_suspects.decide, name="suspect_decide"),
    path("labels/<int:pk>/undo/", views_suspects.undo, name="suspect_undo"),
]
