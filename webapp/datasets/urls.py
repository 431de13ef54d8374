from django.urls import path

from webapp.datasets import urls_gallery, views_class_acts, views_classes, views_datasets

app_name = "datasets"
urlpatterns = [
    path("", views_datasets.dataset_list, name="list"),
    path("new/", views_datasets.dataset_create, name="create"),
    path("d/<str:slug>/", views_datasets.dataset_overview, name="overview"),
    path("d/<str:slug>/work/", views_datasets.dataset_work, name="work"),
    path("d/<str:slug>/train/", views_datasets.dataset_train, name="train"),
    path("d/<str:slug>/classes/", views_classes.classes, name="classes"),
    path("d/<str:slug>/classes/new/", views_classes.class_add, name="class_add"),
    path("d/<str:slug>/classes/<int:pk>/", views_classes.class_edit, name="class_edit"),
    path("d/<str:slug>/classes/merge/", views_class_acts.merge, name="class_merge"),
    path("d/<str:slug>/classes/preset/", views_class_acts.preset, name="class_preset"),
    path("d/<str:slug>/classes/history/", views_class_acts.history, name="class_history"),
    path("d/<str:slug>/classes/undo/<int:pk>/", views_class_acts.class_undo, name="class_undo"),
    path("d/<str:slug>/classes/<int:pk>/delete/", views_class_acts.class_delete, name="class_delete"),
    path("d/<str:slug>/classes/<int:pk>/move/", views_class_acts.class_move, name="class_move"),
    path("d/<str:slug>/categories/<int:pk>/", views_class_acts.category_edit, name="category_edit"),
    path("d/<str:slug>/bins/", views_classes.bins, name="bins"),
    *urls_gallery.urlpatterns,
]
