from django.urls import path

from webapp.ingest import views

app_name = "ingest"
urlpatterns = [
    path("", views.upload, name="upload"),
    path("open/", views.open_batch, name="open"),
    path("<int:pk>/", views.batch, name="batch"),
    path("<int:pk>/files/", views.add_files, name="add"),
    path("<int:pk>/close/", views.close_batch, name="close"),
    path("<int:pk>/verdicts.csv", views.batch_csv, name="csv"),
]
