"""Addresses of the gallery, labelling and pictures; `urls` takes them over."""

from django.urls import URLPattern, path, re_path

from webapp.datasets import views_gallery, views_labelling, views_media

_MEDIA = r"^d/(?P<slug>[^/]+)/media/(?P<sha256>[0-9a-f]{64})/"

urlpatterns: list[URLPattern] = [
    path("d/<str:slug>/images/", views_gallery.images, name="images"),
    path("d/<str:slug>/inbox/", views_gallery.inbox, name="inbox"),
    path("d/<str:slug>/images/ids.json", views_gallery.ids, name="ids"),
    path("d/<str:slug>/images/page.json", views_gallery.page, name="page"),
    path("d/<str:slug>/images/counts.json", views_gallery.counts, name="counts"),
    path("d/<str:slug>/images/label/", views_labelling.label, name="label"),
    path("d/<str:slug>/images/state/", views_labelling.set_state, name="state"),
    path("d/<str:slug>/images/split/", views_labelling.split, name="split"),
    path("d/<str:slug>/images/reference/", views_labelling.reference, name="reference"),
    path("d/<str:slug>/images/undo/", views_labelling.undo, name="undo"),
    path("d/<str:slug>/images/<int:pk>/", views_gallery.image, name="image"),
    re_path(_MEDIA + r"thumb\.jpg$", views_media.thumb, name="thumb"),
    re_path(_MEDIA + r"view\.jpg$", views_media.view, name="view"),
    re_path(_MEDIA + r"original$", views_media.original, name="original"),
]
