"""Files go in, each gets a verdict, and nothing is lost: the real handler with its real decoding children."""

import io
import zipfile

import pillow_heif
import pytest
from PIL import Image as Pillow

from tests.support.photos import (
    animated_webp,
    exif_rotated,
    gbk_zip,
    huge_png,
    jpeg,
    picture,
    saved,
    sixteen_bit_png,
    zip_of,
)
from webapp.core.store import site_store
from webapp.datasets.models import Image, ImageState, LabelClass, LabelEvent
from webapp.ingest.models import BatchState, UploadItem, Verdict
from webapp.ingest.verdicts import sentence
from webapp.jobs.models import JobState

pytestmark = pytest.mark.django_db(transaction=True)


def verdicts(batch) -> dict[str, str]:
    return dict(batch.items.values_list("name", "verdict"))


def test_photos_of_class_folders_are_accepted_with_label_provenance_and_thumbnail(imported, curator):
    batch = imported({"glass/1.jpg": jpeg(1), "paper/2.jpg": jpeg(2)})
    assert batch.state == BatchState.FINISHED
    assert set(verdicts(batch).values()) == {Verdict.SAVED}
    image = Image.objects.get(original_name="glass/1.jpg")
    assert (image.label.key, image.state, image.author, image.licence) == ("glass", "accepted", "Ann", "CC0")
    assert (image.width, image.height, image.format) == (160, 120, "JPEG")
    with Pillow.open(site_store().thumb_path(image.sha256)) as thumb:
        assert thumb.size == (160, 120)
    event = LabelEvent.objects.get(image=image)
    assert (event.new_label.key, event.actor, event.origin) == ("glass", curator, "folder")


def test_a_photo_without_a_folder_goes_to_the_inbox(imported):
    imported({"loose.jpg": jpeg(3)})
    image = Image.objects.get()
    assert (image.label, image.state) == (None, ImageState.INBOX)


def test_a_folder_of_two_levels_gives_category_and_class_where_the_category_is_known(imported):
    imported({"可回收物_鼠标/1.jpg": jpeg(1), "plastic_bottle/1.jpg": jpeg(2)})
    mouse = LabelClass.objects.get(key="鼠标")
    assert (mouse.category.key, mouse.category.bin, mouse.name_en) == (
        "可回收物",
        "recyclable",
        "Computer mouse",
    )
    assert LabelClass.objects.get(key="plastic_bottle").category is None


