from django.urls import path

from webapp.crawls import views, views_credits, views_review, views_sources, views_start

app_name = "crawls"
urlpatterns = [
    path("", views.crawl_list, name="list"),
    path("new/", views_start.new, name="new"),
    path("fill/", views_start.fill, name="fill"),
    path("<int:number>/", views.detail, name="detail"),
    path("<int:number>/go-on/", views.go_on, name="go_on"),
    path("<int:number>/discard/", views.discard, name="discard"),
    path("thumb/<int:pk>.jpg", views.thumb, name="thumb"),
    path("review/<int:pk>/", views_review.review, name="review"),
    path("review/<int:pk>/work/", views_review.work, name="work"),
    path("review/<int:pk>/decide/", views_review.decide, name="decide"),
    path("review/<int:pk>/undo/", views_review.undo, name="undo"),
    path("review/<int:pk>/rank/", views_review.rank, name="rank"),
    path("sources/", views_sources.source_list, name="sources"),
    path("sources/<str:key>/turn/", views_sources.turn, name="turn"),
    path("sources/<str:key>/check/", views_sources.check, name="check"),
    path("credits/", views_credits.credit_list, name="credits"),
    path("credits/credits.csv", views_credits.credits_csv, name="credits_csv"),
]
