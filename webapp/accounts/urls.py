from django.urls import path

from webapp.accounts import views, views_people

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-in/link/<str:token>/", views.link, name="link"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("studio/people/", views_people.people_list, name="people"),
    path("studio/people/add/", views_people.add, name="people_add"),
    path("studio/people/<int:pk>/", views_people.change, name="people_change"),
    path("studio/people/<int:pk>/link/", views_people.link, name="people_link"),
    path("studio/account/", views.account, name="account"),
]
