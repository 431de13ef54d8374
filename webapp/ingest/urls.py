from django.urls import path

from webapp.ingest import sending, views

app_name = "ingest"
urlpatterns = [
    path("", views.upload, name="upload"),
    path("open/", sending.open_batch, name="open"),
    path("lists/", sending.read_list, name="read_list"),
    path("<int:pk>/", views.batch, name="batch"),
    path("<int:pk>/files/", sending.add_files, name="add"),
    path("<int:pk>/parts/", sending.add_part, name="part"),
    path("<int:pk>/arrived/", sending.arrived, name="arrived"),
    path("<int:pk>/close/", sending.close_batch, name="close"),
    path("<int:pk>/discard/", sending.discard_batch, name="discard"),
    path("<int:pk>/verdicts.csv", views.batch_csv, name="csv"),
]
