from django.urls import path

from webapp.runs import views

app_name = "runs"
urlpatterns = [
    path("", views.run_list, name="list"),
    path("new/", views.run_new, name="new"),
    path("<int:number>/", views.run_detail, name="detail"),
    path("<int:number>/live/", views.run_live, name="live"),
    path("<int:number>/cancel/", views.run_cancel, name="cancel"),
    path("<int:number>/again/", views.run_again, name="again"),
    path("<int:number>/log/", views.run_log, name="log"),
]
