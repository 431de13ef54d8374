from ml.balance import balanced_weights


def test_rare_classes_weigh_more_and_the_mean_over_photos_is_one():
    counts = [30, 10, 20]
    weights = balanced_weights(counts)
    assert weights == [60 / 90, 60 / 30, 60 / 60]
    assert sum(n * weight for n, weight in zip(counts, weights, strict=True)) == 60


def test_a_class_without_photos_and_no_classes_at_all_divide_by_nothing():
    assert balanced_weights([4, 0]) == [0.5, 2.0]
    assert balanced_weights([]) == []
