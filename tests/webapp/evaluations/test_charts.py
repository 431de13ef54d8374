"""Figures as plain dicts: what Plotly is given."""

from __future__ import annotations

import json

from webapp.evaluations.charts import (
    FIGURES_IN_CELLS,
    RIGHT_FROM,
    WRONG_TO,
    chosen_point,
    coverage_figure,
    coverage_rows,
    matrix_figure,
)
from webapp.evaluations.matrix import Axis, Matrix


def matrix(counts: list[list[int]], names: list[str] | None = None) -> Matrix:
    names = names or [f"class {i}" for i in range(len(counts))]
    return Matrix(tuple(Axis(f"k{i}", name, "", "kitchen", (i,)) for i, name in enumerate(names)), counts)


def test_right_and_wrong_answers_are_two_layers_in_their_own_colours():
    figure = matrix_figure(matrix([[3, 1], [0, 4]]), "counts")
    wrong, right = figure["data"]
    assert right["z"] == [[RIGHT_FROM + (1 - RIGHT_FROM) * 0.75, None], [None, 1.0]]
    assert wrong["z"] == [[None, WRONG_TO], [0.0, None]]
    assert (wrong["text"], right["text"]) == ([["", "1"], ["", ""]], [["3", ""], ["", "4"]])


def test_rates_are_shares_of_the_true_class():
    wrong, right = matrix_figure(matrix([[3, 1], [5, 5]]), "rates")["data"]
    assert (right["text"][0][0], wrong["text"][0][1], wrong["text"][1][0]) == ("75", "25", "50")
    assert wrong["z"][1][0] == WRONG_TO


def test_names_and_counts_go_along_for_what_a_cell_says_when_hovered():
    figure = matrix_figure(matrix([[3, 1], [0, 4]], ["tin", "peel"]), "counts")
    assert figure["names"] == ["tin", "peel"]
    assert figure["counts"] == [[3, 1], [0, 4]]
    assert figure["keys"] == ["k0", "k1"]


def test_names_from_people_are_never_markup():
    figure = matrix_figure(matrix([[1, 0], [0, 1]], ["<a href='x'>", "b"]), "counts")
    text = json.dumps({"data": figure["data"], "layout": figure["layout"]})
    assert "<a " not in text
    assert "&lt;a href" in text


def test_many_classes_keep_labels_but_no_figures_in_cells():
    size = 55
    counts = [[int(i == j) for j in range(size)] for i in range(size)]
    figure = matrix_figure(matrix(counts), "counts")
    assert size > FIGURES_IN_CELLS
    assert "texttemplate" not in figure["data"][0]
    assert len(figure["layout"]["yaxis"]["ticktext"]) == size
    assert figure["keys"][54] == "k54"


def test_an_empty_matrix_and_an_empty_row_divide_by_nothing():
    figure = matrix_figure(matrix([[0, 0], [0, 0]]), "rates")
    assert figure["data"][0]["z"] == [[None, 0.0], [0.0, None]]


CALIBRATION = {
    "threshold": 0.6,
    "target": 0.97,
    "curve": [[0.0, 1.0, 0.9], [0.59, 0.8, 0.96], [0.9, 0.4, 1.0]],
}


def test_the_coverage_curve_marks_the_point_nearest_to_the_threshold():
    line, mark = coverage_figure(CALIBRATION)["data"]
    assert (line["x"], line["y"]) == ([1.0, 0.8, 0.4], [0.9, 0.96, 1.0])
    assert (mark["x"], mark["y"]) == ([0.8], [0.96])
    assert chosen_point(CALIBRATION) == [0.59, 0.8, 0.96]


def test_without_a_threshold_nothing_is_marked():
    assert len(coverage_figure({"curve": CALIBRATION["curve"]})["data"]) == 1
    assert chosen_point({}) is None


def test_the_table_beside_the_curve_stays_short():
    assert len(coverage_rows({"curve": [[i / 500, 1.0, 1.0] for i in range(500)]})) <= 12
    assert coverage_rows({}) == []
