from django.urls import path

from webapp.evaluations import views, views_try

app_name = "evaluations"
urlpatterns = [
    path("evaluation/", views.matrix, name="matrix"),
    path("evaluation/cell/", views.cell, name="cell"),
    path("evaluation/mistakes/", views.mistakes, name="mistakes"),
    path("evaluation/relabel/", views.relabel, name="relabel"),
    path("evaluation/relabel/undo/", views.relabel_undo, name="relabel_undo"),
    path("try/", views_try.try_photo, name="try"),
]