def test_every_kind_of_bad_file_gets_its_own_verdict_and_the_good_ones_are_saved(imported):
    whole = jpeg(4)
    files = {
        "glass/good.jpg": whole,
        "glass/empty.jpg": b"",
        "glass/cut.jpg": jpeg(6)[: len(jpeg(6)) // 2],
        "glass/text.jpg": b"this is no photo at all, just some text\n" * 20,
        "glass/huge.png": huge_png(),
        "glass/vector.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "glass/page.jpeg": b"<!doctype html><script>alert(1)</script>",
        "glass/old.gif": saved(picture(7), "GIF"),
        "glass/empty.zip": b"",
        "glass/again.jpg": whole,
    }
    batch = imported(files)
    found = verdicts(batch)
    assert batch.job.state == JobState.SUCCEEDED
    assert found["glass/good.jpg"] == Verdict.SAVED
    assert found["glass/again.jpg"] == Verdict.DUPLICATE
    assert found["glass/empty.jpg"] == Verdict.EMPTY
    assert found["glass/cut.jpg"] == Verdict.TRUNCATED
    assert found["glass/text.jpg"] == Verdict.NOT_AN_IMAGE
    assert found["glass/huge.png"] == Verdict.TOO_MANY_PIXELS
    assert found["glass/empty.zip"] == Verdict.BAD_ARCHIVE
    assert found["glass/page.jpeg"] in (Verdict.NOT_AN_IMAGE, Verdict.UNSUPPORTED_FORMAT)
    assert found["glass/vector.svg"] in (Verdict.NOT_AN_IMAGE, Verdict.UNSUPPORTED_FORMAT)
    assert found["glass/old.gif"] == Verdict.UNSUPPORTED_FORMAT
    assert Image.objects.count() == 1
    for item in batch.items.exclude(verdict=Verdict.SAVED):
        assert len(sentence(item.verdict, item.detail)) > 20


def test_odd_but_good_photos_are_saved_upright_and_in_plain_colours(imported):
    batch = imported(
        {
            "odd/cmyk.jpg": saved(picture(11).convert("CMYK"), "JPEG"),
            "odd/sixteen.png": sixteen_bit_png(),
            "odd/turned.jpg": exif_rotated(),
            "odd/moving.webp": animated_webp(),
            "odd/clear.png": saved(picture(12).convert("RGBA"), "PNG"),
        }
    )
    assert set(verdicts(batch).values()) == {Verdict.SAVED}
    turned = Image.objects.get(original_name="odd/turned.jpg")
    assert (turned.width, turned.height) == (120, 160)
    for image in Image.objects.all():
        with Pillow.open(site_store().thumb_path(image.sha256)) as thumb:
            assert (thumb.size, thumb.mode) == ((image.width, image.height), "RGB")
            assert not thumb.getexif()


def test_a_photo_from_an_iphone_is_saved(imported):
    heic = pillow_heif.from_pillow(picture(14))
    buffer = io.BytesIO()
    heic.save(buffer, quality=80)
    batch = imported({"glass/IMG_0001.HEIC": buffer.getvalue()})
    assert verdicts(batch) == {"glass/IMG_0001.HEIC": Verdict.SAVED}
    image = Image.objects.get()
    assert (image.label.key, image.width, image.height) == ("glass", 160, 120)
    with Pillow.open(site_store().thumb_path(image.sha256)) as thumb:
        assert thumb.size == (160, 120)


def test_a_photo_of_45_megapixels_is_saved(imported):
    side = saved(picture(15, size=(7745, 5810)), "JPEG", quality=60)
    assert verdicts(imported({"glass/large.jpg": side})) == {"glass/large.jpg": Verdict.SAVED}
    assert Image.objects.get().width == 7745


def test_a_wrong_ending_does_not_matter_as_long_as_the_content_is_a_photo(imported):
    files = {
        "a/png.jpg": saved(picture(16), "PNG"),
        "a/jpeg.png": jpeg(17),
        "a/webp.heic": saved(picture(18), "WEBP"),
    }
    assert set(verdicts(imported(files)).values()) == {Verdict.SAVED}
    assert set(Image.objects.values_list("format", flat=True)) == {"PNG", "JPEG", "WEBP"}


def test_two_different_photos_of_one_name_are_both_saved(imported, dataset, curator):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("glass/1.jpg", jpeg(21))
        with pytest.warns(UserWarning, match="Duplicate name"):
            target.writestr("glass/1.jpg", jpeg(22))
    batch = imported({"all.zip": archive.getvalue()})
    assert sorted(batch.items.values_list("name", "verdict")) == [
        ("all.zip", "expanded"),
        ("all.zip/glass/1.jpg", "saved"),
        ("all.zip/glass/1.jpg", "saved"),
    ]


def test_a_zip_bomb_ends_in_a_verdict_and_what_came_before_it_is_kept(imported):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        target.writestr("glass/good.jpg", jpeg(23))
        target.writestr("glass/bomb.jpg", b"\0" * (40 << 20))
        target.writestr("glass/after.jpg", jpeg(24))
    found = verdicts(imported({"bomb.zip": archive.getvalue()}))
    assert found["bomb.zip"] == Verdict.BAD_ARCHIVE
    assert found["bomb.zip/glass/good.jpg"] == Verdict.SAVED
    assert list(site_store().spool.iterdir()) == []


def test_a_locked_zip_ends_in_a_verdict_for_each_file(imported):
    locked = bytearray(zip_of({"glass/1.jpg": jpeg(25)}))
    locked[locked.index(b"PK\3\4") + 6] |= 1
    locked[locked.index(b"PK\1\2") + 8] |= 1
    assert verdicts(imported({"a.zip": bytes(locked)})) == {
        "a.zip": Verdict.EXPANDED,
        "a.zip/glass/1.jpg": Verdict.ENCRYPTED,
    }


def test_a_zip_of_10_000_tiny_files_gives_each_its_verdict(imported):
    batch = imported({"tiny.zip": zip_of({f"t/{n}.jpg": b"x%d" % n for n in range(10_000)})})
    counts = batch.job.result["verdicts"]
    assert counts == {Verdict.EXPANDED: 1, Verdict.NOT_AN_IMAGE: 10_000}


def test_a_copy_that_came_with_a_class_of_a_photo_without_label_says_that_it_stays_so(imported):
    imported({"1.jpg": jpeg(26)})
    item = imported({"glass/1.jpg": jpeg(26)}).items.get()
    assert (item.verdict, item.image.label) == (Verdict.DUPLICATE, None)
    assert "no label yet" in item.detail
    assert sentence(item.verdict, item.detail).count("no label yet") == 1


def test_names_in_chinese_with_newlines_or_markup_are_kept_as_labels(imported):
    names = [
        "厨余垃圾_薯条/照片 一.jpg",
        "two\nlines/a\nb.jpg",
        "<b>bold/<img src=x>.jpg",
        "x" * 300 + "/y.jpg",
    ]
    batch = imported({name: jpeg(20 + number) for number, name in enumerate(names)})
    assert set(verdicts(batch).values()) == {Verdict.SAVED}
    keys = set(LabelClass.objects.values_list("key", flat=True))
    assert keys == {"薯条", "two lines", "<b>bold", "x" * 120}


def test_a_zip_is_unpacked_and_its_bad_entries_are_told_one_by_one(imported):
    archive = zip_of(
        {
            "photos/glass/1.jpg": jpeg(31),
            "photos/paper/2.jpg": jpeg(32),
            "../../etc/evil.jpg": jpeg(33),
            "photos/glass/broken.jpg": b"\xff\xd8\xff\xe0 not much of a photo",
            "photos/inner.zip": zip_of({"glass/3.jpg": jpeg(34)}),
        }
    )
    batch = imported({"all.zip": archive})
    found = verdicts(batch)
    assert found.pop("all.zip") == Verdict.EXPANDED
    assert found["all.zip/photos/glass/1.jpg"] == Verdict.SAVED
    assert found["all.zip/photos/paper/2.jpg"] == Verdict.SAVED
    assert found["all.zip/../../etc/evil.jpg"] == Verdict.UNSAFE_NAME
    assert found["all.zip/photos/inner.zip"] == Verdict.NESTED_ARCHIVE
    assert found["all.zip/photos/glass/broken.jpg"] not in (Verdict.SAVED, Verdict.PENDING)
    assert set(LabelClass.objects.values_list("key", flat=True)) == {"glass", "paper"}
    assert list(site_store().spool.iterdir()) == []


def test_a_zip_from_chinese_windows_keeps_its_names(imported):
    imported({"打包.zip": gbk_zip({"可回收物_鼠标/一.jpg": jpeg(41), "其他垃圾_毛巾/二.jpg": jpeg(42)})})
    assert set(LabelClass.objects.values_list("key", flat=True)) == {"鼠标", "毛巾"}


def test_the_same_photo_in_two_classes_keeps_the_first_label_and_says_so(imported):
    batch = imported({"glass/1.jpg": jpeg(51), "paper/1.jpg": jpeg(51)})
    copy = batch.items.get(name="paper/1.jpg")
    assert (copy.verdict, copy.image.label.key) == (Verdict.DUPLICATE, "glass")
    assert "paper" in copy.detail
    assert "glass" in copy.detail


def test_a_second_upload_of_the_same_photos_saves_nothing_twice(imported):
    files = {f"glass/{n}.jpg": jpeg(60 + n) for n in range(5)}
    imported(files)
    again = imported(files)
    assert set(verdicts(again).values()) == {Verdict.DUPLICATE}
    assert Image.objects.count() == 5


def test_copies_of_a_broken_file_all_get_a_verdict(imported):
    batch = imported({"a/1.jpg": b"no photo" * 10, "a/2.jpg": b"no photo" * 10})
    assert set(verdicts(batch).values()) == {Verdict.NOT_AN_IMAGE}


def test_an_import_that_was_lost_in_the_middle_goes_on_without_doubling_anything(imported, dataset):
    """The worker died after its rows were written but before their verdicts were: the next attempt finds them."""
    from worker.context import JobContext
    from worker.handlers.import_photos import handle

    batch = imported({f"glass/{n}.jpg": jpeg(80 + n) for n in range(4)})
    UploadItem.objects.filter(batch=batch, name__in=["glass/1.jpg", "glass/2.jpg"]).update(
        verdict=Verdict.PENDING, image=None
    )
    batch.job.state = JobState.RUNNING
    batch.job.lease_owner, batch.job.lease_until = "host/1/1", batch.job.created_at
    batch.job.save()
    assert handle(JobContext(batch.job))["verdicts"] == {Verdict.SAVED: 4}
    assert Image.objects.count() == 4


def test_no_files_at_all_is_an_import_of_nothing(imported):
    assert imported({}).job.result == {"verdicts": {}}


def test_gps_is_not_in_what_the_pages_show(imported):
    exif = Pillow.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010F] = "Secret Camera"
    imported({"glass/1.jpg": saved(picture(90), "JPEG", exif=exif)})
    image = Image.objects.get()
    data = site_store().thumb_path(image.sha256).read_bytes()
    assert b"Secret Camera" not in data
    assert not Pillow.open(io.BytesIO(data)).getexif()
