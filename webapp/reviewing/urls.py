from django.urls import path

from webapp.reviewing import views

app_name = "reviewing"
urlpatterns = [
    path("", views.page, name="page"),
    path("mine/", views.mine, name="mine"),
    path("give/", views.give, name="give"),
    path("take-back/", views.take_back, name="take_back"),
    path("hand-over/", views.hand_over, name="hand_over"),
    path("order/", views.order, name="order"),
    path("order/work/", views.order_work, name="order_work"),
]
