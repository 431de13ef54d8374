from django.urls import path

from webapp.snapshots import views, views_preview

app_name = "snapshots"
urlpatterns = [
    path("", views.snapshot_list, name="list"),
    path("new/", views.snapshot_create, name="create"),
    path("preview/", views_preview.snapshot_preview, name="preview"),
    path("look/", views_preview.snapshot_look, name="look"),
    path("look/<int:pk>/", views_preview.snapshot_report, name="report"),
    path("<int:number>/", views.snapshot_detail, name="detail"),
    path("<int:number>/row/", views.snapshot_row, name="row"),
    path("<int:number>/live/", views.snapshot_live, name="live"),
    path("<int:number>/manifest.json", views.snapshot_manifest, name="manifest"),
    path("<int:number>/compare/", views.snapshot_compare, name="compare"),
    path("<int:number>/restore/", views.snapshot_restore, name="restore"),
    path("<int:number>/note/", views.snapshot_note, name="note"),
]
