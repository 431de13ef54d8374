// Curves of several runs in the same two figures.
import { Figure } from "../charts/figure.js";
import { accuracyFigure, lossFigure, onLogSwitch } from "./curves.js";

const root = document.querySelector("[data-compare]");
if (root) {
  const runs = JSON.parse(document.getElementById("curves").textContent);
  const loss = new Figure(root.querySelector("[data-figure=loss]"));
  loss.draw(lossFigure(runs));
  new Figure(root.querySelector("[data-figure=accuracy]")).draw(accuracyFigure(runs));
  onLogSwitch(root, (log) => loss.draw(lossFigure(runs, { log })));
}
